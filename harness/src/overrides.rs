//! `--set key=value`: changes values of a configuration without editing the file.

use anyhow::Result;
use toml::{Table, Value};

use crate::problem::Problem;

/// Sets keys in every table of the configuration that has them, so that an override of the protocol
/// does not hide what was set.
///
/// Errors: a key that stands nowhere in the configuration, or a value that is not TOML.
pub fn apply(config: &str, sets: &[String]) -> Result<String> {
    if sets.is_empty() {
        return Ok(config.to_owned());
    }
    let mut table: Table = config.parse().map_err(|error| Problem::usage(format!("config.toml: {error}")))?;
    for set in sets {
        let wrong = || Problem::usage(format!("`--set {set}` is not of the form key=value"));
        let (key, text) = set.split_once('=').ok_or_else(wrong)?;
        let value = parse(text.trim());
        if replace(&mut table, key.trim(), &value) == 0 {
            let known: Vec<_> =
                table.iter().filter(|(_, value)| !value.is_table()).map(|(key, _)| key.as_str()).collect();
            return Err(Problem::usage(format!("config.toml has no key `{}`", key.trim()))
                .hint(known.join(", "))
                .into());
        }
    }
    Ok(toml::to_string(&table)?)
}

/// TOML where it is TOML, else a string: `--set temperature_gradient=objective` needs no quotes.
fn parse(text: &str) -> Value {
    let document: Result<Table, _> = format!("value = {text}").parse();
    document.ok().and_then(|mut table| table.remove("value")).unwrap_or_else(|| Value::String(text.to_owned()))
}

fn replace(table: &mut Table, key: &str, value: &Value) -> usize {
    let mut replaced = 0;
    for (name, old) in table.iter_mut() {
        match old {
            Value::Table(inner) => replaced += replace(inner, key, value),
            _ if name == key => {
                *old = value.clone();
                replaced += 1;
            }
            _ => {}
        }
    }
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_set_wherever_it_stands() {
        let config = "rho = 6.5\nmode = \"released\"\n[mini]\nrho = 7.0\n";
        let text = apply(config, &["rho=9".to_owned(), "mode=objective".to_owned()]).unwrap();
        let table: Table = text.parse().unwrap();
        assert_eq!(table["rho"], Value::Integer(9));
        assert_eq!(table["mini"]["rho"], Value::Integer(9));
        assert_eq!(table["mode"].as_str(), Some("objective"));
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_known_ones() {
        let error = apply("rho = 6.5\n", &["roh=9".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("`roh`"), "{error}");
        assert!(apply("rho = 6.5\n", &["rho".to_owned()]).is_err());
    }
}
