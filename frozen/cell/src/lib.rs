//! Every jail of the project: a program that is started confined, and a locked process for somebody's code.
//!
//! Two shapes, from one kind of [`profile`]:
//!
//! - A **worker**: [`spawn`] starts a frozen server program in namespaces, limits and a Landlock domain; the
//!   program warms up and calls [`server::serve`], which forks a *cell* a question ([`fork`]); the cell maps its
//!   memory, locks itself ([`lock`], [`filter`]), and only then loads an entry ([`object`]) and answers. What the
//!   loader asks of files is answered by the cell's own [`handlers`], never by the kernel.
//! - A **tool**: [`tool`] starts a foreign program (the compiler) in a [`view`] of a few folders, with a filter, a
//!   deadline, and a bounded pipe for what it says, and ends it with everything that it started.
//!
//! The wall is built for arbitrary machine code: no byte of a participant is in a process of these that is not
//! locked yet. What each profile allows is data, with a reason an entry; SECURITY.md shows the same table.
//!
//! Links no libtorch. `unsafe` stands here, in `shim`, `wire::memory`, `answer`, `probe` and
//! `worker-python`, and in no other frozen room.
#![expect(unsafe_code, reason = "fork, exec, signal handlers, mounts and a loader have no safe form")]

pub mod calls;
pub mod fence;
pub mod filter;
pub mod fork;
pub mod handlers;
pub mod lock;
pub mod object;
pub mod pages;
pub mod profile;
pub mod server;
pub mod spawn;
pub mod stack;
pub mod tool;
pub mod view;

pub use spawn::{Namespaces, Program, Started};
