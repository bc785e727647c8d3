//! How a worker program is started: what it can read and what it is told, from its first instruction on.
//!
//! Namespaces, limits, no new privileges, a death signal and a fixed environment come with every start
//! ([`cell::spawn`]); here is what belongs to a Rust worker: its profile's files, the program's and libtorch's. No
//! byte of a participant is in this process; what stands here is for the loader and libtorch's start.

use std::{
    ffi::CString,
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
    path::{Path, PathBuf},
};

use cell::{
    fence,
    profile::{Profile, RUST},
    spawn::Limit,
};
use numerics::pin::ENVIRONMENT;

use crate::HostError;

/// The kind of jail.
pub(crate) const PROFILE: &Profile = &RUST;

/// Limits of the server, which a cell inherits and narrows.
pub(crate) fn limits() -> Vec<(Limit, u64)> {
    PROFILE.limits.iter().map(|(limit, value, _)| (*limit, *value)).collect()
}

/// Every function of libtorch is looked up when the server starts. Else each cell would look up what it calls
/// again, since what it finds is gone with it: a tenth of a small answer.
const BIND_NOW: &[u8] = b"LD_BIND_NOW=1";

/// No restartable sequences: the kernel would write the processor's number into memory that a cell can read.
const NO_RSEQ: &[u8] = b"GLIBC_TUNABLES=glibc.pthread.rseq=0";

/// The environment, whole: the variables that decide bits, where libtorch is, and how it is linked.
pub(crate) fn environment(libraries: &Path) -> Result<Vec<CString>, HostError> {
    let numerics = ENVIRONMENT.iter().map(|(name, value)| format!("{name}={value}").into_bytes());
    let path = [b"LD_LIBRARY_PATH=", libraries.as_os_str().as_bytes()].concat();
    let refuse = |_| HostError::Path(libraries.to_owned());
    numerics.chain([path, BIND_NOW.to_vec(), NO_RSEQ.to_vec()]).map(|text| CString::new(text).map_err(refuse)).collect()
}

/// A Landlock domain that leaves only what a worker's start needs readable; none where the kernel has none.
pub(crate) fn landlock(program: &Path, libraries: &Path) -> Result<Option<OwnedFd>, landlock::RulesetError> {
    // pip's libtorch finds its neighbours beside its own folder.
    let neighbours = libraries.join("../../nvidia");
    let system = PROFILE.readable.iter().map(|(path, _)| PathBuf::from(path));
    let files: Vec<_> = system.chain([program.to_owned(), libraries.to_owned(), neighbours]).collect();
    fence::domain(&files, &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The profile cannot name the pin's room; what it leaves in a cell is the pin and no more.
    #[test]
    fn a_cell_keeps_the_variables_that_decide_bits() {
        let names: Vec<_> = ENVIRONMENT.iter().map(|(name, _)| *name).collect();
        assert_eq!(PROFILE.environment, names);
    }

    #[test]
    fn the_environment_is_the_list_and_nothing_else() {
        let environment = environment(Path::new("/torch/lib")).unwrap();
        let names: Vec<_> = environment.iter().map(|text| text.to_str().unwrap().split_once('=').unwrap().0).collect();
        assert_eq!(names.len(), ENVIRONMENT.len() + 3);
        assert!(ENVIRONMENT.iter().all(|(name, _)| names.contains(name)));
        assert!(["LD_LIBRARY_PATH", "LD_BIND_NOW", "GLIBC_TUNABLES"].iter().all(|name| names.contains(name)));
    }
}
