//! `config.toml`: plain values that hold everywhere, and tables that override them for a scale, a
//! protocol, or a scale of a protocol.
//!
//! ```toml
//! lr_peak = 8e-4          # everywhere
//! [large]
//! lr_peak = 2e-4          # at this scale, in every protocol
//! [mini]
//! warmup_steps = 10       # in this protocol, at every scale
//! [mini.large]
//! warmup_steps = 20       # the most exact place wins
//! ```
//!
//! Values are resolved here, in the trusted part; the algorithm gets one flat JSON object.

use std::collections::{BTreeMap, BTreeSet};

use records::{Finding, Rule, Verdict, v1::protocol::Protocol};
use toml::{Table, Value};

use crate::tree;

/// Bytes of `config.toml`.
pub const CONFIG_BYTES_MAX: usize = 4 << 10;
/// Bytes of a key.
pub const KEY_BYTES_MAX: usize = 64;

/// The names that tables may have: scales, protocols, and which scale belongs to which protocol.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableNames {
    protocols: BTreeMap<String, BTreeSet<String>>,
}

impl TableNames {
    /// The names of protocols.
    #[must_use]
    pub fn of<'a>(protocols: impl IntoIterator<Item = &'a Protocol>) -> Self {
        let scales = |protocol: &Protocol| protocol.scales.iter().map(|scale| scale.name.clone()).collect();
        Self { protocols: protocols.into_iter().map(|protocol| (protocol.name.clone(), scales(protocol))).collect() }
    }

    fn is_scale(&self, name: &str) -> bool {
        self.protocols.values().any(|scales| scales.contains(name))
    }

    fn all(&self) -> String {
        let scales: BTreeSet<_> = self.protocols.values().flatten().collect();
        let names: Vec<_> = scales.into_iter().chain(self.protocols.keys()).map(|name| format!("[{name}]")).collect();
        names.join(" ")
    }
}

/// Everything in `config.toml` that is not a plain value or a table of a known name.
#[must_use]
pub fn check(bytes: &[u8], names: &TableNames) -> Vec<Finding> {
    match parse(bytes) {
        Ok((text, table)) => walk(text, &table, names),
        Err(finding) => vec![*finding],
    }
}

/// Resolves a configuration for one scale of a protocol: a flat JSON object as text, keys sorted.
///
/// Common values are overridden by `[scale]`, then `[protocol]`, then `[protocol.scale]`.
#[must_use]
pub fn resolve(config: &str, protocol: &str, scale: &str, names: &TableNames) -> Verdict<String> {
    let (text, table) = match parse(config.as_bytes()) {
        Ok(parsed) => parsed,
        Err(finding) => return Verdict::Fail(vec![*finding]),
    };
    let findings = walk(text, &table, names);
    if !findings.is_empty() {
        return Verdict::Fail(findings);
    }
    let inner = |table: &Table, name: &str| table.get(name).and_then(Value::as_table).cloned().unwrap_or_default();
    let of_protocol = inner(&table, protocol);
    let exact = inner(&of_protocol, scale);
    let mut values = BTreeMap::new();
    for layer in [table.clone(), inner(&table, scale), of_protocol, exact] {
        values.extend(layer.into_iter().filter_map(|(key, value)| Some((key, json(&value)?))));
    }
    let object = serde_json::Map::from_iter(values);
    // A map of a `BTreeMap`'s entries keeps their order with and without serde_json's `preserve_order`.
    Verdict::Pass(serde_json::Value::Object(object).to_string())
}

type Parsed<'a> = Result<(&'a str, Table), Box<Finding>>;

fn parse(bytes: &[u8]) -> Parsed<'_> {
    let finding = |place: String| Finding::new(Rule::Config, place);
    if bytes.len() > CONFIG_BYTES_MAX {
        let found = format!("{} bytes", bytes.len());
        let expected = format!("at most {CONFIG_BYTES_MAX} bytes");
        return Err(Box::new(finding(tree::CONFIG.to_owned()).expected(expected).found(found)));
    }
    let Ok(text) = str::from_utf8(bytes) else {
        return Err(Box::new(finding(tree::CONFIG.to_owned()).expected("UTF-8").found("other bytes")));
    };
    text.parse::<Table>().map(|table| (text, table)).map_err(|error| {
        let at = place(text, error.span().map_or(0, |span| span.start));
        Box::new(finding(at).expected("TOML").found(error.message().lines().next().unwrap_or("an error")))
    })
}

