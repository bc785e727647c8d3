//! The words that every stage shares: digests, verdicts, canonical JSON and the schema of each file
//! that passes between stages.
//!
//! Nothing here computes a result. A file that one program writes and another reads is a type in this
//! crate, so that a reader finds its meaning in one place and a change of form is a change here.
//! Links neither libtorch nor anything that reads the clock, the environment or randomness.

pub mod canonical;
pub mod digest;
pub mod exit;
pub mod file;
pub mod framed;
pub mod merkle;
pub mod rule;
pub mod stop;
pub mod v1;
pub mod verdict;

pub use digest::{
    Blake3, Commitment, DataRoot, FrozenDigest, IdentityDigest, LibtorchDigest, NumericsClass, ProtocolDigest,
    ReleaseDigest, RunDigest, SeedDigest, Sha256, TreeDigest, WorkerDigest,
};
pub use exit::Exit;
pub use framed::Framed;
pub use rule::Rule;
pub use stop::{Problem, Stop};
pub use verdict::{Attachment, Finding, Reason, Verdict};
