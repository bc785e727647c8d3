//! A root of its own for a program: a few folders at their usual paths, and nothing else that could be named.
//!
//! Made by the child in its own mount namespace, between clone and exec, from a plan that the parent prepared: a
//! small tmpfs, the folders bound into it (read-only but for those that may be written), `/dev/null`, and then this
//! is the root. There is no `/proc`, no other device, and no path to anything else.

use std::{
    collections::BTreeSet,
    ffi::{CStr, CString},
    io,
    os::unix::ffi::OsStrExt as _,
    path::{Component, Path, PathBuf},
    ptr,
};

/// What a child mounts, prepared before the clone: it must not allocate.
#[derive(Debug)]
pub struct Mounts {
    /// An empty folder to make the root in.
    staging: CString,
    /// Folders to create below it, parents first.
    folders: Vec<CString>,
    /// An empty file for `/dev/null`.
    null: CString,
    binds: Vec<Bind>,
    /// `0 uid 1`, so that files of the root have an owner.
    users: CString,
    groups: CString,
}

#[derive(Debug)]
struct Bind {
    from: CString,
    to: CString,
    writable: bool,
}

/// `struct mount_attr` of `linux/mount.h`.
#[repr(C)]
struct Attributes {
    set: u64,
    clear: u64,
    propagation: u64,
    namespace: u64,
}

const READ_ONLY: u64 = 0x1;
const NO_SUID: u64 = 0x2;

impl Mounts {
    /// Plans a root with these folders; `staging` must be an empty folder outside of all of them.
    ///
    /// Links on the way to a folder are followed, and the folder stands at both paths.
    pub fn new(staging: &Path, readable: &[PathBuf], writable: &[PathBuf]) -> io::Result<Self> {
        let staging = staging.canonicalize()?;
        let mut places: Vec<(PathBuf, PathBuf, bool)> = Vec::new();
        for (paths, writable) in [(readable, false), (writable, true)] {
            for path in paths.iter().filter(|path| path.exists()) {
                let real = path.canonicalize()?;
                let named = std::path::absolute(path)?;
                places.push((real.clone(), real.clone(), writable));
                if named != real && plain(&named) {
                    places.push((real, named, writable));
                }
            }
        }
        places.sort_by(|a, b| a.1.cmp(&b.1));
        places.dedup_by(|a, b| a.1 == b.1);
        let inside = |path: &Path| staging.join(path.strip_prefix("/").unwrap_or(path));
        let mut folders = BTreeSet::from([PathBuf::from("/dev")]);
        for (index, (_, to, _)) in places.iter().enumerate() {
            // What lies in a folder that is bound already is there.
            if !places[..index].iter().any(|(_, parent, _)| to.starts_with(parent)) {
                let whole = if to.is_dir() { Some(to.as_path()) } else { to.parent() };
                folders.extend(whole.into_iter().flat_map(Path::ancestors).map(Path::to_owned));
            }
        }
        folders.remove(Path::new("/"));
        let text = |path: &Path| CString::new(path.as_os_str().as_bytes()).map_err(io::Error::other);
        let binds = places
            .iter()
            .map(|(from, to, writable)| Ok(Bind { from: text(from)?, to: text(&inside(to))?, writable: *writable }));
        let identity = |id: u32| CString::new(format!("0 {id} 1")).map_err(io::Error::other);
        Ok(Self {
            folders: folders.iter().map(|folder| text(&inside(folder))).collect::<io::Result<_>>()?,
            null: text(&inside(Path::new("/dev/null")))?,
            binds: binds.collect::<io::Result<_>>()?,
            users: identity(rustix::process::geteuid().as_raw())?,
            groups: identity(rustix::process::getegid().as_raw())?,
            staging: text(&staging)?,
        })
    }
}

/// Whether a path has no `..` or `.` in it.
fn plain(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)))
}

