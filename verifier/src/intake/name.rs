//! Names that mean the same file on every file system.

use std::collections::{BTreeMap, BTreeSet};

use records::{Finding, Rule};

use super::{NAME_BYTES_MAX, NAME_PARTS_MAX, directory::show};

/// Names that Windows gives to devices, with or without an extension.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// Everything wrong with the names of an archive, one by one and together.
pub(super) fn findings<'a>(names: impl Iterator<Item = &'a [u8]> + Clone) -> Vec<Finding> {
    let mut findings: Vec<_> = names.clone().filter_map(one).collect();
    findings.extend(together(names));
    findings
}

/// What is wrong with a name alone.
fn one(name: &[u8]) -> Option<Finding> {
    if name.len() > NAME_BYTES_MAX {
        let found = format!("{} bytes", name.len());
        let finding = Finding::new(Rule::TooLarge, show(name));
        return Some(finding.expected(format_args!("a name of at most {NAME_BYTES_MAX} bytes")).found(found));
    }
    let why = fault(name.strip_suffix(b"/").unwrap_or(name))?;
    Some(Finding::new(Rule::EntryName, show(name)).found(why))
}

fn fault(path: &[u8]) -> Option<String> {
    if path.is_empty() {
        return Some("an empty name".to_owned());
    }
    if let Some(&byte) = path.iter().find(|b| !(b.is_ascii_alphanumeric() || b"._-/".contains(b))) {
        return Some(match byte {
            0x21..=0x7e => format!("the character `{}`", char::from(byte)),
            b' ' => "a space".to_owned(),
            _ => format!("the byte {byte:#04x}"),
        });
    }
    let parts: Vec<_> = path.split(|&b| b == b'/').collect();
    if parts.len() > NAME_PARTS_MAX {
        return Some(format!("{} parts, at most {NAME_PARTS_MAX}", parts.len()));
    }
    parts.into_iter().find_map(part_fault)
}

fn part_fault(part: &[u8]) -> Option<String> {
    // Only ASCII is left here.
    let text = String::from_utf8_lossy(part);
    let stem = text.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let port = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
    if text.is_empty() {
        Some("an empty part: a leading or doubled `/`".to_owned())
    } else if text.starts_with('.') {
        Some(format!("the part `{text}`, which starts with a dot"))
    } else if text.ends_with('.') {
        Some(format!("the part `{text}`, which ends with a dot"))
    } else if DEVICES.contains(&stem.as_str()) || port.is_some_and(|n| n.len() == 1 && n.as_bytes()[0].is_ascii_digit())
    {
        Some(format!("the part `{text}`, which is a device on Windows"))
    } else {
        None
    }
}

/// What is wrong with names together: equal but for case, or a file where others need a folder.
fn together<'a>(names: impl Iterator<Item = &'a [u8]>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen: BTreeMap<Vec<u8>, &[u8]> = BTreeMap::new();
    let mut folders: BTreeSet<Vec<u8>> = BTreeSet::new();
    for name in names {
        let lower = name.to_ascii_lowercase();
        let path = lower.strip_suffix(b"/").unwrap_or(&lower).to_vec();
        for (at, _) in path.iter().enumerate().filter(|(_, b)| **b == b'/') {
            folders.insert(path[..at].to_vec());
        }
        if let Some(other) = seen.insert(path, name) {
            let found = format!("another entry of the same name without regard to case: `{}`", show(other));
            findings.push(Finding::new(Rule::EntryName, show(name)).found(found));
        }
    }
    let files = seen.iter().filter(|(_, name)| !name.ends_with(b"/"));
    for (_, name) in files.filter(|(path, _)| folders.contains(*path)) {
        findings.push(Finding::new(Rule::EntryName, show(name)).found("a file that other entries use as a folder"));
    }
    findings
}
