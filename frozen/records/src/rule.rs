//! Every rule that a submission or a run can break: one id, one text, one way to repair it.
//!
//! A rule says the same wherever it is printed: `maxclip rules`, a finding, a certificate, the docs.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

macro_rules! rules {
    ($($stage:literal { $($name:ident = $id:literal, $text:literal, $repair:literal;)+ })+) => {
        /// A rule; see [`Rule::text`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Rule {
            $($(#[doc = $text] $name,)+)+
        }

        impl Rule {
            /// Every rule in the order of the stages.
            pub const ALL: &[Self] = &[$($(Self::$name,)+)+];

            /// The id, as findings and `maxclip rules` print it.
            #[must_use]
            pub fn id(self) -> &'static str {
                match self { $($(Self::$name => $id,)+)+ }
            }

            /// What must hold, as a sentence.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self { $($(Self::$name => $text,)+)+ }
            }

            /// How to repair a submission that broke it.
            #[must_use]
            pub fn repair(self) -> &'static str {
                match self { $($(Self::$name => $repair,)+)+ }
            }

            /// The stage that applies it.
            #[must_use]
            pub fn stage(self) -> &'static str {
                match self { $($(Self::$name => $stage,)+)+ }
            }
        }
    };
}

rules! {
    "intake" {
        NotOneArchive = "zip-not-one-archive", "A ZIP has exactly one reading: one end record at its end, no gap, no overlap, no zip64.", "write it with `maxclip pack`";
        HeadersDisagree = "zip-headers-disagree", "The two headers of each entry say the same, and the data are what they say.", "write it with `maxclip pack`";
        EntryKind = "zip-entry-kind", "An entry is a plain, unencrypted file or folder, stored or deflated, with no extra permission.", "write it with `maxclip pack`";
        EntryName = "zip-entry-name", "A name is made of A-Z a-z 0-9 . _ - and /, starts no part with a dot, leaves no folder, and is unique without regard to case.", "rename the file";
        TooLarge = "zip-too-large", "A ZIP and its entries stay within the limits of size, number, name length and ratio.", "leave out what is not source or configuration";
        Unreadable = "zip-unreadable", "The file is a whole ZIP.", "hand in the file that `maxclip pack` wrote; a download may have been cut";
    }
    "diff" {
        FrozenFileChanged = "frozen-file-changed", "A frozen file that the ZIP carries is equal to the frozen tree's.", "only files under `editable/` belong in a ZIP; `maxclip pack` writes one";
        LineEndings = "frozen-line-endings", "A frozen file differs only in line endings or a byte order mark.", "git's autocrlf changed it; `maxclip pack` leaves frozen files out";
        UnknownFile = "unknown-file", "Every file is editable, or a copy of a frozen one.", "leave it out: `editable/src/**.rs` or `editable/src/**.py`, `editable/config.toml` and `editable/submission.toml` are what a ZIP holds";
        MissingFile = "missing-file", "`editable/src/lib.rs` or `editable/src/lib.py`, `editable/config.toml` and `editable/submission.toml` are there.", "`maxclip new` writes a complete kit";
    }
    "policy" {
        Submission = "submission-toml", "`submission.toml` names the entry with the known keys, as short printable text.", "compare with the one that `maxclip new` writes";
        Config = "config-toml", "`config.toml` is TOML of at most 4 KiB: plain values, and tables named after scales and protocols.", "compare with the one that `maxclip new` writes";
        SourceText = "source-text", "Source is UTF-8 text of at most 64 KiB in all, ASCII outside comments and texts, nested at most 64 deep.", "write it as plain text, shorten or split it; constants belong into config.toml";
        OneLanguage = "one-language", "Every source is of the language that `submission.toml` names: `.rs` for rust, which is meant where it names none, `.py` for python.", "write `language = \"rust\"` or `language = \"python\"` into submission.toml, and leave out the sources of the other one";
        ForbiddenWord = "forbidden-word", "Source names nothing that reaches outside the contract.", "see docs/rules.md for the list and for what the contract offers instead";
        PythonSyntax = "python-syntax", "A Python source is one by Python's grammar.", "`python3 -m py_compile FILE` names the place too";
        PythonImport = "python-import", "A Python source imports torch, contract, a few modules that compute, and files of its own.", "see docs/rules.md for the modules; files of your own lie beside `lib.py`: `from .name import ..`";
        PythonDunder = "python-dunder", "A Python source defines and uses no name with two underscores on both sides but those of ordinary classes.", "see docs/rules.md for the list; `type(x)` for `x.__class__`";
        PythonBuiltin = "python-builtin", "A Python source calls no builtin that runs text as code, opens files or reaches all names at once.", "write the code and the names out; numbers belong into config.toml";
        PythonComputedName = "python-computed-name", "An attribute is named in the source, and not computed.", "write `x.name`, or the name as a text: `getattr(x, \"name\", default)`";
        PythonTorch = "python-torch", "A Python source uses no part of torch that loads, saves, compiles, starts processes or changes switches.", "see docs/rules.md for the parts and for what there is instead";
    }
    "build" {
        DoesNotCompile = "does-not-compile", "The library compiles against the contract.", "the compiler's whole message lies in `messages.txt` of the build's folder";
        ForeignInput = "foreign-build-input", "The compiler read exactly the admitted files and no environment.", "remove include macros, path attributes and env macros";
        BuildLimit = "build-limit", "Compiling stays within the limits of time, memory and messages.", "simplify the types or constants that the compiler works on";
        Assembly = "assembly", "The compiler's output holds no assembly of the submission's.", "write it in Rust; tensors do the heavy work";
        ObjectForm = "object-form", "The entry's object has the form that the baseline's has: its libraries, constructors, symbols and segments.", "remove whatever adds a constructor, a symbol or a library";
    }
    "worker" {
        Loads = "object-does-not-load", "The entry's object loads in a locked process, with the libraries that the frozen worker has.", "build it with `maxclip`";
        ConfigKey = "config-key", "Every key of the resolved configuration is one that the algorithm reads, and none is missing.", "compare the names and types with the algorithm's `Config`";
        Declaration = "declaration", "State is declared within the protocol's limits, with unique names.", "see `maxclip rules` for the limits";
        Refused = "algorithm-error", "The algorithm answers each question without an error.", "the message is the algorithm's own";
        Panicked = "worker-panicked", "The algorithm does not panic.", "the last words say where";
        Signalled = "worker-killed", "The algorithm is not ended by a signal.", "inputs are read-only: copy before writing in place; a stack that runs out is a recursion without an end or a large array on it";
        ForbiddenCall = "forbidden-system-call", "The algorithm makes no system call beyond the allowed ones.", "no files, threads, clocks, sockets or std hash maps; use BTreeMap and `progress.random()`";
        OutOfMemory = "worker-memory", "The algorithm stays within its memory limit.", "work in pieces";
        TooSlow = "worker-time", "A question is answered within the protocol's CPU time.", "look for a loop or a recursion without an end; else compare the cost with the baseline's in `maxclip try`";
        WrongShape = "answer-shape", "An answer has the shape that was asked for.", "`loss` returns one value an anchor; `set` takes the shape of what it replaces";
        NotFinite = "answer-not-finite", "An answer holds only finite numbers.", "look at the step before in the transcript";
        Protocol = "worker-protocol", "A worker speaks the protocol of `frozen/wire`.", "build it with `maxclip`";
    }
    "train" {
        NonFinite = "non-finite", "Every tensor of a step is finite before the update.", "lower the learning rate or bound the loss";
    }
    "replay" {
        Diverged = "transcript-diverged", "Steps done again are equal, bit for bit.", "state must live in declared slots, columns and globals; randomness comes from `progress.random()`";
    }
    "verify" {
        CertificateChanged = "certificate-changed", "A signed statement is in canonical form and its signatures verify.", "fetch it again from who issued it";
        FileMissing = "file-missing", "Every file that a certificate names is there.", "fetch the run folder again";
        FileChanged = "file-changed", "Every file is what the certificate says.", "fetch the run folder again";
        TranscriptChanged = "transcript-changed", "Each transcript line continues the chain that the certificate ends.", "fetch the run folder again";
        FingerprintsChanged = "fingerprints-changed", "Each row of fingerprints is the one its transcript line names.", "fetch the run folder again";
        CheckpointChanged = "checkpoint-changed", "Each tensor of a checkpoint is the one its manifest names.", "fetch the run folder again";
        EvaluationChanged = "evaluation-changed", "Scores follow from the evaluation files, and those are what the certificate says.", "fetch the run folder again";
        Inconsistent = "certificate-inconsistent", "What a certificate says follows from its own parts, its protocol and its round.", "report it to who issued it";
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(id: &str) -> Result<Self, String> {
        Self::ALL.iter().copied().find(|rule| rule.id() == id).ok_or_else(|| format!("`{id}` is not the id of a rule"))
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_unique_and_round_trip() {
        let ids: BTreeSet<_> = Rule::ALL.iter().map(|rule| rule.id()).collect();
        assert_eq!(ids.len(), Rule::ALL.len());
        for rule in Rule::ALL {
            assert_eq!(rule.id().parse::<Rule>().unwrap(), *rule);
            assert!(rule.text().ends_with('.') && !rule.repair().ends_with('.'), "{rule}");
        }
    }
}
