//! The round that the caller names by its file; what a round is stands in [`verifier::round`].

use std::path::Path;

use anyhow::{Context as _, Result};
use records::{
    Finding, Reason, Verdict,
    file::read_named,
    v1::round::{Announcement, Reveal},
};
pub use verifier::round::{Round, RoundError, RoundFile};
use verifier::{
    envelope::{self, CERTIFICATE_MAX},
    keys::Trust,
    predicate::Predicate,
};

use crate::{named, problem::Problem};

/// The longest round's file, in bytes.
const ROUND_MAX: u64 = 64 << 10;

/// Reads a round's file, or gives the practice round; it must be one that entries can be certified under.
pub fn load(path: Option<&Path>) -> Result<Round> {
    match path {
        None => Ok(Round::practice()),
        Some(path) => Ok(read(path)?.ready().map_err(|error| refused(path, &error))?),
    }
}

/// Reads a round's file, whose beacon may be missing.
pub fn read(path: &Path) -> Result<RoundFile> {
    parse(path, &read_named(path, ROUND_MAX)?)
}

fn parse(path: &Path, bytes: &[u8]) -> Result<RoundFile> {
    let text = std::str::from_utf8(bytes).ok().context(Problem::usage(format!("{} is not UTF-8", path.display())))?;
    Ok(RoundFile::parse(text).map_err(|error| refused(path, &error))?)
}

/// The round with its secret: out of its organizer's file, or out of what `round reveal` wrote.
pub fn known(path: &Path, trust: &Trust) -> Result<Verdict<Round>> {
    let bytes = read_named(path, CERTIFICATE_MAX)?;
    if bytes.trim_ascii_start().starts_with(b"{") {
        return revealed(path, Some(trust));
    }
    Ok(Verdict::Pass(parse(path, &bytes)?.ready().map_err(|error| refused(path, &error))?))
}

/// The round that `round reveal` published; a finding where the secret is not the one that was committed to.
pub fn revealed(path: &Path, trust: Option<&Trust>) -> Result<Verdict<Round>> {
    Ok(match open::<Reveal>(path, trust)? {
        Verdict::Pass(reveal) => match Round::revealed(&reveal, &path.display().to_string()) {
            Ok(round) => Verdict::Pass(round),
            Err(finding) => Verdict::Fail(vec![*finding]),
        },
        Verdict::Fail(findings) => Verdict::Fail(findings),
        Verdict::Inconclusive(reason) => Verdict::Inconclusive(reason),
    })
}

/// What `round commit` published; nothing where no file was named.
pub fn announced(path: Option<&Path>, trust: Option<&Trust>) -> Result<Verdict<Option<Announcement>>> {
    let open = |path| Ok(open::<Announcement>(path, trust)?.map(Some));
    path.map_or(Ok(Verdict::Pass(None)), open)
}

/// Reads what a statement claims, and judges its signature where somebody is trusted.
///
/// - Errors: a file that is no statement at all was named by mistake, and is nobody's forgery.
pub fn open<P: Predicate>(path: &Path, trust: Option<&Trust>) -> Result<Verdict<P>> {
    let bytes = named::certificate(path)?;
    if !bytes.trim_ascii_start().starts_with(b"{") {
        let problem = Problem::usage(format!("{} is no signed statement", path.display()));
        let hint =
            "`round commit` and `round reveal` write one, `sign` writes a certificate; a round's own file is not it";
        return Err(problem.hint(hint).into());
    }
    let opened = match trust {
        Some(trust) => envelope::open::<P>(&bytes, trust).map(|opened| opened.statement.predicate),
        None => envelope::peek::<P>(&bytes).map(|(_, statement)| statement.predicate),
    };
    Ok(match opened {
        Verdict::Fail(findings) => {
            Verdict::Fail(findings.into_iter().map(|finding| in_file::<P>(path, finding)).collect())
        }
        Verdict::Inconclusive(Reason { why, hint }) => {
            Verdict::Inconclusive(Reason { why: format!("{}: {why}", path.display()), hint })
        }
        pass @ Verdict::Pass(_) => pass,
    })
}

/// A finding with the file that it is in; of the whole statement it is that file.
fn in_file<P: Predicate>(path: &Path, finding: Finding) -> Finding {
    if finding.place == P::NAME {
        Finding { place: path.display().to_string(), ..finding }
    } else {
        within(path, finding)
    }
}

/// A finding with the file that it is in.
pub fn within(path: &Path, mut finding: Finding) -> Finding {
    finding.place = format!("{} {}", path.display(), finding.place);
    finding
}

/// Says why a file is no round, or not one that was asked for.
pub fn refused(path: &Path, error: &RoundError) -> Problem {
    Problem::usage(format!("{} is not a round: {error}", path.display())).hint(error.hint())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_statement_is_named_by_its_file_and_what_is_none_is_no_forgery() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reveal.json");
        std::fs::write(&path, "{}").unwrap();
        let Ok(Verdict::Fail(findings)) = open::<Reveal>(&path, None) else { panic!("no finding") };
        assert_eq!(findings[0].place, path.display().to_string());
        std::fs::write(&path, "secret = 1").unwrap();
        assert!(open::<Reveal>(&path, None).unwrap_err().to_string().contains("is no signed statement"));
    }
}
