//! The baseline as an entry's object that cargo builds, for tests of the trainer. `maxclip` builds entries itself.

answer::export!(submission::Entry);
