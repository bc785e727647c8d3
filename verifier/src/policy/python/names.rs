//! The names that the rules about Python allow and refuse, and what to do instead.

use records::{Rule, v1::language::PYTHON_MODULES};

/// Words, and what to do instead.
pub(super) struct Group {
    /// The words.
    pub words: &'static [&'static str],
    /// What to do instead.
    pub instead: &'static str,
}

const TENSORS: &str = "the tensors that the contract hands in, and numbers in config.toml";
const PLAIN: &str = "torch's operators as they are";
const SWITCHES: &str = "`progress.random()`; switches are the trainer's";

/// Builtins that a source may not use where it gives the name no meaning of its own.
pub(super) const BUILTINS: &[Group] = &[
    Group { words: &["exec", "eval", "compile", "__import__"], instead: "code in files of the entry" },
    Group { words: &["globals", "vars"], instead: "names, written out" },
    Group { words: &["open", "input"], instead: "config.toml: there are no files and no terminal" },
    Group { words: &["breakpoint"], instead: "`print`" },
];

/// Builtins that take an attribute's name.
pub(super) const BY_NAME: &[&str] = &["delattr", "getattr", "hasattr", "setattr"];

/// Parts of torch that a source may not use: what stands after `torch.`.
pub(super) const TORCH: &[Group] = &[
    Group { words: &["load", "save", "from_file", "serialization", "package", "hub"], instead: TENSORS },
    Group {
        words: &[
            "jit",
            "compile",
            "compiler",
            "export",
            "onnx",
            "ops",
            "classes",
            "library",
            "utils",
            "_C",
            "_dynamo",
            "_inductor",
            "_ops",
        ],
        instead: PLAIN,
    },
    Group {
        words: &["multiprocessing", "distributed"],
        instead: "the global batch, which the contract hands in: an answer is one process",
    },
    Group { words: &["profiler"], instead: "`maxclip try`: an answer has no clock" },
    Group {
        words: &[
            "manual_seed",
            "seed",
            "random",
            "set_rng_state",
            "set_num_threads",
            "set_num_interop_threads",
            "set_default_device",
            "set_default_dtype",
            "set_default_tensor_type",
            "set_flush_denormal",
            "set_deterministic_debug_mode",
            "use_deterministic_algorithms",
            "backends",
        ],
        instead: SWITCHES,
    },
];

/// Attributes that a source may use of nothing.
pub(super) const ATTRIBUTES: &[Group] = &[
    Group { words: &["from_file"], instead: TENSORS },
    Group { words: &["data_ptr"], instead: "the tensor: an address differs from run to run" },
];

/// Modules that an allowed one has imported for itself.
pub(super) const BEHIND: &[&str] = &[
    "_os",
    "_sys",
    "builtins",
    "ctypes",
    "glob",
    "importlib",
    "inspect",
    "io",
    "os",
    "pickle",
    "platform",
    "shutil",
    "subprocess",
    "sys",
    "tempfile",
    "threading",
];

/// Names with two underscores on both sides that a source may define and use.
pub(super) const DUNDERS: &[&str] = &[
    "__abs__",
    "__add__",
    "__all__",
    "__and__",
    "__author__",
    "__bool__",
    "__call__",
    "__contains__",
    "__delitem__",
    "__doc__",
    "__enter__",
    "__eq__",
    "__exit__",
    "__float__",
    "__floordiv__",
    "__format__",
    "__ge__",
    "__getitem__",
    "__getstate__",
    "__gt__",
    "__hash__",
    "__iadd__",
    "__imul__",
    "__index__",
    "__init__",
    "__int__",
    "__invert__",
    "__isub__",
    "__iter__",
    "__itruediv__",
    "__le__",
    "__len__",
    "__lt__",
    "__matmul__",
    "__members__",
    "__mod__",
    "__mul__",
    "__name__",
    "__ne__",
    "__neg__",
    "__new__",
    "__next__",
    "__or__",
    "__pos__",
    "__post_init__",
    "__pow__",
    "__qualname__",
    "__radd__",
    "__repr__",
    "__reversed__",
    "__rmatmul__",
    "__rmul__",
    "__round__",
    "__rpow__",
    "__rsub__",
    "__rtruediv__",
    "__setitem__",
    "__setstate__",
    "__slots__",
    "__str__",
    "__sub__",
    "__truediv__",
    "__version__",
    "__xor__",
];

/// What a group that holds a word says to do instead.
pub(super) fn instead(groups: &'static [Group], word: &str) -> Option<&'static str> {
    groups.iter().find(|group| group.words.contains(&word)).map(|group| group.instead)
}

/// Whether a name has two underscores on both sides.
pub(super) fn is_dunder(name: &str) -> bool {
    name.len() > 4 && name.starts_with("__") && name.ends_with("__")
}

/// What a rule about Python allows and refuses, for people, a line each.
pub(in crate::policy) fn lines(rule: Rule) -> Vec<String> {
    let refused = |groups: &[Group], place: &str| {
        let lines = |group: &Group| {
            [format!("refused {place}: {}", group.words.join(" ")), format!("  instead: {}", group.instead)]
        };
        groups.iter().flat_map(lines).collect::<Vec<_>>()
    };
    match rule {
        Rule::PythonImport => vec![
            format!("allowed modules, and what they hold: {}", PYTHON_MODULES.join(" ")),
            format!("refused behind them: {}", BEHIND.join(" ")),
        ],
        Rule::PythonDunder => vec![format!("allowed: {}", DUNDERS.join(" "))],
        Rule::PythonBuiltin => refused(BUILTINS, "unless the source itself gives it a meaning"),
        Rule::PythonComputedName => vec![format!("with a name that is written out: {}", BY_NAME.join(" "))],
        Rule::PythonTorch => [refused(TORCH, "after `torch.`"), refused(ATTRIBUTES, "after any `.`")].concat(),
        _ => vec![],
    }
}
