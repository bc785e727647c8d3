//! Texts made to break a parser: each is a finding or nothing, in time and within the stack.

use super::*;
use crate::policy::{NESTING_MAX, SOURCE_BYTES_MAX};

/// As often as it fits into all sources.
fn filled(unit: &str) -> String {
    unit.repeat(SOURCE_BYTES_MAX / unit.len())
}

#[test]
fn whatever_nests_or_repeats_without_end_is_answered() {
    for unit in [
        "(",
        "[",
        "{",
        "f'{",
        "f\"{f'{",
        "t'{",
        "f'{a:{",
        "((",
        "([{",
        ")",
        "]",
        "}",
        "(]",
        "f'''{",
        "'",
        "\"\"\"",
        "\\",
        "\\\n",
        "-",
        "~",
        "not ",
        "await ",
        "yield ",
        "lambda: ",
        "lambda a, b: ",
        "lambda *a, ",
        "a if b else ",
        "a.",
        "a[",
        "a(",
        "a()",
        "a[0]",
        "a+",
        "a**",
        "a and ",
        "a or not ",
        "a<",
        "a:=",
        "(a:=",
        "*",
        "**",
        "*a, ",
        "@",
        "@a\n",
        "a=",
        "a: ",
        "a,",
        "a;",
        ";",
        ":",
        "->",
        "...",
        "async ",
        "async for ",
        "async with a, ",
        "with (",
        "with a, ",
        "with (a as b, ",
        "match ",
        "match a:",
        "match a:\n case ",
        "case ",
        "case [",
        "case a|",
        "type ",
        "type a[",
        "type A[B: ",
        "class A(",
        "class A[",
        "class A: ",
        "def f(",
        "def f(a=",
        "def f[",
        "def f() -> ",
        "if a: ",
        "if a:\n",
        "elif a: ",
        "else: ",
        "try: ",
        "try:\n",
        "except* ",
        "finally: ",
        "for a in ",
        "while a: ",
        "while (",
        "import a, ",
        "from . import ",
        "from ",
        "from .",
        "import (",
        "global a, ",
        "del (",
        "del ",
        "assert ",
        "raise ",
        "return ",
        "print ",
        "0x",
        "0_",
        "1e",
        "1j",
        "1_",
        "0b",
        "\u{e9}",
        "\u{ff08}",
        "\u{1f600}",
        " ",
        "\t",
        " \t",
        "\n ",
        "\n\t",
        "\n",
        "#",
        "#\n",
        "!",
        "?",
        "$",
        "%",
        "%a\n",
        "!a\n",
        "`",
        "{a:",
        "{a for ",
        "[a for b in ",
        "[*",
        "{**",
        "f'{a!r:",
        "f'{a=",
        "f'{{",
        "rb'",
        "br'\\'",
        "u'",
        "'\\N{",
        "'\\x",
        "b'\\u",
        "f'\\N{",
        "\"\\\n",
        "lazy import ",
    ] {
        let text = filled(unit);
        for text in [text.clone(), format!("x = {text}"), format!("if x:\n    {text}"), format!("{text}\nimport os\n")]
        {
            findings(&text);
        }
    }
}

#[test]
fn the_callers_stack_decides_nothing() {
    let chain = format!("{}a\n", "a+".repeat(LINKS_MAX));
    let link = "not ".repeat(LINKS_MAX / NESTING_MAX - 2);
    let deep = format!("{}a{}\n", format!("{link}(").repeat(NESTING_MAX), ")".repeat(NESTING_MAX));
    let judge = move || [chain, deep, filled("async "), filled("yield ")].map(|text| rules(&text));
    let whole = judge.clone()();
    assert_eq!(whole[..2], [vec![], vec![]]);
    let small = std::thread::Builder::new().stack_size(32 << 10).spawn(judge).unwrap();
    assert_eq!(small.join().unwrap(), whole);
}

#[test]
fn depth_that_is_spread_over_lines_is_counted() {
    let stairs =
        |depth: usize, word: &str| (0..depth).map(|at| format!("{}{word}:\n", " ".repeat(at))).collect::<String>();
    for word in ["if a", "def f()", "class A", "while a", "try", "with a", "for a in b", "else", "match a", "case a"] {
        let found = findings(&stairs(NESTING_MAX + 2, word));
        assert_eq!(found[0].rule, Rule::SourceText, "{word}");
    }
    let deep: String = (0..300).map(|_| "f(").collect::<String>() + &")".repeat(300);
    assert_eq!(rules(&deep), [Rule::SourceText]);
}

#[test]
fn names_that_lead_on_and_on_are_followed_so_far() {
    let mut text = "a0 = torch\n".to_owned();
    for at in 0..4000 {
        text.push_str(&format!("a{} = a{at}.x\n", at + 1));
    }
    assert_eq!(findings(&text), []);
    // As far as a name of eight parts, and no further: what is kept does not grow with the square of the text.
    let led = |steps: usize| {
        let names: String = (0..steps).map(|at| format!("a{} = a{at}.x\n", at + 1)).collect();
        rules(&format!("import enum as a0\n{names}a{steps}.os\n"))
    };
    assert_eq!((led(7), led(8)), (vec![Rule::PythonImport], vec![]));
    let itself = format!("a = torch\n{}", "a = a.a.a.a\n".repeat(5000));
    assert_eq!(findings(&itself), []);
}

#[test]
fn what_tricks_other_readers_is_read_as_python_reads_it() {
    for (text, expected) in [
        // A comment holds a bracket, a text a comment.
        ("# (((\na = '# eval('\n", vec![]),
        // A line that goes on; a text that spans lines and ends in code.
        ("ev\\\nal('1')\n", vec![Rule::PythonSyntax]),
        ("a = 1; \\\neval('1')\n", vec![Rule::PythonBuiltin]),
        ("'''\n'''; eval('1')\n", vec![Rule::PythonBuiltin]),
        ("a = 'x' \\\n 'y'.__class__\n", vec![Rule::PythonDunder]),
        ("if 1:\n\teval('1')\n", vec![Rule::PythonBuiltin]),
        ("x = f'{\"a\" if b else eval(c)!r:>{d}}'\n", vec![Rule::PythonBuiltin]),
        ("x = [eval for x in y]\n", vec![Rule::PythonBuiltin]),
        ("torch \\\n . load\n", vec![Rule::PythonTorch]),
        ("(torch).load\n", vec![Rule::PythonTorch]),
        ("torch.nn.torch.load\n", vec![]),
        ("a\0b\n", vec![Rule::SourceText]),
        ("a\rb\n", vec![Rule::SourceText]),
    ] {
        assert_eq!(rules(text), expected, "{text:?}");
    }
}

#[test]
fn bytes_beyond_utf_8_are_refused_where_they_stand() {
    let found = source(PATH, b"a\n# \xff", &BTreeSet::new());
    assert_eq!((found[0].rule, found[0].place.as_str()), (Rule::SourceText, "editable/src/lib.py:2:3"));
}
