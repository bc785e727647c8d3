//! `maxclip sign`: reads an entry's evidence again and signs its statement.
//!
//! What a statement must say follows from this release's protocols, from the round and the goldens that the caller
//! names, and from the evidence, the ZIP first of all; what it says of itself is never taken.
//! A step of its own, best on a machine where no entry ever runs.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use records::{
    Exit, Finding, Verdict, canonical,
    file::{self, read_bounded, read_named},
    v1::{
        names,
        statement::{Certificate, Envelope, Statement},
    },
};
use verifier::{
    certificate::{self, Ground},
    envelope,
    keys::{Role, SecretKey},
};

use super::verify;
use crate::{goldens, named, plain::PlainFolder, problem::Problem, protocols, round, terminal::Terminal};

/// The longest secret key, in bytes.
const KEY_MAX: u64 = 64 << 10;

/// Arguments of `maxclip sign`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The entry's folder, with statement.json and the evidence
    entry: PathBuf,
    /// The file of the round that you sign for [default: the practice round]
    #[arg(long)]
    round: Option<PathBuf>,
    /// A golden that you know to be right, or a folder of them; repeat it for more. The ones that this program carries
    /// are known to it
    #[arg(long, value_name = "GOLDEN")]
    golden: Vec<PathBuf>,
    /// A list of public keys that you trust for signed goldens; repeat it for more
    #[arg(long, value_name = "KEYS")]
    trust: Vec<PathBuf>,
    /// The file of an organizer's own protocol that it was certified under; its model lies beside it
    #[arg(long, value_name = "FILE")]
    protocol: Option<String>,
    /// The secret key; its public half lies beside it as .pub
    #[arg(long)]
    key: PathBuf,
    /// What the key is called, where there is no .pub beside it
    #[arg(long)]
    name: Option<String>,
    /// Print the verdict as JSON
    #[arg(long)]
    json: bool,
}

/// Signs.
pub fn run(args: Args, terminal: &mut Terminal) -> Result<Exit> {
    named::entry_folder(&args.entry)?;
    let key = load(&args.key, args.name.as_deref())?;
    let round = round::load(args.round.as_deref())?;
    let path = args.entry.join(names::STATEMENT);
    let bytes = read_bounded(&path, envelope::CERTIFICATE_MAX)?;
    let statement: Statement = match envelope::read(bytes.strip_suffix(b"\n").unwrap_or(&bytes)) {
        Verdict::Pass(statement) => statement,
        Verdict::Fail(findings) => return Err(no_statement(&path, &findings).into()),
        Verdict::Inconclusive(reason) => return verify::tell_reason(&reason, args.json, terminal),
    };
    let trust = if args.trust.is_empty() { None } else { Some(verify::trust(&args.trust)?) };
    let goldens = match goldens::known(&args.golden, trust.as_ref())? {
        Verdict::Pass(goldens) => goldens,
        Verdict::Fail(findings) => return verify::tell_findings(&findings, args.json, terminal),
        Verdict::Inconclusive(reason) => return verify::tell_reason(&reason, args.json, terminal),
    };
    let release = protocols::release_with(args.protocol.as_slice())?;
    let ground = Ground { release: &release, round: Some(&round), announced: None, goldens: &goldens };
    match certificate::judge(&statement, &PlainFolder::of(&path), &ground)? {
        Verdict::Pass(_) => {}
        Verdict::Fail(findings) => return refuse(&findings, args.json, terminal),
        Verdict::Inconclusive(reason) => return verify::tell_reason(&reason, args.json, terminal),
    }
    let certificate = args.entry.join(names::CERTIFICATE);
    let before = match std::fs::symlink_metadata(&certificate) {
        Err(_) => None,
        Ok(_) => match existing(&certificate)? {
            Verdict::Pass(before) => Some(before),
            Verdict::Fail(findings) => return Err(no_certificate(&certificate, &findings).into()),
            Verdict::Inconclusive(reason) => return verify::tell_reason(&reason, args.json, terminal),
        },
    };
    let sealed = envelope::seal(&statement, before.as_ref(), &key).map_err(Problem::usage)?;
    file::write(&certificate, &canonical::to_file(&sealed)?)?;
    if !args.json {
        let signed = format!("signed     {}   {}", certificate.display(), key.public().id());
        terminal.line(signed);
    } else {
        terminal.json(&serde_json::json!({"exit": Exit::Pass, "keyid": key.public().id()}))?;
    }
    Ok(Exit::Pass)
}

/// Prints why a statement is not signed.
fn refuse(findings: &[Finding], json: bool, terminal: &mut Terminal) -> Result<Exit> {
    verify::tell_findings(findings, json, terminal)?;
    terminal.say("not signed: the statement is not what its protocol, its round and the evidence make it say");
    let other_round = findings.iter().any(|finding| finding.place.starts_with("round."));
    terminal.hint(if other_round {
        "name the file of the round that it was certified in with --round"
    } else {
        "certify the entry again: what it has done already is not done twice, and statement.json is written anew"
    });
    Ok(Exit::Fail)
}

fn existing(path: &Path) -> Result<Verdict<Envelope>> {
    let bytes = read_bounded(path, envelope::CERTIFICATE_MAX)?;
    Ok(envelope::peek::<Certificate>(&bytes).map(|(envelope, _)| envelope))
}

fn no_statement(path: &Path, findings: &[Finding]) -> Problem {
    let said = findings.iter().filter_map(|finding| finding.attachment.as_ref()).map(|said| said.text.as_str());
    Problem::usage(format!("{} is not a statement: {}", path.display(), said.collect::<Vec<_>>().join("; ")))
        .hint("certify the entry again: statement.json is written anew")
}

fn no_certificate(path: &Path, findings: &[Finding]) -> Problem {
    let found: Vec<_> = findings.iter().map(|finding| finding.found.as_str()).collect();
    Problem::usage(format!("{} is there and is no certificate: {}", path.display(), found.join("; ")))
        .hint("move it away to sign anew")
}

/// A secret key with the name and role of the public half beside it.
pub fn load(path: &Path, name: Option<&str>) -> Result<SecretKey> {
    let pem = read_named(path, KEY_MAX)?;
    let pem = std::str::from_utf8(&pem).ok().context(Problem::usage(format!("{} is not text", path.display())))?;
    let refuse = |error| Problem::usage(format!("{}: {error}", path.display()));
    if let Some(name) = name {
        return Ok(SecretKey::parse(pem, name, Role::Certify).map_err(refuse)?);
    }
    let public = path.with_extension("pub");
    let [ref half] = verify::trust(std::slice::from_ref(&public))
        .with_context(|| Problem::usage("no public half beside the key").hint("name the key with --name"))?
        .keys[..]
    else {
        return Err(Problem::usage(format!("{} holds more than one key", public.display())).into());
    };
    let key = SecretKey::parse(pem, &half.name, half.role).map_err(refuse)?;
    if key.public() != half {
        return Err(Problem::usage(format!("{} is not the public half of {}", public.display(), path.display())).into());
    }
    Ok(key)
}
