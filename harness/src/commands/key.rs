//! `maxclip key new`: a pair of files, the secret one for its owner's eyes alone.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;
use records::Exit;
use verifier::keys::{Role, SecretKey};

use crate::{private, problem::Problem, terminal::Terminal};

/// Arguments of `maxclip key`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Makes a key: PREFIX.key (PKCS#8 PEM, for its owner alone) and PREFIX.pub (one line, for everyone)
    New {
        /// What the key is called
        #[arg(long)]
        name: String,
        /// What it may sign: certify, golden, waive or ledger
        #[arg(long, default_value = "certify")]
        role: Role,
        /// Where the two files go; neither may be there
        #[arg(long, value_name = "PREFIX")]
        out: PathBuf,
    },
}

/// Makes a key.
pub fn run(args: Args, terminal: &mut Terminal) -> Result<Exit> {
    let Action::New { name, role, out } = args.action;
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| Problem::fault(format!("the system gives no random bytes: {error}")))?;
    let key = SecretKey::new(&name, role, &seed).map_err(Problem::usage)?;
    let (secret, public) = (with_suffix(&out, "key"), with_suffix(&out, "pub"));
    if fs::symlink_metadata(&public).is_ok() {
        return Err(private::taken(&public).into());
    }
    private::create(&secret, &key.pem().map_err(Problem::fault)?, 0o600)?;
    private::create(&public, &format!("{}\n", key.public()), 0o644)?;
    terminal.line(format_args!("key        {} {}", key.public().id(), role.word()));
    terminal
        .line(format_args!("secret     {}   for nobody else; not on a machine where entries run", secret.display()));
    terminal.line(format_args!("public     {}   for `--trust`", public.display()));
    Ok(Exit::Pass)
}

fn with_suffix(prefix: &Path, suffix: &str) -> PathBuf {
    let mut path = prefix.as_os_str().to_owned();
    path.push(format!(".{suffix}"));
    path.into()
}
