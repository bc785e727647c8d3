//! The one reader of what a run leaves behind: transcripts, fingerprints and checkpoints.
//!
//! Whoever resumes, scores, compares, reports or verifies reads evidence through here, so that what counts as whole
//! is decided in one place. It sees bytes and no file system: a caller opens what he may and gives a reader.
//!
//! Everything is read by window: a line, a row, a piece of a tensor. Memory is that of the largest line, row, manifest
//! or header, which have limits of their own, and never that of a file. What was hashed is what was looked at: a file
//! that is held to a digest passes through [`Hashed`] once, and everything said of it comes from that pass. Only where
//! in a tensor one flipped bit lies takes a second look, and that is only claimed where it gives the signed leaf.

pub mod checkpoint;
mod hashed;
mod search;
pub mod steps;
pub mod transcript;

use std::io::{Read, Seek};

pub use hashed::Hashed;
pub use search::changed_byte;
pub use steps::{RowState, Steps};
pub use transcript::{Transcript, TranscriptError};

/// A file as this crate sees it: bytes that can be read again from any place.
pub trait Source: Read + Seek {}

impl<T: Read + Seek + ?Sized> Source for T {}
