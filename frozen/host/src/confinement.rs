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
    profile::{PYTHON, Profile, RUST},
    spawn::Limit,
};
use numerics::pin::ENVIRONMENT;

use crate::{HostError, Launch, Server};

/// The kind of jail.
fn profile(server: &Server) -> &'static Profile {
    match server {
        Server::Rust(_) => &RUST,
        Server::Python(_) => &PYTHON,
    }
}

/// Limits of the server, which a cell inherits and narrows.
pub(crate) fn limits(server: &Server) -> Vec<(Limit, u64)> {
    profile(server).limits.iter().map(|(limit, value, _)| (*limit, *value)).collect()
}

/// Every function of libtorch is looked up when the server starts. Else each cell would look up what it calls
/// again, since what it finds is gone with it: a tenth of a small answer.
const BIND_NOW: &[u8] = b"LD_BIND_NOW=1";

/// No restartable sequences: the kernel would write the processor's number into memory that a cell can read.
const NO_RSEQ: &[u8] = b"GLIBC_TUNABLES=glibc.pthread.rseq=0";

/// The environment, whole: the variables that decide bits, where libtorch is, and how it is linked.
pub(crate) fn environment(launch: &Launch) -> Result<Vec<CString>, HostError> {
    let libraries = &launch.libraries;
    let numerics = ENVIRONMENT.iter().map(|(name, value)| format!("{name}={value}").into_bytes());
    let path = [b"LD_LIBRARY_PATH=", libraries.as_os_str().as_bytes()].concat();
    let refuse = |_| HostError::Path(libraries.to_owned());
    let own = match &launch.server {
        Server::Rust(_) => vec![],
        Server::Python(python) => python.environment(),
    };
    let texts = numerics.chain([path, BIND_NOW.to_vec(), NO_RSEQ.to_vec()]).chain(own);
    texts.map(|text| CString::new(text).map_err(refuse)).collect()
}

/// A Landlock domain that leaves only what a worker's start needs readable; none where the kernel has none.
pub(crate) fn landlock(launch: &Launch) -> Result<Option<OwnedFd>, landlock::RulesetError> {
    // pip's libtorch finds its neighbours beside its own folder.
    let neighbours = launch.libraries.join("../../nvidia");
    let system = profile(&launch.server).readable.iter().map(|(path, _)| PathBuf::from(path));
    let mut files: Vec<_> = system.chain([launch.libraries.clone(), neighbours]).collect();
    match &launch.server {
        Server::Rust(program) => files.push(program.clone()),
        Server::Python(python) => files.extend(python.readable().map(Path::to_owned)),
    }
    fence::domain(&files, &[])
}

#[cfg(test)]
mod tests {
    use records::v1::protocol::WorkerLimits;

    use super::*;

    /// The profile cannot name the pin's room; what it leaves in a cell is the pin and no more.
    #[test]
    fn a_cell_keeps_the_variables_that_decide_bits() {
        let names: Vec<_> = ENVIRONMENT.iter().map(|(name, _)| *name).collect();
        assert!([RUST, PYTHON].iter().all(|profile| profile.environment == names));
    }

    #[test]
    fn the_environment_is_the_list_and_nothing_else() {
        let empty = PathBuf::new();
        let launch = Launch {
            server: Server::Rust("/worker".into()),
            entry: empty.clone(),
            probe: empty,
            libraries: "/torch/lib".into(),
            limits: WorkerLimits { cpu_seconds: 0, memory_mib: 0, cell_lanes_max: 0 },
        };
        let environment = environment(&launch).unwrap();
        let names: Vec<_> = environment.iter().map(|text| text.to_str().unwrap().split_once('=').unwrap().0).collect();
        assert_eq!(names.len(), ENVIRONMENT.len() + 3);
        assert!(ENVIRONMENT.iter().all(|(name, _)| names.contains(name)));
        assert!(["LD_LIBRARY_PATH", "LD_BIND_NOW", "GLIBC_TUNABLES"].iter().all(|name| names.contains(name)));
    }
}
