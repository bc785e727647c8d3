//! The shared object of an entry: the frozen half of an answer around the participant's crate `submission`.

answer::export!(submission::Entry);
