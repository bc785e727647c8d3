//! Scores for people.

/// `.412`: three decimals without the zero before them.
#[must_use]
pub fn decimal(value: f64) -> String {
    let text = format!("{value:.3}");
    text.strip_prefix('0').map(str::to_owned).unwrap_or(text)
}

/// `+.012` or `-.012`: a difference in the form of [`decimal`].
#[must_use]
pub fn signed(value: f64) -> String {
    let text = decimal(value.abs());
    // What rounds to nothing has no sign.
    if text == ".000" { format!("±{text}") } else { format!("{}{text}", if value < 0.0 { '-' } else { '+' }) }
}

/// A certificate's decimal in the form of [`decimal`].
#[must_use]
pub fn share(text: &str) -> String {
    text.parse().map_or_else(|_| "?".to_owned(), decimal)
}

/// `1`, or `1-3`: a rank as far as the results tell it.
#[must_use]
pub fn ranks(best: usize, worst: usize) -> String {
    if best == worst { best.to_string() } else { format!("{best}-{worst}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_short() {
        assert_eq!((decimal(0.4123), decimal(1.0), decimal(0.0)), (".412".into(), "1.000".into(), ".000".into()));
        assert_eq!(share("0.412000"), ".412");
        assert_eq!((signed(0.0126), signed(-0.5), signed(-0.0004)), ("+.013".into(), "-.500".into(), "±.000".into()));
        assert_eq!((ranks(1, 1), ranks(2, 5)), ("1".into(), "2-5".into()));
    }
}
