//! Findings by what they rest on, and what they come to for a statement of another release.
//!
//! Two releases of one frozen tree may judge differently: a rule of the gate, a limit, how a mean is rounded. Where this
//! release derives something else than a statement of another one says, either may be right, and nobody forged
//! anything: that is inconclusive. Bytes that are not those that were signed are changed for both, and a seed that is
//! not the round's is wrong for both, since its formula lies in the frozen tree.

use records::{Finding, Reason, Rule, Verdict, v1::statement::Against};

use crate::release::{OTHER_HINT, Release};

/// Whether another release of the same frozen tree could find otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Basis {
    /// No: bytes, and what the frozen tree's formulas make of them.
    Fixed,
    /// Yes: what this release derives.
    Derived,
}

/// Findings in the order in which they were made.
#[derive(Debug, Default)]
pub(crate) struct Weighed(Vec<(Basis, Finding)>);

impl Weighed {
    /// Adds what every release of this frozen tree finds.
    pub fn fixed(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.0.extend(findings.into_iter().map(|finding| (Basis::Fixed, finding)));
    }

    /// Adds findings about a statement's words and files: what was changed is a fact, what does not fit together
    /// is derived.
    pub fn by_rule(&mut self, findings: impl IntoIterator<Item = Finding>) {
        let basis = |finding: &Finding| if finding.rule == Rule::Inconsistent { Basis::Derived } else { Basis::Fixed };
        self.0.extend(findings.into_iter().map(|finding| (basis(&finding), finding)));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What all of it comes to, for a statement of this release or of another one.
    pub fn verdict<T>(self, value: T, against: &Against, release: &Release<'_>) -> Verdict<T> {
        let own = against.release == release.digest;
        let (binding, rest): (Vec<_>, Vec<_>) =
            self.0.into_iter().partition(|(basis, _)| own || *basis == Basis::Fixed);
        let [binding, derived] = [binding, rest].map(|part| part.into_iter().map(|(_, finding)| finding).collect());
        match Verdict::from_findings(value, binding) {
            Verdict::Pass(value) => match differently(derived) {
                Some(reason) => Verdict::Inconclusive(reason),
                None => Verdict::Pass(value),
            },
            other => other,
        }
    }
}

/// Why what another release stated is not judged here, by the first place.
fn differently(derived: Vec<Finding>) -> Option<Reason> {
    let Finding { place, expected, found, .. } = derived.first()?;
    let sides = [("here", expected), ("stated", found)].map(|(side, text)| match text.as_str() {
        "" => String::new(),
        text => format!("; {side}: {text}"),
    });
    let more = match derived.len() - 1 {
        0 => String::new(),
        more => format!("; and {more} places more"),
    };
    let why = format!("stated by another release, which judged differently: {place}{}{more}", sides.concat());
    Some(Reason { why, hint: OTHER_HINT.to_owned() })
}
