//! `maxclip round`: a round's secret from its draw to its publication.
//!
//! `new` draws it, `commit` binds to it in public, `beacon` adds what chance said afterwards, `certify` and `sign` use
//! the file, `reveal` publishes it, and with that everybody's `check` makes every seed again.

use std::path::{Path, PathBuf};

use anyhow::Result;
use records::{
    Exit, Finding, Verdict, canonical, file,
    v1::{
        round::{self as public, Date, Days},
        statement::{Certificate, Statement},
    },
};
use serde_json::json;
use verifier::{
    conformity, envelope,
    keys::Trust,
    predicate::{self, Predicate},
    release::PinnedProtocol,
    round::RoundFile,
};

use super::{sign, verify};
use crate::{
    private,
    problem::Problem,
    protocols, round,
    terminal::{Paint, Terminal},
};

/// Bytes that are drawn for a secret.
const SECRET_BYTES: usize = 32;

/// Arguments of `maxclip round`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, clap::Subcommand)]
enum Act {
    /// Draws a secret into a file that only its owner reads
    New {
        /// The competition's name
        #[arg(long)]
        competition: String,
        /// The round's name
        #[arg(long)]
        round: String,
        /// Where and when the beacon will be drawn: stated by `commit`
        #[arg(long, value_name = "TEXT")]
        beacon_source: Option<String>,
        /// The first day on which entries are taken: stated by `commit`
        #[arg(long, value_name = "YYYY-MM-DD", requires = "closes")]
        opens: Option<Date>,
        /// The last day, included
        #[arg(long, value_name = "YYYY-MM-DD", requires = "opens")]
        closes: Option<Date>,
        /// The file; it may not be there
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// States the commitment to the secret, signed: publish it before anybody hands in
    Commit {
        /// The round's file
        file: PathBuf,
        /// The protocol that entries will be judged by: a name, or a file of your own that ends with .toml
        #[arg(long, value_name = "NAME|FILE")]
        protocol: String,
        #[command(flatten)]
        key: Signing,
        /// Where the statement goes; it may not be there
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Adds the beacon, once it has been drawn
    Beacon {
        /// The round's file
        file: PathBuf,
        /// Hexadecimal digits of a public random value that is younger than the commitment
        value: String,
    },
    /// States secret and beacon, signed: publish it when nobody can hand in any more
    Reveal {
        /// The round's file
        file: PathBuf,
        #[command(flatten)]
        key: Signing,
        /// Where the statement goes; it may not be there
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Makes the seeds of a revealed round again, and compares those of certificates
    Check(Check),
}

/// Who signs.
#[derive(Debug, clap::Args)]
struct Signing {
    /// The secret key; its public half lies beside it as .pub
    #[arg(long)]
    key: PathBuf,
    /// What the key is called, where there is no .pub beside it
    #[arg(long)]
    name: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Check {
    /// Certificates of the round
    #[arg(required = true)]
    certificates: Vec<PathBuf>,
    /// What `round reveal` wrote
    #[arg(long, value_name = "FILE")]
    reveal: PathBuf,
    /// What `round commit` wrote before the round
    #[arg(long, value_name = "FILE")]
    commitment: Option<PathBuf>,
    /// A list of public keys that you trust; repeat it for more. Without one, signatures are not judged
    #[arg(long, value_name = "KEYS")]
    trust: Vec<PathBuf>,
    /// Print the verdict as JSON
    #[arg(long)]
    json: bool,
}

/// Does it.
pub fn run(args: Args, terminal: &mut Terminal) -> Result<Exit> {
    match args.act {
        Act::New { competition, round, beacon_source, opens, closes, out } => {
            let days = opens.zip(closes).map(|(opens, closes)| Days { opens, closes });
            let mut secret = [0; SECRET_BYTES];
            getrandom::fill(&mut secret)
                .map_err(|error| Problem::fault(format!("the system gives no random bytes: {error}")))?;
            let drawn = RoundFile::draw(competition, round, beacon_source, days, &secret);
            new(drawn.map_err(|error| Problem::usage(&error).hint(error.hint()))?, &out, terminal)
        }
        Act::Commit { file, protocol, key, out } => commit(&file, &protocols::chosen(&protocol)?, &key, &out, terminal),
        Act::Beacon { file, value } => beacon(&file, &value, terminal),
        Act::Reveal { file, key, out } => reveal(&file, &key, &out, terminal),
        Act::Check(check) => check.run(terminal),
    }
}

fn new(drawn: RoundFile, out: &Path, terminal: &mut Terminal) -> Result<Exit> {
    private::create(out, &drawn.text()?, 0o600)?;
    terminal
        .line(format_args!("secret     {}   for nobody else, and never lost: the round hangs on it", out.display()));
    terminal.line(format_args!("           {}", drawn.commitment()));
    Ok(Exit::Pass)
}

fn commit(file: &Path, pinned: &PinnedProtocol, key: &Signing, out: &Path, terminal: &mut Terminal) -> Result<Exit> {
    let round = round::read(file)?;
    let announcement = round.announcement(&pinned.protocol.name, pinned.digest);
    let commitment = announcement.commitment;
    put(predicate::state(vec![public::subject(&commitment)], announcement), key, out)?;
    terminal.line(format_args!("committed  {}   {commitment}", out.display()));
    Ok(Exit::Pass)
}

fn beacon(path: &Path, value: &str, terminal: &mut Terminal) -> Result<Exit> {
    let drawn = round::read(path)?.with_beacon(value).map_err(|error| Problem::usage(&error).hint(error.hint()))?;
    file::replace(path, drawn.text()?.as_bytes(), 0o600)?;
    terminal.line(format_args!("beacon     {}   the round can be certified under", path.display()));
    Ok(Exit::Pass)
}

fn reveal(path: &Path, key: &Signing, out: &Path, terminal: &mut Terminal) -> Result<Exit> {
    let reveal = round::load(Some(path))?.reveal();
    let commitment = reveal.commitment;
    put(predicate::state(vec![public::subject(&commitment)], reveal), key, out)?;
    terminal.line(format_args!("revealed   {}   {commitment}", out.display()));
    Ok(Exit::Pass)
}

/// Signs a statement into a file that is not there yet: what was published once is not written over.
fn put<P: Predicate>(statement: Statement<P>, key: &Signing, out: &Path) -> Result<()> {
    let sealed =
        envelope::seal(&statement, None, &sign::load(&key.key, key.name.as_deref())?).map_err(Problem::usage)?;
    let bytes = canonical::to_file(&sealed)?;
    private::create(out, &String::from_utf8_lossy(&bytes), 0o644)
}

impl Check {
    fn run(self, terminal: &mut Terminal) -> Result<Exit> {
        let trust = if self.trust.is_empty() { None } else { Some(verify::trust(&self.trust)?) };
        let mut findings = Vec::new();
        let mut seeds = 0;
        match self.judge(trust.as_ref(), &mut findings, &mut seeds)? {
            Verdict::Inconclusive(reason) => return verify::tell_reason(&reason, self.json, terminal),
            Verdict::Fail(first) => findings.extend(first),
            Verdict::Pass(()) => {}
        }
        if !findings.is_empty() {
            return verify::tell_findings(&findings, self.json, terminal);
        }
        let certificates = self.certificates.len();
        if self.json {
            terminal.json(&json!({"exit": Exit::Pass, "certificates": certificates, "seeds": seeds}))?;
            return Ok(Exit::Pass);
        }
        let word = terminal.paint(Paint::Good, "pass");
        let signed = if trust.is_some() { "signatures good" } else { "signatures not judged: no --trust" };
        terminal.line(format_args!(
            "{word}       the secret is the one that was committed to; {seeds} seeds of {certificates} certificates follow \
             from it; {signed}"
        ));
        Ok(Exit::Pass)
    }

    /// Gathers what differs; `Fail` and `Inconclusive` where a file cannot be opened.
    fn judge(&self, trust: Option<&Trust>, findings: &mut Vec<Finding>, seeds: &mut usize) -> Result<Verdict<()>> {
        let round = match round::revealed(&self.reveal, trust)? {
            Verdict::Pass(round) => round,
            other => return Ok(other.map(drop)),
        };
        let announced = match round::announced(self.commitment.as_deref(), trust)? {
            Verdict::Pass(announced) => announced,
            other => return Ok(other.map(drop)),
        };
        for path in &self.certificates {
            let predicate = match round::open::<Certificate>(path, trust)? {
                Verdict::Pass(predicate) => predicate,
                Verdict::Fail(broken) => {
                    findings.extend(broken);
                    continue;
                }
                Verdict::Inconclusive(reason) => return Ok(Verdict::Inconclusive(reason)),
            };
            *seeds += predicate.runs.len();
            let differs = conformity::check_round(&predicate, &round);
            let other = announced.iter().flat_map(|announced| conformity::check_announced(&predicate, announced));
            for finding in differs.into_iter().chain(other).map(|finding| round::within(path, finding)) {
                // What was committed to and what was revealed can say the same of a certificate.
                if !findings.contains(&finding) {
                    findings.push(finding);
                }
            }
        }
        Ok(Verdict::Pass(()))
    }
}
