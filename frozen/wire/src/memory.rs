//! Memory that is handed over: memfds, their seals and their mappings.
//!
//! *Inputs* are mapped by the host for writing, then sealed with
//! `F_SEAL_FUTURE_WRITE|SHRINK|GROW|SEAL`: nobody can map or open them for writing any more, through whatever
//! descriptor, and the host goes on writing through the mapping it has. A read-only descriptor alone would
//! not do: it can be opened again through `/proc/self/fd`. *Results* are sealed with `SHRINK|GROW|SEAL`, so
//! that a worker cannot end the host by taking pages away.
//!
//! # Why the slices are sound
//!
//! Two processes map the same pages, and Rust's references ask that nobody changes what they show. The order
//! of a question gives that: the host writes inputs only while no cell exists, a cell writes results only
//! while the host waits, and the host reads results only when the cell has been reaped. Pages cannot go
//! away under a mapping, because its file cannot shrink (checked when it is mapped for good).
#![expect(unsafe_code, reason = "maps memory that two processes use in turns")]

use std::{
    collections::BTreeMap,
    ffi::CString,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    ptr::{self, NonNull},
    slice,
};

use rustix::{
    fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, ftruncate, memfd_create},
    mm::{MapFlags, ProtFlags, mmap, munmap},
};

use crate::layout::TensorPlace;

/// What a memfd is for, and so how it is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArenaKind {
    /// Written by whoever has mapped it before the seal, read by everybody.
    Inputs,
    /// Written by whoever maps it; never resized.
    Results,
}

impl ArenaKind {
    fn seals(self) -> SealFlags {
        let size = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        match self {
            Self::Inputs => size | SealFlags::FUTURE_WRITE,
            Self::Results => size,
        }
    }
}

/// A memfd without a size; it gets one with [`Empty::map`].
#[derive(Debug)]
pub struct Empty {
    file: OwnedFd,
}

/// A memfd of final size, mapped for writing in this process and sealed.
#[derive(Debug)]
pub struct Arena {
    mapping: Mapping,
}

/// Pages that this process may write.
#[derive(Debug)]
pub struct Mapping {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: a mapping is memory that one value owns; nothing in it belongs to a thread.
unsafe impl Send for Mapping {}

impl Empty {
    /// Creates a memfd that can be sealed and never be executed.
    pub fn new(name: &str) -> io::Result<Self> {
        let name = CString::new(name)?;
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        // Kernels before 6.3 know no NOEXEC_SEAL.
        let file = memfd_create(&name, flags | MemfdFlags::NOEXEC_SEAL).or_else(|_| memfd_create(&name, flags))?;
        Ok(Self { file })
    }

    /// Gives it its size, maps it here and seals it. The pages are zero.
    pub fn map(&self, bytes: usize, kind: ArenaKind) -> io::Result<Arena> {
        ftruncate(&self.file, bytes as u64)?;
        let start = map(self.file.as_fd(), bytes, ProtFlags::READ | ProtFlags::WRITE, MapFlags::empty())?;
        let mapping = Mapping { start, bytes };
        fcntl_add_seals(&self.file, kind.seals())?;
        Ok(Arena { mapping })
    }

    /// The descriptor, to hand to a worker.
    #[must_use]
    pub fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// A memfd with this content that nobody can change, resize or execute as a program.
///
/// A shared object in it can still be mapped executable: `NOEXEC_SEAL` is about `execve`.
pub fn sealed(name: &str, content: &[u8]) -> io::Result<OwnedFd> {
    let memory = Empty::new(name)?;
    let mut written = 0;
    while written < content.len() {
        written += rustix::io::retry_on_intr(|| rustix::io::pwrite(&memory.file, &content[written..], written as u64))?;
    }
    let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL;
    fcntl_add_seals(&memory.file, seals)?;
    Ok(memory.file)
}

impl Arena {
    /// The mapping that was made before the seal.
    pub fn mapping(&mut self) -> &mut Mapping {
        &mut self.mapping
    }

