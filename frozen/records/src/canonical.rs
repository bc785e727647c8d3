//! Canonical JSON: one byte string a value, so that equal things have equal digests.
//!
//! Keys sorted by bytes, no white space, no floating-point numbers, integers within ±(2^53 - 1), one
//! newline at the end of a file. What needs more (64-bit integers, floats) is written as a string.
//! Sorting is done here and not left to `serde_json`, whose map order is a feature that any crate of
//! a build can switch.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// A value that has no canonical form, or bytes that are not in it.
#[derive(Debug, thiserror::Error)]
pub enum CanonicalError {
    /// The value does not serialise, or the bytes do not parse.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// A float, or an integer past 2^53 - 1: write it as a string.
    #[error("`{0}` has no canonical form: write it as a string")]
    Number(String),
    /// The bytes parse but are not what this value serialises to.
    #[error("not in canonical form: byte {at} differs from the one serialisation of the same value")]
    NotCanonical {
        /// The first byte that differs.
        at: usize,
    },
}

const LARGEST_INTEGER: u64 = (1 << 53) - 1;

/// Serialises a value to its canonical bytes, without a final newline.
pub fn to_bytes<T: Serialize>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    let mut out = Vec::new();
    write_value(&serde_json::to_value(value)?, &mut out)?;
    Ok(out)
}

/// Serialises a value to the bytes of a file: canonical, and one newline.
pub fn to_file<T: Serialize>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    let mut out = to_bytes(value)?;
    out.push(b'\n');
    Ok(out)
}

/// Parses a file that must be in canonical form.
///
/// Duplicate keys cannot pass: they would not survive being serialised again. Unknown keys are
/// refused by the types themselves (`deny_unknown_fields`).
pub fn from_file<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, CanonicalError> {
    let value: T = serde_json::from_slice(bytes)?;
    let expected = to_file(&value)?;
    if expected == bytes {
        return Ok(value);
    }
    let at = expected.iter().zip(bytes).take_while(|(a, b)| a == b).count();
    Err(CanonicalError::NotCanonical { at })
}

fn write_value(value: &Value, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => serde_json::to_writer(&mut *out, value)?,
        Value::Number(number) => {
            let magnitude = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
            match magnitude {
                Some(magnitude) if magnitude <= LARGEST_INTEGER => out.extend(number.to_string().bytes()),
                _ => return Err(CanonicalError::Number(number.to_string())),
            }
        }
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_value(item, out)?;
            }
            out.push(b']');
        }
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| key.as_bytes());
            out.push(b'{');
            for (index, (key, item)) in entries.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                serde_json::to_writer(&mut *out, key)?;
                out.push(b':');
                write_value(item, out)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_sorted_and_white_space_is_gone() {
        let value = json!({"b": [1, -2, null], "a": {"d": "\u{1}é", "c": true}});
        assert_eq!(to_bytes(&value).unwrap(), r#"{"a":{"c":true,"d":"\u0001é"},"b":[1,-2,null]}"#.as_bytes());
    }

    #[test]
    fn floats_and_large_integers_are_refused() {
        assert!(to_bytes(&json!(0.5)).is_err());
        assert!(to_bytes(&json!(1u64 << 53)).is_err());
        assert!(to_bytes(&json!((1u64 << 53) - 1)).is_ok());
    }

    #[test]
    fn a_duplicate_key_is_not_canonical() {
        let bytes = b"{\"a\":1,\"a\":2}\n";
        assert!(matches!(from_file::<BTreeMap<String, u32>>(bytes), Err(CanonicalError::NotCanonical { .. })));
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_back(map in proptest::collection::btree_map(".*", 0u64..1 << 53, 0..8)) {
            let bytes = to_file(&map).unwrap();
            prop_assert_eq!(from_file::<BTreeMap<String, u64>>(&bytes).unwrap(), map);
        }

        #[test]
        fn any_changed_byte_is_noticed(at in 0usize..20, value: u8) {
            let map = BTreeMap::from([("key".to_owned(), 17u64), ("other".to_owned(), 4)]);
            let mut bytes = to_file(&map).unwrap();
            prop_assume!(at < bytes.len() && bytes[at] != value);
            bytes[at] = value;
            prop_assert_ne!(from_file::<BTreeMap<String, u64>>(&bytes).ok(), Some(map));
        }
    }
}
