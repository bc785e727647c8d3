//! Honest sources pass, each rule's smallest examples do not, and no text ends us.

mod nasty;
mod soup;

use std::collections::BTreeSet;

use super::*;
use crate::policy::LITERAL_BYTES_MAX;

const PATH: &str = "editable/src/lib.py";

/// Sources of the entry that the tests judge a file of.
const FILES: [&str; 3] = [PATH, "editable/src/optimizers.py", "editable/src/util.py"];

fn findings(text: &str) -> Vec<Finding> {
    source(PATH, text.as_bytes(), &BTreeSet::from(FILES))
}

fn rules(text: &str) -> Vec<Rule> {
    findings(text).into_iter().map(|finding| finding.rule).collect()
}

/// Published ideas as people write them in PyTorch, and the entries around them.
const HONEST: [(&str, &str); 12] = [
    ("autograd_function", include_str!("honest/autograd_function.py")),
    ("clipping", include_str!("honest/clipping.py")),
    ("ema", include_str!("honest/ema.py")),
    ("hard_negatives", include_str!("honest/hard_negatives.py")),
    ("label_smoothing", include_str!("honest/label_smoothing.py")),
    ("lamb", include_str!("honest/lamb.py")),
    ("lion", include_str!("honest/lion.py")),
    ("muon", include_str!("honest/muon.py")),
    ("optimizers", include_str!("honest/optimizers.py")),
    ("schedule_free", include_str!("honest/schedule_free.py")),
    ("siglip", include_str!("honest/siglip.py")),
    ("sogclr", include_str!("honest/sogclr.py")),
];

#[test]
fn honest_sources_pass() {
    for (name, text) in HONEST {
        assert_eq!(findings(text), [], "{name}");
        assert_eq!(findings(&text.replace('\n', "\r\n")), [], "{name} with CR LF");
    }
}

#[test]
fn what_is_ordinary_passes() {
    for text in [
        "",
        "#!/usr/bin/env python3\n# -*- coding: utf-8 -*-\n",
        "x = 'naïve Ω 東京'  # é\n",
        "import torch.nn.functional as F, math\nF.relu(x); torch.nn.utils.clip_grad_norm_(p, 1)\n",
        "from contract import *\nfrom typing import *\n",
        "from . import util\nfrom .util import a as b\nimport util\nfrom util import c\n",
        "def loss(input, target): return input - target\n",
        "f = lambda vars: vars + 1\n",
        "model.eval(); x.compile(); self.open(); a.load(b); state.save(c)\n",
        "class A:\n    def open(self): return self.open()\n    def __init__(self): super().__init__()\n",
        "for input in xs: print(input)\n",
        "getattr(self, 'weight', None); setattr(p, 'a', 1); hasattr(x, \"y\")\n",
        "from torch import nn, Tensor as T\ntorch.__version__\nT.from_numpy\n",
        "with torch.no_grad() as g, torch.autocast('cpu'): pass\n",
        "jit = ops = 1\njit.ops\n",
        "_private = __mangled = 1\nself.__mangled\n",
        "torch._foreach_add_(a, b)\n",
        "try: pass\nexcept* ValueError as open: open.x\n",
        "match x:\n    case [*vars]: vars\n    case {'a': 1, **input}: input\n    case str() as open: open\n",
        "type Alias[T] = list[T]\n",
        "global_ = [y for (x, y) in zip(a, b) if x]\n",
    ] {
        assert_eq!(findings(text), [], "{text}");
    }
}

