//! `maxclip golden record`: keeps a run of the baseline that this class of machines must repeat.

use std::path::PathBuf;

use anyhow::Result;
use records::Exit;

use crate::{
    folders::Home,
    golden::{Bench, Golden},
    halt::Went,
    kit::Kit,
    launch,
    problem::Problem,
    resolve::Law,
    terminal::Terminal,
};

/// Arguments of `maxclip golden`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    act: Act,
}

/// What to do with a golden.
#[derive(Debug, clap::Subcommand)]
enum Act {
    /// Run the baseline and keep what it did
    Record {
        /// Why: kept beside it
        #[arg(long, value_parser = super::said)]
        reason: String,
        #[command(flatten)]
        at: At,
    },
    /// Run the baseline again and compare every step
    Replay {
        #[command(flatten)]
        at: At,
    },
}

/// Which golden, and where.
#[derive(Debug, clap::Args)]
struct At {
    /// The protocol
    #[arg(long, default_value = "mini")]
    protocol: String,
    /// Where data, goldens and entries lie
    #[arg(long, default_value = "runs")]
    home: PathBuf,
    /// Where the built programs are [default: beside this program]
    #[arg(long)]
    kit: Option<PathBuf>,
}

/// Records or replays.
pub fn run(args: Args, terminal: &mut Terminal) -> Result<Exit> {
    match args.act {
        Act::Record { reason, at } => at.with(terminal, "recorded", |bench, tick| bench.record(&reason, tick)),
        Act::Replay { at } => at.with(terminal, "equal", |bench, tick| bench.replay(tick)),
    }
}

impl At {
    fn with(
        self,
        terminal: &mut Terminal,
        word: &str,
        act: impl FnOnce(Bench<'_>, &mut dyn FnMut(launch::Tick)) -> Went<Golden>,
    ) -> Result<Exit> {
        let law = Law::named(&self.protocol)?;
        let kit = Kit::find(self.kit.as_deref()).map_err(Problem::from)?;
        let home = Home(self.home);
        let class = launch::class(&kit)?;
        let bench = Bench { kit: &kit, home: &home, law: &law, class };
        let mut bar = terminal.progress("golden", law.protocol.golden.steps);
        let went = act(bench, &mut |_| bar.add(1));
        drop(bar);
        match went {
            Ok(golden) => {
                let digest = golden.transcript.short();
                terminal.line(format_args!("{} steps {word}   {digest}   {}", golden.steps, golden.class.short()));
                Ok(Exit::Pass)
            }
            Err(halt) => halt.tell(terminal),
        }
    }
}
