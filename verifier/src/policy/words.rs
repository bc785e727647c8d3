//! Names that reach outside the contract.
//!
//! Most are refused wherever they stand, so that no macro can put them somewhere else. What is also an
//! ordinary name is refused only where it means what it should not, and inside macros; see [`super::macros`].

use std::fmt;

use super::{
    attributes, macros,
    macros::Scope,
    paths,
    text::Fault,
    tokens::{Kind, Token},
};

/// Where a word is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    /// Everywhere.
    Anywhere,
    /// Before `!`.
    BeforeBang,
    /// After the `::` of a type.
    Call,
    /// At the start of an item.
    Item,
    /// Before the value of a `static`.
    Static,
    /// After `*` or `&raw`.
    Pointer,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Anywhere => "anywhere",
            Self::BeforeBang => "before `!`, renamed by `use`, and inside macros of your own",
            Self::Call => "after a type and `::`, and inside macros of your own",
            Self::Item => "at the start of an item",
            Self::Static => "in the type of a `static`",
            Self::Pointer => "after `*` or `&raw`",
        })
    }
}

/// Words, and what to do instead.
pub(super) struct Group {
    /// The words.
    pub words: &'static [&'static str],
    /// Where they are refused.
    pub place: Position,
    /// What to do instead.
    pub instead: &'static str,
}

const fn anywhere(words: &'static [&'static str], instead: &'static str) -> Group {
    Group { words, place: Position::Anywhere, instead }
}

const SAFE: &str = "safe Rust";
const STATE: &str = "state in declared slots, columns and globals: nothing else outlives an answer";
const CONFIG: &str = "numbers in config.toml";
const CONTRACT: &str = "what `contract` exports";
const TENSORS: &str =
    "`value()`, `set(..)` and the tensors that the contract hands in; another name for what is your own";