/// What is refused, and the line, column and thing that a finding names.
const REFUSED: &[(Rule, &str, (usize, usize), &str)] = &[
    (Rule::SourceText, "\u{feff}a", (1, 1), "U+FEFF"),
    (Rule::SourceText, "a\u{202e}b", (1, 2), "U+202E"),
    (Rule::SourceText, "a = '\x0c'", (1, 6), "U+000C"),
    (Rule::SourceText, "a\n\u{e9} = 1", (2, 1), "U+00E9"),
    // Python reads these full-width letters as `eval`.
    (Rule::SourceText, "\u{ff45}val('1')", (1, 1), "U+FF45"),
    (Rule::SourceText, "a = \u{201c}b\u{201d}", (1, 5), "U+201C"),
    (Rule::SourceText, "f\"{\u{ff45}val}\"", (1, 4), "U+FF45"),
    (Rule::SourceText, "# coding: latin-1", (1, 11), "`latin-1`"),
    (Rule::SourceText, "\n# vim: set fileencoding=UTF_7 :", (2, 25), "`utf-7`"),
    (Rule::PythonSyntax, "a = (1", (1, 7), "something else"),
    (Rule::PythonSyntax, "x = 1\n  y = 2", (2, 1), "something else"),
    (Rule::PythonSyntax, "print 'a'", (1, 7), "something else"),
    (Rule::PythonSyntax, "fn a() {}", (1, 4), "something else"),
    (Rule::PythonImport, "import numpy as np", (1, 8), "`numpy`"),
    (Rule::PythonImport, "import math, os.path", (1, 14), "`os.path`"),
    (Rule::PythonImport, "def f():\n    from os import path", (2, 10), "`os`"),
    (Rule::PythonImport, "from torchvision import ops", (1, 6), "`torchvision`"),
    (Rule::PythonImport, "import utils", (1, 8), "`utils`"),
    (Rule::PythonImport, "import util.part", (1, 8), "`util.part`"),
    (Rule::PythonImport, "from .other import a", (1, 7), "`.other`"),
    (Rule::PythonImport, "from . import util, other", (1, 21), "`.other`"),
    (Rule::PythonImport, "from .. import util", (1, 1), "`..`"),
    (Rule::PythonImport, "from ..util import a", (1, 8), "`..util`"),
    (Rule::PythonImport, "from torch import *", (1, 19), "`*`"),
    (Rule::PythonImport, "from torch.nn import *", (1, 22), "`*`"),
    (Rule::PythonImport, "from .util import *", (1, 19), "`*`"),
    (Rule::PythonImport, "from util import *", (1, 18), "`*`"),
    (Rule::PythonImport, "import dataclasses\ndataclasses.sys.modules", (2, 13), "`dataclasses.sys`"),
    (Rule::PythonImport, "import torch.nn as nn\nnn.functional.os", (2, 15), "`torch.nn.functional.os`"),
    (Rule::PythonImport, "from typing import sys", (1, 20), "`typing.sys`"),
    (Rule::PythonDunder, "a.__class__", (1, 3), "`__class__`"),
    (Rule::PythonDunder, "f(x)[0].__globals__.y", (1, 9), "`__globals__`"),
    (Rule::PythonDunder, "__builtins__", (1, 1), "`__builtins__`"),
    (Rule::PythonDunder, "getattr(a, '__dict__')", (1, 12), "`__dict__`"),
    (Rule::PythonDunder, "class A:\n    def __del__(self): pass", (2, 9), "`__del__`"),
    (Rule::PythonDunder, "from .util import __loader__", (1, 19), "`__loader__`"),
    (Rule::PythonDunder, "f'{a.__subclasses__()}'", (1, 6), "`__subclasses__`"),
    (Rule::PythonBuiltin, "eval('1')", (1, 1), "`eval`"),
    (Rule::PythonBuiltin, "run = exec", (1, 7), "`exec`"),
    (Rule::PythonBuiltin, "compile(a, b, c)", (1, 1), "`compile`"),
    (Rule::PythonBuiltin, "__import__('os')", (1, 1), "`__import__`"),
    (Rule::PythonBuiltin, "globals()['a']", (1, 1), "`globals`"),
    (Rule::PythonBuiltin, "vars(a)", (1, 1), "`vars`"),
    (Rule::PythonBuiltin, "with open('a') as f: pass", (1, 6), "`open`"),
    (Rule::PythonBuiltin, "a = input()", (1, 5), "`input`"),
    (Rule::PythonBuiltin, "breakpoint()", (1, 1), "`breakpoint`"),
    (Rule::PythonBuiltin, "f'{a:{eval(b)}}'", (1, 7), "`eval`"),
    (Rule::PythonBuiltin, "def f(input): pass\ninput()", (2, 1), "`input`"),
    (Rule::PythonBuiltin, "def f(a=open('b')): open = a", (1, 9), "`open`"),
    (Rule::PythonBuiltin, "class A:\n    def open(self): return open('x')", (2, 28), "`open`"),
    (Rule::PythonBuiltin, "@compile\ndef f(): pass", (1, 2), "`compile`"),
    (Rule::PythonBuiltin, "a: eval('int') = 1", (1, 4), "`eval`"),
    (Rule::PythonComputedName, "getattr(a, b)", (1, 1), "`getattr` of a computed one"),
    (Rule::PythonComputedName, "setattr(a, 'b' + c, 1)", (1, 1), "`setattr` of a computed one"),
    (Rule::PythonComputedName, "hasattr(a, f'{b}')", (1, 1), "`hasattr` of a computed one"),
    (Rule::PythonComputedName, "delattr(*a)", (1, 1), "`delattr` of a computed one"),
    (Rule::PythonComputedName, "getattr(*a, 'b')", (1, 1), "`getattr` of a computed one"),
    (Rule::PythonComputedName, "map(getattr, a, b)", (1, 5), "`getattr` handed on"),
    (Rule::PythonTorch, "torch.load('a')", (1, 7), "`torch.load`"),
    (Rule::PythonTorch, "import torch as t\nt.save(a)", (2, 3), "`torch.save`"),
    (Rule::PythonTorch, "from torch import hub", (1, 19), "`torch.hub`"),
    (Rule::PythonTorch, "import torch.utils.data", (1, 8), "`torch.utils`"),
    (Rule::PythonTorch, "from torch.utils.checkpoint import checkpoint", (1, 6), "`torch.utils`"),
    (Rule::PythonTorch, "t = torch\nf = t\nf.jit.script", (3, 3), "`torch.jit`"),
    (Rule::PythonTorch, "@torch.compile\ndef f(): pass", (1, 8), "`torch.compile`"),
    (Rule::PythonTorch, "torch.ops.aten.add", (1, 7), "`torch.ops`"),
    (Rule::PythonTorch, "torch.classes", (1, 7), "`torch.classes`"),
    (Rule::PythonTorch, "torch.UntypedStorage.from_file(a)", (1, 22), "`from_file`"),
    (Rule::PythonTorch, "import torch.multiprocessing as mp", (1, 8), "`torch.multiprocessing`"),
    (Rule::PythonTorch, "torch.distributed.all_reduce(x)", (1, 7), "`torch.distributed`"),
    (Rule::PythonTorch, "torch._C._jit", (1, 7), "`torch._C`"),
    (Rule::PythonTorch, "from torch import package as p", (1, 19), "`torch.package`"),
    (Rule::PythonTorch, "torch.onnx", (1, 7), "`torch.onnx`"),
    (Rule::PythonTorch, "getattr(torch, 'load')", (1, 16), "`torch.load`"),
    (Rule::PythonTorch, "torch.manual_seed(1)", (1, 7), "`torch.manual_seed`"),
    (Rule::PythonTorch, "x.data_ptr()", (1, 3), "`data_ptr`"),
];