/// `editable/config.toml:line:column` of a byte.
fn place(text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let (line, column) = (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1);
    format!("{}:{line}:{column}", tree::CONFIG)
}

fn walk(text: &str, table: &Table, names: &TableNames) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) if names.protocols.contains_key(key) => {
                findings.extend(walk_protocol(text, key, inner, names));
            }
            Value::Table(inner) if names.is_scale(key) => findings.extend(plain_values(text, key, inner)),
            Value::Table(_) => {
                let finding = Finding::new(Rule::Config, header_place(text, key));
                findings.push(finding.expected(format_args!("one of {}", names.all())).found(format_args!("[{key}]")));
            }
            value => findings.extend(value_fault(text, "", key, value)),
        }
    }
    findings
}

fn walk_protocol(text: &str, protocol: &str, table: &Table, names: &TableNames) -> Vec<Finding> {
    let scales = &names.protocols[protocol];
    let mut findings = Vec::new();
    for (key, value) in table {
        let path = format!("{protocol}.{key}");
        match value {
            Value::Table(inner) if scales.contains(key) => findings.extend(plain_values(text, &path, inner)),
            Value::Table(_) => {
                let expected: Vec<_> = scales.iter().map(|scale| format!("[{protocol}.{scale}]")).collect();
                let finding = Finding::new(Rule::Config, header_place(text, &path));
                let found = format!("[{path}]");
                findings.push(finding.expected(format_args!("one of {}", expected.join(" "))).found(found));
            }
            value => findings.extend(value_fault(text, protocol, key, value)),
        }
    }
    findings
}

fn plain_values(text: &str, path: &str, table: &Table) -> Vec<Finding> {
    table.iter().filter_map(|(key, value)| value_fault(text, path, key, value)).collect()
}

fn value_fault(text: &str, path: &str, key: &str, value: &Value) -> Option<Finding> {
    let whole = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    let finding = |expected: &str, found: &str| {
        let finding = Finding::new(Rule::Config, key_place(text, path, key));
        Some(finding.expected(expected).found(format_args!("`{}`: {found}", cut(&whole))))
    };
    let is_name = key.starts_with(|c: char| c.is_ascii_lowercase())
        && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if key.len() > KEY_BYTES_MAX || !is_name {
        return finding("a key of a-z, 0-9 and _, at most 64 bytes", "another key");
    }
    match value {
        Value::Table(_) => finding("a plain value", "a table"),
        Value::Array(items) if items.iter().any(|item| json_plain(item).is_none()) => {
            finding("an array of plain values", "an array of something else")
        }
        Value::Array(_) => None,
        value if json_plain(value).is_some() => None,
        Value::Float(_) => finding("a finite number", "not finite"),
        _ => finding("a number, a truth value, a text, or an array of these", "a date or time"),
    }
}

fn json(value: &Value) -> Option<serde_json::Value> {
    match value {
        Value::Array(items) => items.iter().map(json_plain).collect::<Option<_>>().map(serde_json::Value::Array),
        value => json_plain(value),
    }
}

fn json_plain(value: &Value) -> Option<serde_json::Value> {
    match value {
        Value::String(text) => Some(text.clone().into()),
        Value::Integer(number) => Some((*number).into()),
        Value::Boolean(truth) => Some((*truth).into()),
        Value::Float(number) => serde_json::Number::from_f64(*number).map(serde_json::Value::Number),
        Value::Array(_) | Value::Table(_) | Value::Datetime(_) => None,
    }
}

fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}

/// Where a table's header stands: the first line that starts with it; else the file.
fn header_place(text: &str, path: &str) -> String {
    find_line(text, &format!("[{path}]")).unwrap_or_else(|| tree::CONFIG.to_owned())
}