/// Words that sources may not hold outside comments and texts.
pub(super) const WORDS: &[Group] = &[
    anywhere(&["unsafe", "transmute", "extern"], SAFE),
    Group { words: &["union"], place: Position::Item, instead: SAFE },
    Group {
        words: &["const", "mut"],
        place: Position::Pointer,
        instead: "references: an address differs from run to run",
    },
    anywhere(
        &[
            "thread_local",
            "Mutex",
            "RwLock",
            "Condvar",
            "OnceLock",
            "LazyLock",
            "AtomicBool",
            "AtomicPtr",
            "AtomicI8",
            "AtomicI16",
            "AtomicI32",
            "AtomicI64",
            "AtomicIsize",
            "AtomicU8",
            "AtomicU16",
            "AtomicU32",
            "AtomicU64",
            "AtomicUsize",
        ],
        STATE,
    ),
    Group {
        words: &["mut", "Cell", "RefCell", "UnsafeCell", "OnceCell", "LazyCell"],
        place: Position::Static,
        instead: STATE,
    },
    anywhere(&["include_str", "include_bytes", "option_env"], CONFIG),
    Group { words: &["include", "env"], place: Position::BeforeBang, instead: CONFIG },
    anywhere(
        &["macro", "asm", "global_asm", "naked_asm", "proc_macro", "cfg_attr", "global_allocator"],
        "functions, generics, traits and `macro_rules!`",
    ),
    anywhere(
        &["HashMap", "HashSet", "hash_map", "hash_set", "RandomState", "DefaultHasher", "BuildHasher"],
        "BTreeMap and BTreeSet: the order of a hash map is random",
    ),
    anywhere(
        &[
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
        "nothing: there is no clock, process, network or file",
    ),
    anywhere(&["catch_unwind", "set_hook", "take_hook", "resume_unwind", "abort"], "an `Err`"),
    anywhere(
        &["tch", "torch_sys", "libc", "rustix", "CModule", "VarStore", "QEngine", "Cuda", "jit", "harness"],
        CONTRACT,
    ),
    anywhere(
        &[
            "manual_seed",
            "manual_seed_all",
            "set_num_threads",
            "set_num_interop_threads",
            "set_user_enabled_cudnn",
            "cudnn_set_benchmark",
        ],
        "`progress.random()`; switches are the trainer's",
    ),
    anywhere(
        &[
            "data_ptr",
            "from_blob",
            "f_from_blob",
            "f_from_file",
            "load_multi",
            "load_from_stream",
            "load_multi_from_stream",
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
        TENSORS,
    ),
    Group { words: &["from_file", "load", "save"], place: Position::Call, instead: TENSORS },
];

/// Words are refused by these parts too.
pub(super) const PARTS: &[(&str, &str)] = &[
    ("internal_", "the operator without `internal_`"),
    ("_unsafe", "the operator without `unsafe`"),
    ("unsafe_", "the operator without `unsafe`"),
    ("__private", "what a crate documents"),
];

/// Words that may follow a name which ends a pattern or an expression.
const AFTER_A_NAME: &[&str] = &["as", "else", "if", "in"];

/// Everything that is refused in a text's tokens, in order.
pub(super) fn find(tokens: &[Token<'_>]) -> Vec<Fault> {
    let all = tokens.iter().zip(macros::scopes(tokens));
    let (tokens, scopes): (Vec<Token<'_>>, Vec<Scope>) = {
        let spoken = all.clone().filter(|(token, _)| token.kind != Kind::Doc);
        spoken.map(|(token, scope)| (*token, scope)).unzip()
    };
    let handed = all.filter(|(token, scope)| token.kind == Kind::Doc && scope.in_call);
    let mut found: Vec<_> =
        handed.map(|(token, _)| Fault::new(token.at, UNHANDED, "a comment that documents")).collect();
    let (mut in_use, mut index) = (false, 0);
    while index < tokens.len() {
        let here = Here {
            before: &tokens[..index],
            token: tokens[index],
            rest: &tokens[index + 1..],
            scope: scopes[index],
            in_use,
        };
        index += 1;
        in_use = here.in_use_after();
        if here.token.is_mark("#") {
            let (faults, taken) = here.attribute();
            found.extend(faults);
            index += taken;
        } else if here.token.is_word() {
            found.extend(here.word());
        }
    }
    found.sort_by_key(|fault| fault.at);
    found
}

const UNHANDED: &str = "attributes and documentation outside of a macro's call";

/// A token among its neighbours, comments left out.
#[derive(Clone, Copy)]
pub(super) struct Here<'t, 'a> {
    pub before: &'t [Token<'a>],
    pub token: Token<'a>,
    pub rest: &'t [Token<'a>],
    pub scope: Scope,
    /// Between `use` and `;`.
    pub in_use: bool,
}

impl Here<'_, '_> {
    pub(super) fn refuse(&self, expected: &'static str) -> Option<Fault> {
        Some(Fault::new(self.token.at, expected, format!("`{}`", self.token.text)))
    }

    pub(super) fn is_before(&self, mark: &str) -> bool {
        self.rest.first().is_some_and(|token| token.is_mark(mark))
    }

    pub(super) fn is_after(&self, mark: &str) -> bool {
        self.before.last().is_some_and(|token| token.is_mark(mark))
    }

    /// Whether `::` stands behind it; `: :` does not count, and neither does the `:` before a path.
    pub(super) fn is_root(&self) -> bool {
        matches!(self.rest, [one, two, ..] if one.is_mark(":") && two.is_mark(":") && two.at == one.at + 1)
    }

    /// Whether it is a field or a method, and not the end of a range.
    pub(super) fn is_member(&self) -> bool {
        self.is_after(".") && !matches!(self.before, [.., one, _] if one.is_mark("."))
    }

    fn follows_path(&self) -> bool {
        matches!(self.before, [.., one, two] if one.is_mark(":") && two.is_mark(":"))
    }

    /// `in_use` of the next token.
    fn in_use_after(&self) -> bool {
        let opens = self.token.is_keyword("use") && !self.is_before("<");
        opens || (self.in_use && !self.token.is_mark(";"))
    }

    /// Whether `use` brings it in under another name, which no rule about this one would meet again.
    fn is_renamed(&self) -> bool {
        self.in_use && self.rest.first().is_some_and(|next| next.is_keyword("as"))
    }

    fn attribute(&self) -> (Vec<Fault>, usize) {
        let (faults, taken) = attributes::judge(self.rest);
        if self.scope.in_call { (self.refuse(UNHANDED).into_iter().collect(), taken) } else { (faults, taken) }
    }

    fn word(&self) -> Option<Fault> {
        let text = self.token.text;
        let part = || PARTS.iter().find(|(part, _)| text.contains(part)).map(|(_, instead)| *instead);
        let listed = WORDS.iter().find(|group| group.words.contains(&text) && self.is_refused(group.place));
        match listed.map(|group| group.instead).or_else(part) {
            Some(instead) => self.refuse(instead),
            None => self.static_item().or_else(|| self.own_macro()).or_else(|| paths::judge(*self)),
        }
    }

    fn is_refused(&self, place: Position) -> bool {
        // A macro's `$load` is not the word `load`, whatever it is given.
        let is_loose = self.scope.is_loose && !self.is_after("$");
        match place {
            Position::Anywhere => true,
            Position::BeforeBang => {
                is_loose
                    || self.is_renamed()
                    || (self.is_before("!") && self.rest.get(1).is_some_and(|next| !next.is_mark("=")))
            }
            Position::Call => is_loose || self.is_path_call() || self.takes_text(),
            Position::Item => self.starts_item(),
            // Judged at the word `static`.
            Position::Static => false,
            Position::Pointer => self.makes_pointer(),
        }
    }

    /// `Tensor::load`, `<T>::load`; not `crate::util::load`, not `Self::load`.
    fn is_path_call(&self) -> bool {
        let [.., owner, _, _] = self.before else { return false };
        let is_module = owner.text == "Self" || owner.text.starts_with(|c: char| c.is_ascii_lowercase());
        self.follows_path() && !(owner.is_word() && is_module)
    }

    /// `.save("x")`: no tensor's method has this name and does anything else with a text. Loading is no method.
    fn takes_text(&self) -> bool {
        self.token.text == "save" && matches!(self.rest, [open, text, ..] if open.is_mark("(") && text.is_text())
    }

    /// `union U {`, where `union` alone is a name like any other.
    fn starts_item(&self) -> bool {
        self.token.kind == Kind::Word
            && !self.is_after("$")
            && self.rest.first().is_some_and(|next| {
                next.is_mark("$") || next.kind == Kind::Name || (next.is_word() && !AFTER_A_NAME.contains(&next.text))
            })
    }

    /// `*const T`, `&raw mut x`; not `2 * const { 3 }`, and not a macro's `$(..)* const`.
    fn makes_pointer(&self) -> bool {
        let makes = match self.before {
            [.., close, star] if star.is_mark("*") => !close.is_mark(")"),
            [.., and, raw] => and.is_mark("&") && raw.is_keyword("raw"),
            _ => self.is_after("*"),
        };
        makes && self.token.kind == Kind::Word && !self.is_before("{")
    }

    /// `static mut`, and a `static` that could change without.
    fn static_item(&self) -> Option<Fault> {
        if !self.token.is_keyword("static") {
            return None;
        }
        let group = WORDS.iter().find(|group| group.place == Position::Static)?;
        let kind = self.rest.iter().take_while(|token| !token.is_mark("=") && !token.is_mark(";"));
        let odd = kind
            .take(STATIC_TOKENS_MAX)
            .find(|token| group.words.contains(&token.text) && (token.text != "mut" || self.is_next(token)))?;
        Some(Fault::new(odd.at, group.instead, format!("`{}` in a `static`", odd.text)))
    }

    fn is_next(&self, token: &Token<'_>) -> bool {
        self.rest.first().is_some_and(|next| next.at == token.at)
    }

    /// A macro under a name that other rules trust, or under one that they cannot see.
    fn own_macro(&self) -> Option<Fault> {
        if self.token.text == "macro_rules" {
            let is_plain = matches!(self.rest, [bang, name, ..] if bang.is_mark("!") && name.is_word());
            return if is_plain { None } else { self.refuse("`macro_rules!` and a name, written out") };
        }
        let is_defined = matches!(self.before, [.., word, bang] if word.text == "macro_rules" && bang.is_mark("!"));
        let is_new = self.in_use && self.before.last().is_some_and(|token| token.is_keyword("as"));
        let is_known = macros::KNOWN.contains(&self.token.text);
        if is_known && (is_defined || is_new) { self.refuse("a name that is not a known macro's") } else { None }
    }
}

/// Tokens of a `static`'s type that are looked at.
const STATIC_TOKENS_MAX: usize = 256;
