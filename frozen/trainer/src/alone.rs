//! One trainer a folder, and none without the program that started it.
//!
//! A harness that is killed must not leave a trainer behind that goes on writing: the next start in the
//! same folder would write beside it.

use std::{fs::File, path::Path, thread, time::Duration};

use records::file::FileError;
use rustix::{
    fs::{FlockOperation, flock},
    process::{Signal, set_parent_process_death_signal},
};

use crate::halt::Fault;

/// A trainer that is being ended needs a moment to be gone.
const PATIENCE: u32 = 100;
const MOMENT: Duration = Duration::from_millis(100);

/// Ties this process to its parent, and gives the folder's lock: held until it is dropped.
///
/// - Errors: another trainer is still at work in the folder after ten seconds.
pub fn hold(folder: &Path) -> Result<File, Fault> {
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(|error| Fault::Signal(error.into()))?;
    let path = folder.join("trainer.lock");
    let file = File::create(&path).map_err(FileError::at("write", &path))?;
    for _ in 0..PATIENCE {
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            return Ok(file);
        }
        thread::sleep(MOMENT);
    }
    Err(Fault::Busy(folder.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_was_left_can_be_held_again() {
        let folder = std::env::temp_dir().join(format!("maxclip-alone-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let held = hold(&folder).unwrap();
        let other = File::open(folder.join("trainer.lock")).unwrap();
        assert!(flock(&other, FlockOperation::NonBlockingLockExclusive).is_err());
        drop(held);
        drop(hold(&folder).unwrap());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
