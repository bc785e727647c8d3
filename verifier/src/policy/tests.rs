use std::collections::BTreeMap;

use super::*;

fn findings(source_text: &str) -> Vec<Finding> {
    source("editable/src/lib.rs", source_text.as_bytes())
}

fn rules(source_text: &str) -> Vec<Rule> {
    findings(source_text).into_iter().map(|finding| finding.rule).collect()
}

#[test]
fn a_forbidden_word_is_found_with_its_line_and_column() {
    let found = findings("fn a() {\n    unsafe { b() }\n}\n");
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].place.as_str(), found[0].found.as_str()), ("editable/src/lib.rs:2:5", "`unsafe`"));
}

#[test]
fn the_measured_tricks_are_refused() {
    for trick in [
        "use core::include_bytes as data; const A: &[u8] = data!(\"/etc/passwd\");",
        "const A: &str = r#include_str!(\"x\");",
        "m!(include_str);",
        "use core::option_env as e;",
        "#[cfg_attr(all(), path = \"/abs\")] mod m;",
        "#[path = \"/abs\"] mod m;",
        "use std as s; s::fs::read(\"a\");",
        "use std::{self as q};",
        "use std::*;",
        "use std::{fmt, fs};",
        "use std::{collections::{BTreeMap}, io};",
        "use ::std::{cmp, thread::{self}};",
        "type T = Mutex<u64>;",
        "static A: u8 = 0;",
        "std::thread_local! {}",
        "Box::leak(Box::new(1));",
        "#[global_allocator] static A: B = B;",
        "#[unsafe(no_mangle)] fn a() {}",
        "#[link_section = \"x\"] fn a() {}",
        "#![feature(x)]",
        "#![crate_name = \"x\"]",
        "extern crate tch;",
        "macro_rules! m { () => {} }",
        "std::process::exit(0);",
        "std::panic::set_hook(x);",
        "Tensor::internal_sparse_coo_tensor_unsafe(a);",
        "let m = std::collections::HashMap::new();",
        "Tensor::load(\"a\");",
        "alloc::vec::from(std);",
    ] {
        assert!(rules(trick).contains(&Rule::ForbiddenWord), "{trick}");
    }
}

#[test]
fn ordinary_code_passes() {
    let code = r#"
//! Says unsafe and static, in a comment.
#![forbid(unsafe_code)]
use std::{collections::{BTreeMap, VecDeque}, fmt};
use std::cmp::Ordering;
/// A text: "std::fs" means nothing here.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config { pub rho: f64, pub time: f32, pub process: bool }
impl<'a> Config { fn say(&'a self) -> String { format!("unsafe {}", -(-self.rho).abs()) } }
fn f(x: &[f32]) -> f32 { x.iter().map(|&v| if v > 0. && !false { v } else { -v }).sum::<f32>() + core::f32::consts::PI }
fn g(r: u8, c: u8, b: u8) -> u8 { r + b'"' + c + b }
#[cfg(test)] mod tests { #[test] fn t() {} }
"#;
    assert_eq!(findings(code), []);
}

#[test]
fn text_has_a_form() {
    assert_eq!(rules("fn a() {} // τ"), [Rule::SourceText]);
    assert_eq!(rules("fn a() { \"\u{1b}[31m\" }"), [Rule::SourceText]);
    assert_eq!(rules("/* a"), [Rule::SourceText]);
    assert_eq!(rules(&"(".repeat(NESTING_MAX)), []);
    assert_eq!(rules(&"(".repeat(NESTING_MAX + 1)), [Rule::SourceText]);
    assert_eq!(rules(&"-".repeat(OPERATORS_MAX + 1)), [Rule::SourceText]);
    assert_eq!(rules(&format!("\"{}\"", "x".repeat(LITERAL_BYTES_MAX))), [Rule::SourceText]);
    assert_eq!(rules(&"(".repeat(SOURCE_BYTES_MAX)), [Rule::SourceText]);
}

#[test]
fn sources_are_short_together() {
    let half = vec![b' '; SOURCE_BYTES_MAX / 2 + 1];
    let files =
        BTreeMap::from([("editable/src/a.rs".to_owned(), half.clone()), ("editable/src/b.rs".to_owned(), half)]);
    let Verdict::Fail(findings) = apply(&Tree { files }, &Names::default()) else { panic!("passed") };
    assert_eq!(findings[0].rule, Rule::SourceText);
    assert_eq!(findings[0].place, "editable/src/");
}

#[test]
fn a_file_full_of_the_same_word_is_told_briefly() {
    assert_eq!(findings(&"unsafe ".repeat(1000)).len(), FINDINGS_MAX);
}
