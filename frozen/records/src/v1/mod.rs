//! Version 1 of every file that passes between stages.
//!
//! A file whose form changes gets a module of its own (`v2`) and keeps this one, so that what was written once can
//! be read for as long as anybody wants to.

pub mod build;
pub mod checkpoint;
pub mod evaluation;
pub mod golden;
pub mod identity;
pub mod kit;
pub mod language;
pub mod names;
pub mod outcome;
pub mod progress;
pub mod protocol;
pub mod room;
pub mod round;
pub mod run;
pub mod statement;
pub mod track;
pub mod transcript;
