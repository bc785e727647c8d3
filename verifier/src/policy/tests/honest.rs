//! What people write in good faith, and passes.

use super::findings;

const IDIOMS: &[&str] = &[
    // Tables and constants.
    "static DECAY: [f32; 4] = [0.5, 0.25, 0.125, 0.0625];",
    "static NAMES: &[&str] = &[\"image\", \"text\"];\npub static TABLE: [(&'static str, f64); 1] = [(\"a\", 1e-5)];",
    "const LIMIT: usize = 2 * const { 3 };\nfn f(a: &mut [f32]) -> f32 { a[0] * -1.0f32 }",
    "static APPLY: fn(&mut [f32]) = clear;\nfn clear(_: &mut [f32]) {}",
    // Macros of one's own.
    "macro_rules! square { ($x:expr) => { $x * $x }; }\nfn f(x: f64) -> f64 { square!(x) }",
    "macro_rules! check { ($($text:tt)*) => { ensure!($($text)*) }; }\nfn f() { check!(1 < 2, \"{}\", 3); }",
    "macro_rules! consts { ($($name:ident = $value:expr),*) => { $(const $name: f64 = $value;)* }; }\nconsts!(A = 1.0, B = 2.0);",
    "macro_rules! pair { ($t:ident) => { #[derive(Debug, Clone)]\nstruct $t { a: f64 } }; }\npair!(Pair);",
    "macro_rules! set { ($env:expr, $load:ident) => { $load = $env }; }",
    // Attributes.
    "#[repr(u8)]\nenum A { B }\n#[repr(C, align(16))]\nstruct C;\n#[repr(transparent)]\nstruct D(f32);",
    "#[cold]\n#[inline(never)]\n#[track_caller]\nfn fail() -> ! { panic!(\"no\") }",
    "#[rustfmt::skip]\nconst EYE: [[f32; 2]; 2] = [\n    [1., 0.],\n    [0., 1.],\n];",
    "#![forbid(unsafe_code)]\n#![warn(missing_docs, clippy::pedantic)]\n//! Documentation.\n#[expect(dead_code, reason = \"kept\")]\nfn f() {}",
    "#[must_use = \"a new value\"]\n#[non_exhaustive]\n#[doc(hidden)]\n#[doc = \"x\"]\n#[doc = r#\"y\"#]\nstruct A;",
    "#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]\nenum A { #[default] B, C }",
    "#[cfg(test)]\nmod tests { #[test]\n#[should_panic]\nfn t() {} }\n#[cfg(not(test))]\nfn u() {}",
    // serde.
    "#[derive(serde::Deserialize, ::serde::Serialize)]\n#[serde(deny_unknown_fields, rename_all = \"kebab-case\")]\nstruct Config { #[serde(default)] rho: f64 }",
    "use serde::{Deserialize, de::Error};\n#[derive(Deserialize)]\nstruct C { #[serde(default = \"half\", rename = \"unsafe std::fs\")] rho: f64 }\nfn half() -> f64 { 0.5 }",
    "#[derive(Deserialize)]\n#[serde(try_from = \"Raw<'static, 4>\")]\nstruct A { #[serde(deserialize_with = \"crate::read::<f64>\", rename(deserialize = \"b\"))] b: f64 }",
    "#[derive(Deserialize)]\n#[serde(tag = \"kind\", content = r\"value\")]\nenum A { #[serde(alias = \"b\", alias = \"c\")] B, #[serde(other)] D }",
    "#[derive(Deserialize)]\n#[serde(from = \"std::collections::BTreeMap<String, f64>\")]\nstruct A;",
    // The standard library.
    "use std::{sync::Arc, fmt, time::Duration};\nfn f() -> Arc<f64> { Arc::new(Duration::ZERO.as_secs_f64()) }",
    "use std::hash::{Hash, Hasher};\nuse std::any::type_name;\nuse std::prelude::v1::*;\nfn f() -> u8 { std::u8::MAX }",
    "use std::collections::{BTreeMap, VecDeque, btree_map::{Entry, IntoIter}};\nfn f() -> String { std::format!(\"{}\", 1) }",
    "use std::{cell::{Cell, RefCell, OnceCell}, rc::Rc};\nfn f() { let a = Rc::new(RefCell::new(Cell::new(1))); std::mem::forget(a); }",
    "#[inline(always)]\nfn f() -> &'static [f32] { Box::leak(vec![1.0].into_boxed_slice()) }",
    "fn f(x: &Tensor) -> f64 { let std = x.std(true); let core = std.f_double_value(&[]); core.unwrap_or(0.) }",
    "struct Moments { mean: f64, std: f64 }\nfn f(m: Moments) -> f64 { let Moments { mean, std } = m; mean / std }",
    // Names that are keywords or macros elsewhere.
    "struct A { load: f64, forget: f64, leak: bool, union: u8, time: f32, process: bool, file: u8, env: i64, include: u8, raw: u8 }",
    "fn f(a: &A) -> f64 { let (load, env) = (a.load, a.env); if env != 0 && load > 0. { load } else { a.save(load) } }",
    "fn union(a: u8, b: u8) -> u8 { a | b }\nfn f() -> u8 { let union = union(1, 2); union as u8 }",
    "impl A { fn load(&self) -> f64 { self.memory.load(\"exp_avg\") + Self::load(self) + crate::util::load(1) } }",
    "fn f(env: f64) { ensure!(env > 0., \"env = {env}, not {}\", load(env)); }",
    "use crate::settings::{env, inner::{include}, load};\nuse crate::a as env;\nmod env;\nuse env::b;\nfn f(x: u8) -> impl Sized + use<> { x }",
    "fn f(r#static: u8, raw: &u8) -> u8 { let raw = &raw; r#static + **raw }",
    "fn f(a: bool) -> bool { if !(a) { return !(a); } match a { b if !(b) => !b, _ => a } }",
    // Text.
    "// \u{3c4} is the temperature, \u{201c}as published\u{201d}: \u{1f600}\n/* \u{3c4} */ /// \u{3c4}\nfn f() -> &'static str { \"\u{3c4} \u{e9}\" }",
    "fn f() -> [char; 3] { ['\u{3c4}', '\"', '\\''] }\nfn g<'a>(x: &'a str) -> &'a str { x }",
    "fn f() -> (&'static [u8], &'static str, u8) { (br#\"a\"b\"#, r##\"unsafe \"# unsafe\"##, b'\\'') }",
    "fn f(t: (u8, (u8, f32))) -> f32 { let _ = 0..t.0; t.1.1 + 1e-5f32 + 0xffu32 as f32 + 1_000f32 + 2. }",
    "fn a() {}\r\n// CRLF\r\nfn b() -> &'static str { \"x\\\r\n   y\" }\r\n",
    "//! Says unsafe and static, in a comment.\n/* unsafe /* nested */ unsafe */\nfn f() -> &'static str { \"std::fs\" }",
];

#[test]
fn idioms_pass() {
    assert!(IDIOMS.len() >= 32);
    for idiom in IDIOMS {
        assert_eq!(findings(idiom), [], "{idiom}");
    }
}