/// Where a key stands: the first line of its table that starts with it; else the file.
fn key_place(text: &str, path: &str, key: &str) -> String {
    let start = if path.is_empty() { Some(0) } else { text.find(&format!("[{path}]")) };
    let found = start.and_then(|start| {
        let mut at = start;
        for line in text[start..].split_inclusive('\n') {
            let rest = line.trim_start().strip_prefix(key);
            if rest.is_some_and(|rest| rest.trim_start().starts_with('=')) {
                return Some(place(text, at + line.len() - line.trim_start().len()));
            }
            at += line.len();
        }
        None
    });
    found.unwrap_or_else(|| tree::CONFIG.to_owned())
}

fn find_line(text: &str, start: &str) -> Option<String> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with(start) {
            return Some(place(text, at));
        }
        at += line.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> TableNames {
        let scales = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        TableNames {
            protocols: BTreeMap::from([
                ("mini".to_owned(), scales(&["small", "large"])),
                ("emoji".to_owned(), scales(&["full"])),
            ]),
        }
    }

    const LAYERS: &str =
        "a = 1\nb = 0.5\nc = \"x\"\nd = [1, 2.0]\n[large]\na = 2\nb = 1e-8\n[mini]\na = 3\n[mini.large]\na = 4\n";

    fn resolved(config: &str, protocol: &str, scale: &str) -> String {
        match resolve(config, protocol, scale, &names()) {
            Verdict::Pass(text) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_most_exact_place_wins() {
        assert_eq!(resolved(LAYERS, "mini", "large"), r#"{"a":4,"b":1e-8,"c":"x","d":[1,2.0]}"#);
        assert_eq!(resolved(LAYERS, "mini", "small"), r#"{"a":3,"b":0.5,"c":"x","d":[1,2.0]}"#);
        assert_eq!(resolved(LAYERS, "emoji", "large"), r#"{"a":2,"b":1e-8,"c":"x","d":[1,2.0]}"#);
        assert_eq!(resolved(LAYERS, "emoji", "full"), r#"{"a":1,"b":0.5,"c":"x","d":[1,2.0]}"#);
        assert_eq!(resolved("", "mini", "small"), "{}");
    }

    #[test]
    fn types_survive() {
        assert_eq!(resolved("a = 1.0\nb = 1\nc = true", "mini", "small"), r#"{"a":1.0,"b":1,"c":true}"#);
    }

    #[test]
    fn each_fault_is_found_at_its_place() {
        for (config, place) in [
            ("a = 1\n[huge]\na = 2\n", "editable/config.toml:2:1"),
            ("[mini.full]\na = 2\n", "editable/config.toml:1:1"),
            ("a = 1\nb = nan\n", "editable/config.toml:2:1"),
            ("a = 1979-05-27\n", "editable/config.toml:1:1"),
            ("[large]\n  b = { x = 1 }\n", "editable/config.toml:2:3"),
            ("a = [[1]]\n", "editable/config.toml:1:1"),
            ("a = \n", "editable/config.toml:1:5"),
            ("A = 1\n", "editable/config.toml:1:1"),
            ("a = 1\na = 2\n", "editable/config.toml:2:1"),
        ] {
            let findings = check(config.as_bytes(), &names());
            assert_eq!(findings.iter().map(|finding| finding.place.as_str()).collect::<Vec<_>>(), [place], "{config}");
            assert!(matches!(resolve(config, "mini", "small", &names()), Verdict::Fail(_)));
        }
    }

    #[test]
    fn long_files_and_other_bytes_are_refused() {
        assert_eq!(check(&vec![b'#'; CONFIG_BYTES_MAX + 1], &names()).len(), 1);
        assert_eq!(check(b"\xff", &names()).len(), 1);
    }

    #[test]
    fn deep_nesting_is_a_finding() {
        let deep = format!("a = {}1{}", "[".repeat(1900), "]".repeat(1900));
        assert_eq!(check(deep.as_bytes(), &names()).len(), 1);
    }
}