    /// The values of a tensor in the part of the arena that starts at `start`. Panics where it is not inside.
    #[must_use]
    pub fn floats(&self, start: usize, place: &TensorPlace) -> &[f32] {
        floats(&self.mapping.bytes()[start..], place)
    }
}

impl Mapping {
    /// Maps a file of at least this size for reading and writing, shared, with all of its pages at once.
    pub fn new(file: BorrowedFd<'_>, bytes: usize) -> io::Result<Self> {
        let start = map(file, bytes, ProtFlags::READ | ProtFlags::WRITE, MapFlags::POPULATE)?;
        Ok(Self { start, bytes })
    }

    /// All bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `start` is a mapping of `bytes` bytes that lives as long as `self`; see the module for who
        // writes when.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.bytes) }
    }

    /// All bytes, to write.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`; `self` is borrowed for writing.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.bytes) }
    }

    /// The values of a tensor, to write. Panics where the place is not inside.
    pub fn floats_mut(&mut self, place: &TensorPlace) -> &mut [f32] {
        as_floats(&mut self.bytes_mut()[place.offset..place.end()], place)
    }

    /// Keeps the mapping until the process ends.
    #[must_use]
    pub fn leak(self) -> &'static mut [u8] {
        // SAFETY: as in `bytes`; nothing unmaps it any more, and `self` is used up.
        let bytes = unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.bytes) };
        std::mem::forget(self);
        bytes
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `map` with this size, and no reference outlives `self`.
        let unmapped = unsafe { munmap(self.start.as_ptr().cast(), self.bytes) };
        debug_assert!(unmapped.is_ok(), "{unmapped:?}");
    }
}

/// Every tensor by name in memory that belongs to them alone. Panics where places overlap or are not inside.
#[must_use]
pub fn into_floats<'a>(bytes: &'a mut [u8], places: &[TensorPlace]) -> BTreeMap<String, &'a mut [f32]> {
    let mut order: Vec<&TensorPlace> = places.iter().collect();
    order.sort_by_key(|place| place.offset);
    let (mut rest, mut start) = (bytes, 0);
    let mut tensors = BTreeMap::new();
    for place in order {
        let (_, from) = rest.split_at_mut(place.offset - start);
        let (bytes, behind) = from.split_at_mut(place.end() - place.offset);
        (rest, start) = (behind, place.end());
        tensors.insert(place.name.clone(), as_floats(bytes, place));
    }
    tensors
}

/// Maps a sealed file for reading, until the process ends, with all of its pages at once.
///
/// Errors: a file that could shrink, or that is smaller.
pub fn view(file: BorrowedFd<'_>, bytes: usize) -> io::Result<&'static [u8]> {
    if !fcntl_get_seals(file)?.contains(SealFlags::SHRINK) {
        return Err(io::Error::other("a memfd that could shrink"));
    }
    let start = map(file, bytes, ProtFlags::READ, MapFlags::POPULATE)?;
    // SAFETY: the mapping is never taken away, its file cannot shrink, and the host does not write while a
    // question is open (see the module).
    Ok(unsafe { slice::from_raw_parts(start.as_ptr(), bytes) })
}

/// The values of a tensor in mapped bytes. Panics where the place is not inside.
#[must_use]
pub fn floats<'a>(bytes: &'a [u8], place: &TensorPlace) -> &'a [f32] {
    // SAFETY: every bit pattern is an f32, and the whole slice is returned only where it is aligned.
    let (before, floats, after) = unsafe { bytes[place.offset..place.end()].align_to::<f32>() };
    assert!(before.is_empty() && after.is_empty(), "`{}` is not aligned", place.name);
    floats
}

