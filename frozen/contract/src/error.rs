//! Why an algorithm could not answer: text for the participant who wrote it.

use shim::ShimError;
use tch::TchError;

/// A result with the contract's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An answer that could not be given. The run stops, and the entry fails with this text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// libtorch refused; its message without the backtrace.
    #[error("libtorch: {0}")]
    Torch(String),
    /// A tensor of another shape than the contract asks for.
    #[error("{what}: expected shape {expected:?}, found {found:?}")]
    Shape {
        /// Which tensor.
        what: String,
        /// What the contract asks for.
        expected: Vec<i64>,
        /// What was given.
        found: Vec<i64>,
    },
    /// A name that was not declared or that the model does not have.
    #[error("no {sort} is named `{name}`; there are: {known}")]
    Unknown {
        /// What was looked for: `column`, `slot`, `parameter` ..
        sort: &'static str,
        /// The name.
        name: String,
        /// The names there are, cut to a few.
        known: String,
    },
    /// A diagnostic that was declared and not reported, or reported twice.
    #[error("diagnostic `{name}` was declared and must be reported exactly once a question: {found}")]
    Diagnostic {
        /// Its name.
        name: String,
        /// What happened.
        found: &'static str,
    },
    /// Something that this question does not offer.
    #[error("{0}")]
    NotHere(&'static str),
    /// What an algorithm says itself, by [`crate::bail!`] or [`crate::ensure!`].
    #[error("{0}")]
    Message(String),
}

impl Error {
    /// A name that is not among those there are.
    pub(crate) fn unknown<'a>(sort: &'static str, name: &str, known: impl Iterator<Item = &'a String>) -> Self {
        const SHOWN: usize = 8;
        let all: Vec<&str> = known.map(String::as_str).collect();
        let mut text = all[..all.len().min(SHOWN)].join(", ");
        match all.len() {
            0 => text.push_str("none"),
            n if n > SHOWN => text.push_str(&format!(" and {} more", n - SHOWN)),
            _ => {}
        }
        Self::Unknown { sort, name: name.to_owned(), known: text }
    }

    /// Errs where a tensor has another shape.
    pub(crate) fn check_shape(what: impl FnOnce() -> String, expected: &[i64], found: &tch::Tensor) -> Result<()> {
        let found = found.size();
        if found == expected { Ok(()) } else { Err(Self::Shape { what: what(), expected: expected.to_vec(), found }) }
    }
}

impl From<TchError> for Error {
    fn from(error: TchError) -> Self {
        ShimError::from(error).into()
    }
}

impl From<ShimError> for Error {
    fn from(error: ShimError) -> Self {
        match error {
            ShimError::Torch(message) => Self::Torch(message),
            other => Self::Torch(other.to_string()),
        }
    }
}

/// Leaves the function with an [`Error::Message`]: `bail!("rho = {rho} is negative")`.
#[macro_export]
macro_rules! bail {
    ($($text:tt)*) => {
        return ::std::result::Result::Err($crate::Error::Message(::std::format!($($text)*)))
    };
}

/// Leaves the function with an [`Error::Message`] unless a condition holds.
#[macro_export]
macro_rules! ensure {
    ($holds:expr, $($text:tt)*) => {
        match $holds {
            true => {}
            false => $crate::bail!($($text)*),
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positive(x: f64) -> Result<f64> {
        crate::ensure!(x > 0.0, "x = {x} is not positive");
        Ok(x)
    }

    #[test]
    fn messages_say_what_to_repair() {
        assert_eq!(positive(1.0), Ok(1.0));
        assert_eq!(positive(-1.0).unwrap_err().to_string(), "x = -1 is not positive");
        let names: Vec<String> = (0..10).map(|i| format!("p{i}")).collect();
        let text = Error::unknown("slot", "ema", names.iter()).to_string();
        assert_eq!(text, "no slot is named `ema`; there are: p0, p1, p2, p3, p4, p5, p6, p7 and 2 more");
        assert!(Error::unknown("slot", "ema", [].iter()).to_string().ends_with("there are: none"));
    }
}
