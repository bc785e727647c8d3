//! Where a protocol's file says what: a key as a fault names it, and its line.

/// Where a key stands.
struct Place {
    /// Its line, from 0; where it is not written, that of its table's header.
    line: usize,
    /// Whether the key itself is written.
    written: bool,
}

/// The place of `scale.1.steps`: `steps` below the second `[[scale]]`. None where there is no such table.
fn place(text: &str, key: &str) -> Option<Place> {
    let (table, name) = key.rsplit_once('.').unwrap_or(("", key));
    let (mut here, mut counts, mut found) = (String::new(), std::collections::BTreeMap::<String, usize>::new(), None);
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(list) = line.strip_prefix("[[").and_then(|rest| rest.split_once("]]")) {
            let count = counts.entry(list.0.to_owned()).or_default();
            here = format!("{}.{count}", list.0);
            *count += 1;
        } else if let Some(header) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            here = header.0.to_owned();
        }
        if here == table {
            if line.starts_with('[') {
                found = Some(Place { line: number, written: false });
            }
            if line.split_once('=').is_some_and(|(word, _)| word.trim() == name) {
                return Some(Place { line: number, written: true });
            }
        }
    }
    found
}

/// The line, from 1, where a key of a fault stands: the table's line where the key is not written, the first line for
/// the whole file.
pub fn number(text: &str, key: &str) -> usize {
    place(text, key).map_or(1, |place| place.line + 1)
}

/// The text with another value for a key: in its line, whose comment stays, or below its table's header. None where
/// there is no such table.
///
/// The value that it gives way to must hold no `#`.
pub fn set(text: &str, key: &str, value: &str) -> Option<String> {
    let Place { line, written } = place(text, key)?;
    let name = key.rsplit_once('.').map_or(key, |(_, name)| name);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let entry = format!("{name} = {value}");
    if written {
        let comment = lines[line].find('#').map(|at| format!("  {}", &lines[line][at..]));
        lines[line] = entry + &comment.unwrap_or_default();
    } else {
        lines.insert(line + 1, entry);
    }
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    Some(lines.join(end) + end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "name = \"x\"\n[batch]\nglobal = 7\n[[scale]]\nsteps = 1\n[[scale]]\nname = \"b\"\nsteps = 2 # two\n";

    #[test]
    fn a_fault_is_found_at_its_line() {
        for (key, line) in [
            ("name", 1),
            ("batch.global", 3),
            ("batch.micro", 2),
            ("scale.0.steps", 5),
            ("scale.1.steps", 8),
            ("scale.1.seeds", 6),
            ("", 1),
        ] {
            assert_eq!(number(TEXT, key), line, "{key}");
        }
    }

    #[test]
    fn a_value_is_written_where_its_key_stands_and_nothing_else_moves() {
        let changed = set(TEXT, "scale.1.steps", "3").unwrap();
        assert_eq!(changed, TEXT.replace("steps = 2 # two", "steps = 3  # two"));
        let added = set(TEXT, "scale.0.samples", "9").unwrap();
        assert_eq!(added, TEXT.replace("[[scale]]\nsteps = 1", "[[scale]]\nsamples = 9\nsteps = 1"));
        assert_eq!(set(TEXT, "scale.2.steps", "3"), None);
        let foreign = TEXT.replace('\n', "\r\n");
        assert_eq!(set(&foreign, "scale.1.steps", "3").unwrap(), changed.replace('\n', "\r\n"));
    }
}