fn as_floats<'a>(bytes: &'a mut [u8], place: &TensorPlace) -> &'a mut [f32] {
    // SAFETY: every bit pattern is an f32, and the whole slice is returned only where it is aligned.
    let (before, floats, after) = unsafe { bytes.align_to_mut::<f32>() };
    assert!(before.is_empty() && after.is_empty(), "`{}` is not aligned", place.name);
    floats
}

fn map(file: BorrowedFd<'_>, bytes: usize, protection: ProtFlags, flags: MapFlags) -> io::Result<NonNull<u8>> {
    let found = fstat(file)?.st_size;
    if bytes == 0 || u64::try_from(found).is_ok_and(|found| found < bytes as u64) {
        return Err(io::Error::other(format!("a memfd of {found} bytes where {bytes} are needed")));
    }
    // SAFETY: a new mapping at an address that the kernel chooses touches no memory of ours.
    let start = unsafe { mmap(ptr::null_mut(), bytes, protection, MapFlags::SHARED | flags, file, 0) }?;
    NonNull::new(start.cast()).ok_or_else(|| io::Error::other("a mapping at address 0"))
}

#[cfg(test)]
mod tests {
    use std::{fs::OpenOptions, os::fd::AsRawFd};

    use super::*;

    fn path(memory: &Empty) -> String {
        format!("/proc/self/fd/{}", memory.file().as_raw_fd())
    }

    #[test]
    fn inputs_are_written_here_and_seen_there() {
        let memory = Empty::new("inputs").unwrap();
        let mut arena = memory.map(4096, ArenaKind::Inputs).unwrap();
        let seen = view(memory.file(), 4096).unwrap();
        let place = TensorPlace { name: "x".into(), shape: vec![3], offset: 512 };
        arena.mapping().floats_mut(&place).copy_from_slice(&[1.0, 2.0, 3.0]);
        assert_eq!(floats(seen, &place), [1.0, 2.0, 3.0]);
    }

    #[test]
    fn sealed_inputs_cannot_be_written_in_any_other_way() {
        let memory = Empty::new("inputs").unwrap();
        let _arena = memory.map(4096, ArenaKind::Inputs).unwrap();
        assert!(Mapping::new(memory.file(), 4096).is_err());
        assert!(ftruncate(memory.file(), 0).is_err());
        assert!(ftruncate(memory.file(), 8192).is_err());
        assert!(rustix::io::pwrite(memory.file(), b"x", 0).is_err());
        assert!(fcntl_add_seals(memory.file(), SealFlags::empty()).is_err());
        let again = OpenOptions::new().read(true).write(true).open(path(&memory));
        // Root may open it again; the seal still refuses what the descriptor would allow.
        assert!(again.is_err() || again.is_ok_and(|file| Mapping::new(file.as_fd(), 4096).is_err()));
    }

    #[test]
    fn results_cannot_be_resized() {
        let memory = Empty::new("results").unwrap();
        let arena = memory.map(4096, ArenaKind::Results).unwrap();
        Mapping::new(memory.file(), 4096).unwrap().bytes_mut()[7] = 9;
        assert_eq!(arena.mapping.bytes()[7], 9);
        assert!(ftruncate(memory.file(), 0).is_err());
    }

    #[test]
    fn a_sealed_content_stays() {
        let file = sealed("entry", b"object").unwrap();
        let mut bytes = [0; 6];
        rustix::io::pread(&file, &mut bytes, 0).unwrap();
        assert_eq!(&bytes, b"object");
        assert!(rustix::io::pwrite(&file, b"x", 0).is_err());
        assert!(ftruncate(&file, 0).is_err() && ftruncate(&file, 99).is_err());
        assert!(Mapping::new(file.as_fd(), 6).is_err());
    }

    #[test]
    fn a_file_that_could_shrink_is_not_viewed() {
        let memory = Empty::new("open").unwrap();
        ftruncate(&memory.file, 4096).unwrap();
        assert!(view(memory.file(), 4096).is_err());
        assert!(view(memory.file(), 8192).is_err());
    }
}
