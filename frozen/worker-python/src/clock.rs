//! No clock, from the first instruction on.
//!
//! CPython 3.11 reads the monotonic clock each time it takes a lock, whether it waits or not, and a cell in which the
//! clock is read ends. So the C library's function gives way to this one, by being loaded first: the time is always 0.
//! Nothing waits in a worker, and what an entry could learn from such a clock is nothing.

/// Gives 0 as every clock's time.
///
/// # Safety
///
/// As the C library's: `time` is null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(_clock: libc::clockid_t, time: *mut libc::timespec) -> libc::c_int {
    if !time.is_null() {
        // SAFETY: the caller's promise.
        unsafe { time.write(libc::timespec { tv_sec: 0, tv_nsec: 0 }) };
    }
    0
}