/// Makes the root and enters it: in a child with a mount namespace of its own, before it executes anything. False
/// where a step fails, with `errno`.
#[must_use]
pub fn enter(view: &Mounts) -> bool {
    let root = view.staging.as_ptr();
    // SAFETY: system calls on texts that the parent prepared; the namespace belongs to this process alone.
    unsafe {
        write_to(c"/proc/self/uid_map", &view.users)
            && write_to(c"/proc/self/setgroups", c"deny")
            && write_to(c"/proc/self/gid_map", &view.groups)
            && mount(ptr::null(), c"/".as_ptr(), ptr::null(), libc::MS_REC | libc::MS_PRIVATE, ptr::null())
            && mount(
                c"tmpfs".as_ptr(),
                root,
                c"tmpfs".as_ptr(),
                libc::MS_NOSUID | libc::MS_NODEV,
                c"size=1m,mode=0755".as_ptr(),
            )
            && view.folders.iter().all(|folder| libc::mkdir(folder.as_ptr(), 0o755) == 0)
            && view.binds.iter().all(bind_one)
            && bind_null(&view.null)
            && libc::chdir(root) == 0
            && libc::syscall(libc::SYS_pivot_root, c".".as_ptr(), c".".as_ptr()) == 0
            && libc::umount2(c".".as_ptr(), libc::MNT_DETACH) == 0
            && libc::chdir(c"/".as_ptr()) == 0
    }
}

/// # Safety
///
/// Texts end in zero.
unsafe fn mount(
    from: *const libc::c_char,
    to: *const libc::c_char,
    kind: *const libc::c_char,
    flags: libc::c_ulong,
    data: *const libc::c_char,
) -> bool {
    // SAFETY: the caller's promise.
    unsafe { libc::mount(from, to, kind, flags, data.cast()) == 0 }
}

/// Binds a folder or file with what is mounted below it; read-only all the way down where it may not be written.
fn bind_one(bind: &Bind) -> bool {
    let set = NO_SUID | if bind.writable { 0 } else { READ_ONLY };
    let attributes = Attributes { set, clear: 0, propagation: 0, namespace: 0 };
    // SAFETY: system calls on texts that end in zero and a struct of the kernel's layout.
    unsafe {
        if !is_folder(&bind.from) && !create(&bind.to) {
            return false;
        }
        mount(bind.from.as_ptr(), bind.to.as_ptr(), ptr::null(), libc::MS_BIND | libc::MS_REC, ptr::null())
            && libc::syscall(
                libc::SYS_mount_setattr,
                libc::AT_FDCWD,
                bind.to.as_ptr(),
                libc::AT_RECURSIVE,
                &raw const attributes,
                size_of::<Attributes>(),
            ) == 0
    }
}

fn is_folder(path: &CStr) -> bool {
    // SAFETY: all-zero is a value of that type; the path ends in zero.
    unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        libc::stat(path.as_ptr(), &raw mut stat) == 0 && stat.st_mode & libc::S_IFMT == libc::S_IFDIR
    }
}

fn bind_null(to: &CStr) -> bool {
    // SAFETY: texts that end in zero.
    create(to) && unsafe { mount(c"/dev/null".as_ptr(), to.as_ptr(), ptr::null(), libc::MS_BIND, ptr::null()) }
}

/// Makes an empty file to bind another one over; one that is there already will do.
fn create(path: &CStr) -> bool {
    // SAFETY: a text that ends in zero; the descriptor is closed again.
    unsafe {
        let file = libc::open(path.as_ptr(), libc::O_CREAT | libc::O_CLOEXEC | libc::O_RDONLY, 0o644);
        file >= 0 && libc::close(file) == 0
    }
}

fn write_to(path: &CStr, text: &CStr) -> bool {
    let bytes = text.to_bytes();
    // SAFETY: texts that end in zero; the descriptor is closed again.
    unsafe {
        let file = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        file >= 0
            && libc::write(file, bytes.as_ptr().cast(), bytes.len()) == bytes.len().cast_signed()
            && libc::close(file) == 0
    }
}
