//! Random texts: none panics, and a verdict on one is always the same.

use proptest::prelude::*;

use super::*;

const PIECES: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "f'",
    "f\"",
    "t'",
    "rb'",
    "'",
    "\"",
    "\"\"\"",
    "'''",
    "!r",
    ":",
    ":=",
    "=",
    ",",
    ".",
    "...",
    ";",
    "\\",
    "\\\n",
    "\n",
    "\n    ",
    "\n\t",
    "\n  ",
    "\r\n",
    "#",
    "# coding: x",
    "@",
    "->",
    "**",
    "*",
    "//",
    "<<",
    "-",
    "~",
    "!=",
    "<>",
    "!",
    "?",
    "$",
    "%",
    "`",
    "a",
    "eval",
    "torch",
    "torch.load",
    "getattr",
    "__class__",
    "self",
    "0",
    "1.5e-3",
    "0x",
    "1j",
    "lambda",
    "lambda a, *b: ",
    "if ",
    " else ",
    "elif ",
    "for ",
    " in ",
    "while ",
    "with ",
    " as ",
    "def f",
    "class A",
    "try:",
    "except ",
    "except* ",
    "finally:",
    "import ",
    "from ",
    "from .",
    "match ",
    "case ",
    "_",
    "type ",
    "async ",
    "await ",
    "yield ",
    "return ",
    "not ",
    " and ",
    " or ",
    " is ",
    "global ",
    "nonlocal ",
    "del ",
    "assert ",
    "raise ",
    "pass",
    "\u{e9}",
    "\u{ff45}",
    "\u{1f600}",
    "\u{2028}",
    "\u{feff}",
    "\0",
    "\x0c",
    "lazy ",
    "{{",
    "}}",
    "\\N{DASH}",
    "\\x4",
    "u'",
    "print ",
];

fn soup() -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::sample::select(PIECES), 0..60).prop_map(|pieces| pieces.concat())
}

/// An honest source with some bytes gone, doubled or replaced.
fn damaged() -> impl Strategy<Value = String> {
    let cuts =
        proptest::collection::vec((any::<prop::sample::Index>(), 0usize..12, proptest::sample::select(PIECES)), 1..6);
    (0..HONEST.len(), cuts).prop_map(|(which, cuts)| {
        let mut text = HONEST[which].1.to_owned();
        for (at, length, piece) in cuts {
            let start = text.floor_char_boundary(at.index(text.len()));
            let end = text.ceil_char_boundary((start + length).min(text.len()));
            text.replace_range(start..end, piece);
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn no_text_panics(text in soup()) {
        let found = findings(&text);
        prop_assert!(!gave_up(&found), "{text:?}");
        prop_assert_eq!(found, findings(&text));
    }

    #[test]
    fn no_damage_panics(text in damaged()) {
        prop_assert!(!gave_up(&findings(&text)), "{text:?}");
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        source(PATH, &bytes, &BTreeSet::new());
    }
}

/// Whether the parser panicked.
fn gave_up(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.found.contains("gives up"))
}
