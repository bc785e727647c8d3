//! One signal's disposition, for programs that must clean up where the system refuses a write.

use std::io;

/// Lets a write past the system's limit of a file's size err (`EFBIG`) instead of ending the process.
///
/// By default the kernel sends SIGXFSZ, and nothing could say which file it was or remove the part written.
pub fn ignore_file_size_signal() -> io::Result<()> {
    // SAFETY: installs no handler, so nothing of ours can run in one.
    let before = unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    if before == libc::SIG_ERR { Err(io::Error::last_os_error()) } else { Ok(()) }
}