#[test]
fn each_rule_names_what_it_found_and_where() {
    for (rule, text, (line, column), found) in REFUSED {
        let [finding] = &findings(text)[..] else { panic!("{text}: {:#?}", findings(text)) };
        assert_eq!((finding.rule, finding.found.as_str()), (*rule, *found), "{text}");
        assert_eq!(finding.place, format!("{PATH}:{line}:{column}"), "{text}");
        assert!(!finding.expected.is_empty(), "{text}");
    }
    let examples: BTreeSet<_> = REFUSED.iter().map(|(rule, ..)| *rule).collect();
    let of_python = |rule: &&Rule| rule.id().starts_with("python-");
    assert!(Rule::ALL.iter().filter(of_python).all(|rule| examples.contains(rule)));
}

#[test]
fn every_word_of_every_list_is_refused_or_allowed() {
    for word in names::BUILTINS.iter().flat_map(|group| group.words) {
        assert_eq!(rules(word), [Rule::PythonBuiltin], "{word}");
    }
    for word in names::TORCH.iter().flat_map(|group| group.words) {
        assert_eq!(rules(&format!("torch.{word}")), [Rule::PythonTorch], "{word}");
        assert_eq!(rules(&format!("from torch import {word}")), [Rule::PythonTorch], "{word}");
    }
    for word in names::ATTRIBUTES.iter().flat_map(|group| group.words) {
        assert_eq!(rules(&format!("x().{word}")), [Rule::PythonTorch], "{word}");
    }
    for word in names::BEHIND {
        assert_eq!(rules(&format!("import enum\nenum.{word}")), [Rule::PythonImport], "{word}");
    }
    for word in names::BY_NAME {
        assert_eq!(rules(&format!("{word}(a, b)")), [Rule::PythonComputedName], "{word}");
    }
    for word in names::DUNDERS {
        assert_eq!(rules(&format!("class A:\n    def {word}(self): self.{word}")), [], "{word}");
    }
    for list in [names::BY_NAME, names::BEHIND, names::DUNDERS] {
        assert!(list.is_sorted_by(|a, b| a < b), "{list:?}");
    }
}

