//! `maxclip golden`: keeps a run of the baseline that this class of machines must repeat, repeats it, and signs it.

use std::path::{Path, PathBuf};

use anyhow::Result;
use records::{
    Exit, Stop, Verdict, canonical,
    file::{self, read_bounded},
    v1::{
        golden::{Golden, Recording},
        progress::ProgressLine,
    },
};
use verifier::envelope::{self, CERTIFICATE_MAX};

use super::verify;
use crate::{
    datahome,
    folders::Home,
    golden::{Recorded, Recorder},
    goldens,
    kit::Kit,
    launch,
    plain::PlainFolder,
    problem::Problem,
    protocols, signals, stop,
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
        /// Why the golden that is there has to give way; it is kept beside, with all reasons
        #[arg(long, value_name = "REASON", value_parser = super::said)]
        supersede: Option<String>,
        #[command(flatten)]
        at: At,
    },
    /// Sign a recorded golden, so that others can rest on it
    Sign {
        /// The golden's folder, with statement.json and the recorded run
        golden: PathBuf,
        /// The secret key, of role golden; its public half lies beside it as .pub
        #[arg(long)]
        key: PathBuf,
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
    /// The protocol: a name, or a file of your own that ends with .toml
    #[arg(long, value_name = "NAME|FILE", default_value = "mini")]
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
    let _patience = signals::patiently(signals::Again::Anew);
    match args.act {
        Act::Record { reason, supersede, at } => {
            at.with(terminal, |recorder, tick| match recorder.record(&reason, supersede.as_deref(), tick)? {
                Recorded::New(golden) => Ok((golden, "recorded")),
                Recorded::Stays(golden) => Ok((golden, "as recorded before: that golden stays, with its reason")),
            })
        }
        Act::Sign { golden, key } => sign(&golden, &key, terminal),
        Act::Replay { at } => at.with(terminal, |recorder, tick| Ok((recorder.replay(tick)?, "equal"))),
    }
}

/// Signs a golden after everything that it says was read again.
fn sign(folder: &Path, key: &Path, terminal: &mut Terminal) -> Result<Exit> {
    let key = super::sign::load(key, None)?;
    let path = folder.join(goldens::STATEMENT);
    let bytes = read_bounded(&path, CERTIFICATE_MAX)?;
    let statement = match envelope::read::<Recording>(bytes.strip_suffix(b"\n").unwrap_or(&bytes)) {
        Verdict::Pass(statement) => statement,
        Verdict::Fail(findings) => return verify::tell_findings(&findings, false, terminal),
        Verdict::Inconclusive(reason) => return verify::tell_reason(&reason, false, terminal),
    };
    match verifier::golden::judge(&statement, &PlainFolder::of(&path))? {
        Verdict::Pass(_) => {}
        Verdict::Fail(findings) => return verify::tell_findings(&findings, false, terminal),
        Verdict::Inconclusive(reason) => return verify::tell_reason(&reason, false, terminal),
    }
    let signed = folder.join(goldens::SIGNED_GOLDEN);
    let before = match read_bounded(&signed, CERTIFICATE_MAX) {
        Ok(bytes) => match envelope::peek::<Recording>(&bytes) {
            Verdict::Pass((envelope, _)) => Some(envelope),
            Verdict::Fail(findings) => return verify::tell_findings(&findings, false, terminal),
            Verdict::Inconclusive(reason) => return verify::tell_reason(&reason, false, terminal),
        },
        Err(error) if error.source.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    let sealed = envelope::seal(&statement, before.as_ref(), &key).map_err(Problem::usage)?;
    file::write(&signed, &canonical::to_file(&sealed)?)?;
    terminal.line(format_args!("signed     {}   {}", signed.display(), key.public().id()));
    Ok(Exit::Pass)
}

impl At {
    fn with(
        self,
        terminal: &mut Terminal,
        act: impl FnOnce(Recorder<'_>, &mut dyn FnMut(ProgressLine)) -> Result<(Golden, &'static str), Stop>,
    ) -> Result<Exit> {
        let pinned = protocols::chosen(&self.protocol)?;
        let kit = Kit::find(self.kit.as_deref()).map_err(Problem::from)?;
        let home = Home(self.home);
        datahome::provide(&home, &pinned.protocol)?;
        let class = launch::class(&kit)?;
        let recorder = Recorder { kit: &kit, home: &home, pinned: &pinned, class };
        let bar = terminal.progress("golden", pinned.protocol.golden.steps);
        let ended = act(recorder, &mut |_| bar.add(1));
        drop(bar);
        match ended {
            Ok((golden, word)) => {
                let digest = golden.transcript.short();
                terminal.line(format_args!("{} steps {word}   {digest}   {}", golden.steps, golden.class.short()));
                Ok(Exit::Pass)
            }
            Err(stop) => stop::tell(stop, terminal),
        }
    }
}
