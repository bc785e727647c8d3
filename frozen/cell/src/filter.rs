//! A profile's list as a seccomp program.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

use crate::profile::{On, Otherwise, Profile};

/// The program. Another architecture's calls (`int 0x80`) end the process at once, whatever the list says.
pub fn build(profile: &Profile) -> Result<BpfProgram, BackendError> {
    let mut rules = BTreeMap::new();
    for (call, on, _) in profile.calls {
        rules.insert(*call, on.rules()?);
    }
    let otherwise = match profile.otherwise {
        Otherwise::Trap => SeccompAction::Trap,
        Otherwise::Unknown => SeccompAction::Errno(libc::ENOSYS.cast_unsigned()),
    };
    let architecture = std::env::consts::ARCH.try_into()?;
    SeccompFilter::new(rules, otherwise, SeccompAction::Allow, architecture)?.try_into()
}

/// A program that refuses nothing and traps what the loader asks of files, so that a probe loads as an entry does
/// where the filter is left out.
pub fn loader_only() -> Result<BpfProgram, BackendError> {
    let equal = |index, value: i32| {
        SeccompCondition::new(index, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, u64::from(value.cast_unsigned()))
    };
    let open = SeccompRule::new(vec![equal(0, libc::AT_FDCWD)?, equal(2, libc::O_RDONLY | libc::O_CLOEXEC)?])?;
    let read = SeccompRule::new(vec![equal(0, 0)?])?;
    let rules = BTreeMap::from([(libc::SYS_openat, vec![open]), (libc::SYS_read, vec![read])]);
    let architecture = std::env::consts::ARCH.try_into()?;
    SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Trap, architecture)?.try_into()
}

/// Installs a program in this thread, for good.
pub fn apply(program: &BpfProgram) -> Result<(), seccompiler::Error> {
    seccompiler::apply_filter(program)
}

impl On {
    /// Alternatives, each a list of conditions; none is no condition.
    fn rules(self) -> Result<Vec<SeccompRule>, BackendError> {
        const NAMESPACES: i32 = libc::CLONE_NEWUSER
            | libc::CLONE_NEWNS
            | libc::CLONE_NEWPID
            | libc::CLONE_NEWNET
            | libc::CLONE_NEWIPC
            | libc::CLONE_NEWUTS
            | libc::CLONE_NEWCGROUP;
        const ADVICE: [i32; 2] = [libc::MADV_DONTNEED, libc::MADV_HUGEPAGE];
        let argument = |index, operator, value: i32| {
            SeccompCondition::new(index, SeccompCmpArgLen::Dword, operator, u64::from(value.cast_unsigned()))
        };
        let equal = |index, value| argument(index, SeccompCmpOp::Eq, value);
        let masked = |index, mask: i32, value: i32| {
            argument(index, SeccompCmpOp::MaskedEq(u64::from(mask.cast_unsigned())), value)
        };
        let alternatives = match self {
            Self::Any => vec![],
            Self::Entry => vec![vec![equal(0, 0)?]],
            Self::LastWords => vec![vec![equal(0, 1)?], vec![equal(0, 2)?]],
            Self::Memory => vec![
                vec![masked(2, libc::PROT_EXEC, 0)?, masked(3, libc::MAP_ANONYMOUS, libc::MAP_ANONYMOUS)?],
                vec![masked(3, libc::MAP_TYPE | libc::MAP_ANONYMOUS, libc::MAP_PRIVATE)?, equal(4, 0)?],
            ],
            Self::PlainMode(index) => vec![vec![masked(index, libc::S_ISUID as i32 | libc::S_ISGID as i32, 0)?]],
            Self::NoNamespace => vec![vec![masked(0, NAMESPACES, 0)?]],
            Self::ThreadName => vec![vec![equal(0, libc::PR_SET_NAME)?]],
            Self::Itself => vec![vec![equal(0, 0)?]],
            Self::Advice => ADVICE.iter().map(|advice| Ok(vec![equal(2, *advice)?])).collect::<Result<_, _>>()?,
        };
        alternatives.into_iter().map(SeccompRule::new).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{COMPILER, RUST};

    #[test]
    fn programs_are_short() {
        assert!(build(&RUST).unwrap().len() < 122 && loader_only().unwrap().len() < 60);
        // The kernel takes 4,096 instructions.
        assert!(build(&COMPILER).unwrap().len() < 1024);
    }
}
