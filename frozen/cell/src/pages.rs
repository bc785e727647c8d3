//! What a cell costs before it does anything: the page tables that a fork copies. And what it could find in them.
//!
//! libtorch keeps some 50 MiB of tables on the heap. As pages of 4 KiB they are most of what a fork copies and
//! of what the cell's end takes down again; as huge pages they are 25 entries.

use std::{fs, io, ops::Range};

use crate::stack;

/// `MADV_COLLAPSE` of Linux 6.1; the C library's headers are older.
const COLLAPSE: libc::c_int = 25;
/// `MADV_POPULATE_READ` of Linux 5.14.
const POPULATE_READ: libc::c_int = 22;

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

/// Brings every page of the libraries that are mapped into memory, before anybody asks.
///
/// A page that nobody has read yet is read from the disk by whoever touches it first, and is there for all who come
/// later: a cell could leave a word so, and another one could tell by how long its own touch takes.
///
/// Errors: a kernel before 5.14.
pub fn make_resident() -> io::Result<()> {
    let maps = fs::read_to_string("/proc/self/maps")?;
    for file in maps.lines().filter_map(file) {
        let start = std::ptr::with_exposed_provenance_mut(file.start);
        // SAFETY: reads pages that are mapped and readable, and changes none.
        if unsafe { libc::madvise(start, file.len(), POPULATE_READ) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// The addresses of a file that can be read, where a line of `/proc/self/maps` is one's.
fn file(line: &str) -> Option<Range<usize>> {
    let mut words = line.split_ascii_whitespace();
    let (addresses, access, path) = (words.next()?, words.next()?, words.nth(3)?);
    let is_file = access.starts_with('r') && path.starts_with('/') && !path.starts_with("/memfd:");
    if is_file { stack::range(addresses) } else { None }
}

/// The addresses of the heap, where a line of `/proc/self/maps` is the heap's.
fn heap(line: &str) -> Option<Range<usize>> {
    stack::addresses(line, "[heap]")
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
    fn libraries_are_found_and_come_to_memory() {
        let line = "7f0a1000-7f0a4000 r-xp 00001000 fe:00 77 /lib/libc.so.6";
        assert_eq!(file(line), Some(0x7f0a_1000..0x7f0a_4000));
        assert_eq!(file(&line.replace("r-xp", "---p")), None);
        assert_eq!(file("7ffc1000-7ffc4000 rw-p 00000000 00:00 0                  [stack]"), None);
        assert_eq!(file("7f0a1000-7f0a4000 rw-p 00000000 00:00 0"), None);
        make_resident().unwrap();
    }

    #[test]
    fn memory_keeps_its_content() {
        let values: Vec<Vec<u64>> = (0..20_000).map(|at| vec![at; 20]).collect();
        // Refused on some kernels; what is in memory is the same either way.
        make_forks_cheap().ok();
        assert!(values.iter().enumerate().all(|(at, values)| values.iter().all(|&value| value == at as u64)));
    }
}
