//! Room on disk: what is free, and whether it is enough.

use std::{io, path::Path};

/// What an unprivileged process may still write to the file system of a path, or of its nearest parent that is there.
pub fn free(path: &Path) -> io::Result<u64> {
    let existing = path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
    let stat = rustix::fs::statvfs(existing)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// A size for people: `1.4 GiB`.
#[must_use]
pub fn shown(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut tenths = u128::from(bytes) * 10 / 1024;
    let mut unit = UNITS[0];
    for next in &UNITS[1..] {
        if tenths < 10_240 {
            break;
        }
        tenths /= 1024;
        unit = next;
    }
    if bytes < 1024 { format!("{bytes} B") } else { format!("{}.{} {unit}", tenths / 10, tenths % 10) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_one_decimal() {
        for (bytes, text) in
            [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1_048_575, "1023.9 KiB"), (1_048_576, "1.0 MiB")]
        {
            assert_eq!(shown(bytes), text);
        }
        assert_eq!(shown(1536 << 30), "1.5 TiB");
    }

    #[test]
    fn a_path_that_is_not_there_lies_where_its_parent_does() {
        assert!(free(Path::new("/tmp/not/there/yet")).unwrap() > 0);
    }
}
