//! The first lock: what a worker program cannot do from its first instruction on.
//!
//! Namespaces of its own for users, process ids, network and System V objects, limits, no new privileges, a
//! death signal, a fixed environment, and, where the kernel has Landlock, a domain in which only the program,
//! libtorch's libraries and what the C library and libtorch probe can be read. It exists for what runs before
//! the second lock (`worker::lock`): the loader, libtorch's start, and static initialisers.

use std::{
    ffi::CString,
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
    path::{Path, PathBuf},
};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetError, Scope, path_beneath_rules,
};
use numerics::pin::ENVIRONMENT;
use wire::process::{Namespaces, fork::landlock_version, spawn::Limit};

use crate::HostError;

/// What the dynamic loader, the C library and libtorch read at their start.
const SYSTEM_FILES: &[&str] = &[
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/etc/ld.so.cache",
    "/proc",
    "/sys/devices/system/cpu",
    "/dev/null",
    "/dev/urandom",
];

/// Limits of the server, which a child inherits and narrows.
pub(crate) const LIMITS: &[(Limit, u64)] = &[
    (libc::RLIMIT_CORE, 0),
    (libc::RLIMIT_FSIZE, 0),
    (libc::RLIMIT_MEMLOCK, 0),
    (libc::RLIMIT_NOFILE, 64),
    (libc::RLIMIT_STACK, 8 << 20),
];

/// Every function of libtorch is looked up when the server starts. Else each child would look up what it calls
/// again, since what it finds is gone with it: a tenth of a small answer.
const BIND_NOW: &[u8] = b"LD_BIND_NOW=1";

/// The environment, whole: the variables that decide bits, where libtorch is, and how it is linked.
pub(crate) fn environment(libraries: &Path) -> Result<Vec<CString>, HostError> {
    let numerics = ENVIRONMENT.iter().map(|(name, value)| format!("{name}={value}").into_bytes());
    let path = [b"LD_LIBRARY_PATH=", libraries.as_os_str().as_bytes()].concat();
    let refuse = |_| HostError::Path(libraries.to_owned());
    numerics.chain([path, BIND_NOW.to_vec()]).map(|text| CString::new(text).map_err(refuse)).collect()
}

/// A Landlock domain that leaves only what a worker's start needs readable; none where the kernel has none.
pub(crate) fn landlock(program: &Path, libraries: &Path) -> Result<Option<OwnedFd>, RulesetError> {
    if landlock_version() == 0 {
        return Ok(None);
    }
    let abi = ABI::V6;
    // pip's libtorch finds its neighbours beside its own folder.
    let neighbours = libraries.join("../../nvidia");
    let files = SYSTEM_FILES.iter().map(PathBuf::from).chain([program.to_owned(), libraries.to_owned(), neighbours]);
    let created = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))?
        .handle_access(AccessNet::from_all(abi))?
        .scope(Scope::from_all(abi))?
        .create()?
        .add_rules(path_beneath_rules(files, AccessFs::from_read(abi)))?;
    Ok(created.into())
}

/// What was in force, as a certificate states it.
pub(crate) fn in_force(namespaces: Namespaces, landlock: u32) -> Vec<String> {
    let mut list: Vec<String> = ["seccomp", "no-new-privs", "rlimits", "tsc-off"].map(str::to_owned).into();
    if namespaces == Namespaces::Own {
        list.push("namespaces:user,pid,net,ipc".to_owned());
    }
    if landlock > 0 {
        list.push(format!("landlock:{landlock}"));
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_the_list_and_nothing_else() {
        let environment = environment(Path::new("/torch/lib")).unwrap();
        let names: Vec<_> = environment.iter().map(|text| text.to_str().unwrap().split_once('=').unwrap().0).collect();
        assert_eq!(names.len(), ENVIRONMENT.len() + 2);
        assert!(ENVIRONMENT.iter().all(|(name, _)| names.contains(name)));
        assert!(names.contains(&"LD_LIBRARY_PATH") && names.contains(&"LD_BIND_NOW"));
    }

    #[test]
    fn what_is_not_in_force_is_not_listed() {
        let bare = in_force(Namespaces::Shared, 0);
        assert_eq!(bare, ["seccomp", "no-new-privs", "rlimits", "tsc-off"]);
        assert_eq!(in_force(Namespaces::Own, 7)[4..], ["namespaces:user,pid,net,ipc", "landlock:7"]);
    }
}
