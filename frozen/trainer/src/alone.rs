//! One trainer a folder: two would write beside each other.
//!
//! The trainer of a harness that was killed is killed with it ([`shim::end_with_parent`]), and may still be on its way
//! out when the next one starts.

use std::{fs::File, path::Path, thread, time::Duration};

use records::{Problem, Stop, file::FileError};
use rustix::fs::{FlockOperation, flock};

/// A trainer that is being ended needs a moment to be gone.
const PATIENCE: u32 = 100;
const MOMENT: Duration = Duration::from_millis(100);

/// Gives the folder's lock: held until it is dropped.
///
/// - Errors: another trainer is still at work in the folder after ten seconds.
pub fn hold(folder: &Path) -> Result<File, Stop> {
    let path = folder.join("trainer.lock");
    let file = File::create(&path).map_err(FileError::at("write", &path))?;
    for _ in 0..PATIENCE {
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            return Ok(file);
        }
        thread::sleep(MOMENT);
    }
    Err(Problem::fault(format!("another trainer is at work in {}", folder.display()))
        .hint("wait for it to end, or end it")
        .into())
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
