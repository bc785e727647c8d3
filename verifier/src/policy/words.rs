//! Names that reach outside the contract, refused wherever they stand.

use super::lexer::{Kind, Token};

/// What the contract offers instead, for a group of words.
pub struct Group {
    /// The words.
    pub words: &'static [&'static str],
    /// What to do instead.
    pub instead: &'static str,
}

/// Words that no source may hold outside comments and texts.
pub const WORDS: &[Group] = &[
    Group { words: &["unsafe", "transmute", "extern", "union"], instead: "safe Rust" },
    Group {
        words: &[
            "static",
            "thread_local",
            "OnceLock",
            "LazyLock",
            "OnceCell",
            "LazyCell",
            "Mutex",
            "RwLock",
            "leak",
            "forget",
        ],
        instead: "state in declared slots, columns and globals; constants as `const`",
    },
    Group {
        words: &["include", "include_str", "include_bytes", "env", "option_env"],
        instead: "numbers in config.toml",
    },
    Group {
        words: &["macro_rules", "macro", "asm", "global_asm", "naked_asm", "proc_macro"],
        instead: "functions, generics and traits",
    },
    Group {
        words: &["HashMap", "HashSet", "RandomState", "DefaultHasher", "BuildHasher"],
        instead: "BTreeMap and BTreeSet: the order of a hash map is random",
    },
    Group {
        words: &[
            "Instant",
            "SystemTime",
            "Command",
            "TcpStream",
            "TcpListener",
            "UdpSocket",
            "UnixStream",
            "File",
            "OpenOptions",
        ],
        instead: "nothing: there is no clock, process, network or file",
    },
    Group { words: &["catch_unwind", "set_hook", "take_hook", "resume_unwind", "abort"], instead: "an `Err`" },
    Group {
        words: &["tch", "torch_sys", "libc", "rustix", "CModule", "VarStore", "QEngine", "Cuda", "jit"],
        instead: "what `contract` exports",
    },
    Group {
        words: &[
            "manual_seed",
            "manual_seed_all",
            "set_num_threads",
            "set_num_interop_threads",
            "set_user_enabled_cudnn",
            "cudnn_set_benchmark",
        ],
        instead: "`progress.random()`; switches are the trainer's",
    },
    Group {
        words: &[
            "data_ptr",
            "from_blob",
            "f_from_blob",
            "from_file",
            "f_from_file",
            "load",
            "load_multi",
            "load_from_stream",
            "load_multi_from_stream",
            "save",
            "save_multi",
            "save_to_stream",
            "read_npy",
            "read_npz",
            "write_npy",
            "write_npz",
            "read_safetensors",
            "write_safetensors",
            "set_data",
            "as_mut_ptr",
            "as_ptr",
            "from_ptr",
            "clone_from_ptr",
        ],
        instead: "`value()`, `set(..)` and the tensors that the contract hands in",
    },
];

/// Words are refused by these parts too.
const PARTS: &[(&str, &str)] = &[
    ("internal_", "the operator without `internal_`"),
    ("_unsafe", "the operator without `unsafe`"),
    ("unsafe_", "the operator without `unsafe`"),
];

/// Names of lints that hold a forbidden part and switch nothing off: the compiler's command line forbids them.
const HARMLESS: &[&str] = &["unsafe_code", "unsafe_op_in_unsafe_fn"];

/// Modules of the standard library that sources may name.
pub const STANDARD_MODULES: &[&str] = &[
    "array",
    "borrow",
    "boxed",
    "cell",
    "char",
    "cmp",
    "collections",
    "convert",
    "default",
    "error",
    "f32",
    "f64",
    "fmt",
    "i32",
    "i64",
    "iter",
    "marker",
    "mem",
    "num",
    "ops",
    "option",
    "rc",
    "result",
    "slice",
    "str",
    "string",
    "u32",
    "u64",
    "usize",
    "vec",
];

/// Attributes that sources may carry.
pub const ATTRIBUTES: &[&str] = &[
    "allow",
    "cfg",
    "default",
    "deny",
    "derive",
    "doc",
    "expect",
    "forbid",
    "inline",
    "must_use",
    "non_exhaustive",
    "serde",
    "test",
    "warn",
];

/// A refused word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Forbidden<'a> {
    /// Where it starts.
    pub at: usize,
    /// The word.
    pub text: &'a str,
    /// What to do instead.
    pub instead: &'static str,
}

/// Every forbidden word, in order.
pub(super) fn find<'a>(tokens: &[Token<'a>]) -> Vec<Forbidden<'a>> {
    let mut found = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let rest = &tokens[index + 1..];
        match token.kind {
            Kind::Word => found.extend(word(token).or_else(|| standard(token, rest))),
            Kind::Mark if token.text == "#" => found.extend(attribute(rest)),
            _ => {}
        }
    }
    found
}

fn word<'a>(token: &Token<'a>) -> Option<Forbidden<'a>> {
    let listed = || WORDS.iter().find(|group| group.words.contains(&token.text)).map(|group| group.instead);
    let part = || {
        let hit = PARTS.iter().find(|(part, _)| token.text.contains(part));
        hit.filter(|_| !HARMLESS.contains(&token.text)).map(|(_, instead)| *instead)
    };
    let instead = listed().or_else(part)?;
    Some(Forbidden { at: token.at, text: token.text, instead })
}

/// The first name after `std::` or `core::` that is not allowed; the crate itself under another name is not.
fn standard<'a>(root: &Token<'a>, rest: &[Token<'a>]) -> Option<Forbidden<'a>> {
    if !matches!(root.text, "std" | "core" | "alloc") {
        return None;
    }
    let refuse = |token: &Token<'a>| {
        let instead = "an allowed module of `std`, by its name: see `maxclip rules forbidden-word`";
        Some(Forbidden { at: token.at, text: token.text, instead })
    };
    let [first, second, third, ..] = rest else { return refuse(root) };
    if (first.text, second.text) != (":", ":") {
        return refuse(root);
    }
    let allowed = |token: &Token<'_>| token.kind == Kind::Word && STANDARD_MODULES.contains(&token.text);
    if third.text != "{" {
        return if allowed(third) { None } else { refuse(third) };
    }
    group(&rest[3..]).find(|token| !allowed(token)).and_then(refuse)
}

/// The first token of each path of `{a, b::{c, d}, e}`, whose `{` was read.
fn group<'t, 'a>(rest: &'t [Token<'a>]) -> impl Iterator<Item = &'t Token<'a>> {
    let (mut depth, mut start) = (0usize, true);
    rest.iter()
        .map_while(move |token| {
            let first = depth == 0 && start && token.kind != Kind::Close && token.text != ",";
            start = depth == 0 && token.text == ",";
            match token.kind {
                Kind::Open => depth += 1,
                // The group's own bracket ends it.
                Kind::Close => depth = depth.checked_sub(1)?,
                _ => {}
            }
            Some(first.then_some(token))
        })
        .flatten()
}

/// The name of the attribute after `#`, where it is not allowed.
fn attribute<'a>(rest: &[Token<'a>]) -> Option<Forbidden<'a>> {
    let rest = if rest.first().is_some_and(|token| token.text == "!") { &rest[1..] } else { rest };
    let [open, name, ..] = rest else { return None };
    if open.text != "[" || (name.kind == Kind::Word && ATTRIBUTES.contains(&name.text)) {
        return None;
    }
    let instead = "an allowed attribute: see `maxclip rules forbidden-word`";
    Some(Forbidden { at: name.at, text: name.text, instead })
}
