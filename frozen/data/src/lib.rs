//! Pairs of images and captions, from a tar on disk to pixels and tokens, and the order they are seen in.
//!
//! Everything here is a pure function of bytes, a seed and numbers: no clock, no environment, no thread
//! timing. The crate sees files and never a model; it does not link libtorch.
//!
//! - [`shard`], [`writer`]: WebDataset tars, read and written.
//! - [`index`], [`dataset`]: which samples a folder of shards holds, and what identifies them.
//! - [`order`]: which ranks make up the batch of a step.
//! - [`pixels`], [`text`], [`tokens`]: what Pillow, torchvision, ftfy and open_clip would give for an image and a caption.
//! - [`shapes`]: a small data set and its evaluation tasks, drawn from a seed.

pub mod dataset;
pub mod error;
pub mod index;
pub mod order;
pub mod pixels;
pub mod sample;
pub mod shapes;
pub mod shard;
pub mod text;
pub mod tokens;
pub mod writer;

pub use dataset::Dataset;
pub use error::DataError;
pub use order::SampleOrder;
pub use sample::{Sample, Uid};
pub use tokens::Tokenizer;
