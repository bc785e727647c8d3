//! How the server of Python entries is started: CPython, torch and the contract, wherever this machine has them.

use std::{
    ffi::{CString, OsStr},
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use crate::HostError;

/// CPython with what it needs to be a worker.
#[derive(Debug, Clone)]
pub struct Python {
    /// The interpreter.
    pub program: PathBuf,
    /// `libworker_python.so`: preloaded, and imported.
    pub library: PathBuf,
    /// `frozen/contract-python`: what runs in it.
    pub contract: PathBuf,
    /// The folders with torch and what it imports.
    pub packages: Vec<PathBuf>,
    /// The folders of the interpreter itself, its standard library first.
    pub own: Vec<PathBuf>,
}

/// No site, nothing of the user's, no compiled files: what is imported stands in the arguments, and nothing else.
const OPTIONS: [&str; 4] = ["-B", "-P", "-s", "-S"];

impl Python {
    /// The arguments behind the program's name.
    pub(crate) fn arguments(&self) -> Result<Vec<CString>, HostError> {
        let main = self.contract.join("main.py");
        let options = OPTIONS.iter().map(OsStr::new);
        let named = [&main, &self.library, &self.contract].into_iter().chain(&self.packages);
        options.chain(named.map(|path| path.as_os_str())).map(text).collect()
    }

    /// Variables of the environment beside those of every worker. Nothing but these reaches CPython, so that it need
    /// not be told to ignore the others, and with them the seed of its hashes.
    pub(crate) fn environment(&self) -> Vec<Vec<u8>> {
        let preload = [b"LD_PRELOAD=", self.library.as_os_str().as_bytes()].concat();
        vec![preload, b"PYTHONHASHSEED=0".to_vec()]
    }

    /// What is readable before the lock.
    pub(crate) fn readable(&self) -> impl Iterator<Item = &Path> {
        let files = [&self.program, &self.library, &self.contract];
        files.into_iter().chain(&self.packages).chain(&self.own).map(PathBuf::as_path)
    }
}

fn text(text: &OsStr) -> Result<CString, HostError> {
    CString::new(text.as_bytes()).map_err(|_| HostError::Path(text.into()))
}
