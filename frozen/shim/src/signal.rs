//! What signals do to programs of ours that `maxclip` starts.

use std::io;

/// Lets a write past the system's limit of a file's size err (`EFBIG`) instead of ending the process.
///
/// By default the kernel sends SIGXFSZ, and nothing could say which file it was or remove the part written.
pub fn ignore_file_size_signal() -> io::Result<()> {
    // SAFETY: installs no handler, so nothing of ours can run in one.
    let before = unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    if before == libc::SIG_ERR { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Ties this process to the one that started it: it is killed when that one ends, however that ends.
///
/// A harness that is killed must not leave a program behind that goes on writing: the next start in the same folder
/// would write beside it. One whose parent has ended before this call notices at its first line to a closed pipe.
pub fn end_with_parent() -> io::Result<()> {
    // SAFETY: changes which signal this process gets, and no memory.
    let set = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0) };
    if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
