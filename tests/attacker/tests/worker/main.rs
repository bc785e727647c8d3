//! Workers as the trainer sees them: attackers that are stopped and named, and an honest one whose bits are
//! the same wherever they are computed.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it cannot go on")]

mod attacks;
mod common;
mod honest;
mod native;
mod outside;
