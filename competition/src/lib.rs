//! The competition: what results say about each other. Values in, values out; no file, clock or environment.

pub mod compare;
