//! What a cell costs before it does anything: the page tables that a fork copies.
//!
//! libtorch keeps some 50 MiB of tables on the heap. As pages of 4 KiB they are most of what a fork copies and
//! of what the cell's end takes down again; as huge pages they are 25 entries.

use std::{fs, io, ops::Range};

/// `MADV_COLLAPSE` of Linux 6.1; the C library's headers are older.
const COLLAPSE: libc::c_int = 25;

/// Makes forks cheaper: gives free memory back, and moves the heap to huge pages. Changes nothing that a
/// program can read.
///
/// Errors: a kernel before 6.1 or without huge pages, where forks cost more and are otherwise the same.
pub fn make_forks_cheap() -> io::Result<()> {
    // SAFETY: the C library gives back what its allocator holds free.
    unsafe { libc::malloc_trim(0) };
    let maps = fs::read_to_string("/proc/self/maps")?;
    for heap in maps.lines().filter_map(heap) {
        let start = std::ptr::with_exposed_provenance_mut(heap.start);
        // SAFETY: asks for other pages with the same content below the same addresses.
        if unsafe { libc::madvise(start, heap.len(), COLLAPSE) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// The addresses of the heap, where a line of `/proc/self/maps` is the heap's.
fn heap(line: &str) -> Option<Range<usize>> {
    let (addresses, _) = line.strip_suffix("[heap]")?.split_once(' ')?;
    let (start, end) = addresses.split_once('-')?;
    Some(usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heap_is_found_and_nothing_else() {
        let line = "55d0a000-55d0c000 rw-p 00000000 00:00 0                          [heap]";
        assert_eq!(heap(line), Some(0x55d0_a000..0x55d0_c000));
        assert_eq!(heap("7ffc1000-7ffc4000 rw-p 00000000 00:00 0                  [stack]"), None);
        assert_eq!(heap("7f0a1000-7f0a4000 r-xp 00001000 fe:00 77 /lib/libc.so.6"), None);
    }

    #[test]
    fn memory_keeps_its_content() {
        let values: Vec<Vec<u64>> = (0..20_000).map(|at| vec![at; 20]).collect();
        // Refused on some kernels; what is in memory is the same either way.
        make_forks_cheap().ok();
        assert!(values.iter().enumerate().all(|(at, values)| values.iter().all(|&value| value == at as u64)));
    }
}