#[test]
fn literals_and_lists_of_them_share_one_budget() {
    let text = |bytes: usize| format!("a = '{}'", "x".repeat(bytes - 2));
    // Numbers come in twos, the last one in one or two.
    let list = |bytes: usize| {
        format!("a = [{}{}]", "1,".repeat((bytes - 3) / 2), if bytes.is_multiple_of(2) { 10 } else { 1 })
    };
    let split = |bytes: usize| format!("a = ('{}' '')", "x".repeat(bytes - 5));
    for make in [text, list, split] as [fn(usize) -> String; 3] {
        assert_eq!(rules(&make(LITERAL_BYTES_MAX)), []);
        assert_eq!(rules(&make(LITERAL_BYTES_MAX + 1)), [Rule::SourceText]);
    }
    for long in [
        format!("a = b'{}'", "x".repeat(LITERAL_BYTES_MAX)),
        format!("a = f'{}{{b}}'", "x".repeat(LITERAL_BYTES_MAX)),
        format!("a = {}", "1".repeat(LITERAL_BYTES_MAX + 1)),
        format!("a = torch.tensor([{}])", "(-1.5, 2), ".repeat(2000)),
        format!("a = {{{}}}", "'b': [1], ".repeat(2000)),
        format!("def f(a={{{}}}): pass", "1, ".repeat(6000)),
    ] {
        assert_eq!(rules(&long), [Rule::SourceText], "{}", &long[..30]);
    }
    assert_eq!(rules(&format!("a = [{}]", "b, ".repeat(6000))), [], "what is computed is no literal");
}

#[test]
fn a_file_that_nothing_could_import_is_refused() {
    let found = |path: &str| source(path, b"", &BTreeSet::from([path])).pop().map(|finding| finding.found);
    for (path, why) in [
        ("editable/src/torch.py", "the name of a module that there is"),
        ("editable/src/a/b.py", "a folder"),
        ("editable/src/a-b.py", "a name that is none of Python's"),
        ("editable/src/1.py", "a name that is none of Python's"),
        ("editable/src/.py", "a name that is none of Python's"),
        ("editable/src/a.b.py", "a name that is none of Python's"),
    ] {
        assert_eq!(found(path).as_deref(), Some(why), "{path}");
    }
    assert_eq!(found("editable/src/loss_2.py"), None);
}

#[test]
fn a_file_full_of_the_same_word_is_told_briefly() {
    assert_eq!(findings(&"eval\n".repeat(1000)).len(), FINDINGS_MAX);
}

#[test]
fn the_parsers_words_are_attached_and_no_part_of_a_verdict() {
    let [finding] = &findings("a = (1")[..] else { panic!("one expected") };
    let plain = [&finding.place, &finding.expected, &finding.found].map(String::as_str);
    assert_eq!(plain, ["editable/src/lib.py:1:7", "Python", "something else"]);
    assert!(finding.attachment.is_some());
}
