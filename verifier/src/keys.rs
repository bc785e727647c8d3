//! Keys and whom to trust: ed25519 keys, the files they stand in, and lists of public ones.
//!
//! Trust comes from a list that the reader of a certificate brings, never from the certificate, its
//! folder or the ZIP. A list is text: one key a line, `ed25519 NAME ROLE BASE64`, with empty lines and
//! lines that start with `#` left out. A `.pub` file is such a list of one, so that
//! `cat a.pub b.pub > trust.pub` makes a list of two.
//!
//! A secret key is PKCS#8 *version 1* in PEM (RFC 8410, without the public key): OpenSSL 3 refuses
//! version 2. The seed of a new key enters as a value; this crate draws no randomness.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use ed25519_dalek::{
    Signature, Signer as _, SigningKey, VerifyingKey,
    pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, KeypairBytes, spki::der::pem::LineEnding},
};
use records::Sha256;

const SCHEME: &str = "ed25519";
const NAME_MAX: usize = 64;
/// How much of a key's digest stands in its id.
const DIGITS: usize = 16;

/// A key or a list of keys that cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeyError {
    /// Not a name of a key.
    #[error("a key's name is 1 to {NAME_MAX} of A-Z a-z 0-9 . _ -, and starts with a letter or digit")]
    Name,
    /// Not a role.
    #[error("a key's role is one of certify, golden, waive, ledger")]
    Role,
    /// A line of a list that is not a key.
    #[error("line {line}: {why}")]
    Line {
        /// From 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// A list without a key.
    #[error("no key: one a line, `{SCHEME} NAME ROLE BASE64`")]
    Empty,
    /// Not a secret key.
    #[error("not an ed25519 secret key in PKCS#8 PEM, as `maxclip key new` and `openssl genpkey` write it")]
    Secret,
}

/// What a key may sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Certificates.
    Certify,
    /// Golden transcripts.
    Golden,
    /// Waivers.
    Waive,
    /// The ledger's heads.
    Ledger,
}

impl Role {
    /// The word of a key file.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Certify => "certify",
            Self::Golden => "golden",
            Self::Waive => "waive",
            Self::Ledger => "ledger",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = KeyError;

    fn from_str(word: &str) -> Result<Self, KeyError> {
        [Self::Certify, Self::Golden, Self::Waive, Self::Ledger]
            .into_iter()
            .find(|role| role.word() == word)
            .ok_or(KeyError::Role)
    }
}

/// A public key with its name and its role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// What its owner calls it.
    pub name: String,
    /// What it may sign.
    pub role: Role,
    key: VerifyingKey,
}

impl PublicKey {
    /// `NAME:` and the first 16 hexadecimal digits of SHA-256 over the 32 raw bytes.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}:{}", self.name, self.digits())
    }

    /// SHA-256 over the 32 raw bytes: the key's identity, whatever its owner calls it.
    #[must_use]
    pub fn digest(&self) -> Sha256 {
        Sha256::of(self.key.as_bytes())
    }

    /// The digits of [`PublicKey::id`].
    #[must_use]
    pub fn digits(&self) -> String {
        self.digest().bare()[..DIGITS].to_owned()
    }

    /// Whether the key signed the message; small-order keys and malleable signatures never did.
    #[must_use]
    pub fn signed(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.key.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }

    fn parse(line: &str) -> Result<Self, String> {
        let words: Vec<_> = line.split_ascii_whitespace().collect();
        let [SCHEME, name, role, key] = words[..] else {
            return Err(format!("not of the form `{SCHEME} NAME ROLE BASE64`"));
        };
        check_name(name).map_err(|error| error.to_string())?;
        let role = role.parse().map_err(|error: KeyError| error.to_string())?;
        let bytes = BASE64.decode(key).map_err(|_| "the key is not base64".to_owned())?;
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| "the key is not 32 bytes long".to_owned())?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| "the key is not a point of the curve".to_owned())?;
        if key.is_weak() {
            return Err("the key is of small order: anyone can sign for it".to_owned());
        }
        Ok(Self { name: name.to_owned(), role, key })
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME} {} {} {}", self.name, self.role.word(), BASE64.encode(self.key.as_bytes()))
    }
}

/// The keys that a reader trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// At least one; names and keys are unique.
    pub keys: Vec<PublicKey>,
}

impl Trust {
    /// Reads a list of keys.
    ///
    /// Errors: the first line that is not a key or repeats one, by its number; a list without a key.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let mut keys: Vec<PublicKey> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let refuse = |why| KeyError::Line { line: index + 1, why };
            let key = PublicKey::parse(line).map_err(refuse)?;
            if keys.iter().any(|other| other.key == key.key || other.name == key.name) {
                return Err(refuse("the key or its name stands in the list twice".to_owned()));
            }
            keys.push(key);
        }
        if keys.is_empty() { Err(KeyError::Empty) } else { Ok(Self { keys }) }
    }
}

/// A secret key, with the name and role that its public half carries.
pub struct SecretKey {
    key: SigningKey,
    public: PublicKey,
}

impl SecretKey {
    /// A key from 32 random bytes.
    pub fn new(name: &str, role: Role, seed: &[u8; 32]) -> Result<Self, KeyError> {
        check_name(name)?;
        let key = SigningKey::from_bytes(seed);
        let public = PublicKey { name: name.to_owned(), role, key: key.verifying_key() };
        Ok(Self { key, public })
    }

    /// Reads a key of [`SecretKey::pem`], or one that OpenSSL wrote; PEM has no place for name and role.
    pub fn parse(pem: &str, name: &str, role: Role) -> Result<Self, KeyError> {
        let key = SigningKey::from_pkcs8_pem(pem).map_err(|_| KeyError::Secret)?;
        Self::new(name, role, &key.to_bytes())
    }

    /// PKCS#8 version 1 in PEM.
    pub fn pem(&self) -> Result<String, KeyError> {
        let bytes = KeypairBytes { secret_key: self.key.to_bytes(), public_key: None };
        Ok(bytes.to_pkcs8_pem(LineEnding::LF).map_err(|_| KeyError::Secret)?.as_str().to_owned())
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs a message.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }
}

/// The digits of a text that has the form of [`PublicKey::id`].
#[must_use]
pub fn id_digits(id: &str) -> Option<&str> {
    let (name, digits) = id.rsplit_once(':')?;
    let hex = digits.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c));
    (check_name(name).is_ok() && digits.len() == DIGITS && hex).then_some(digits)
}

fn check_name(name: &str) -> Result<(), KeyError> {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
    let starts = name.bytes().next().is_some_and(|c| c.is_ascii_alphanumeric());
    if starts && name.len() <= NAME_MAX && name.bytes().all(allowed) { Ok(()) } else { Err(KeyError::Name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> SecretKey {
        SecretKey::new("demo", Role::Certify, &[seed; 32]).unwrap()
    }

    #[test]
    fn a_secret_key_is_pkcs8_version_1_and_reads_back() {
        let pem = key(7).pem().unwrap();
        let der = BASE64.decode(pem.lines().filter(|line| !line.starts_with('-')).collect::<String>()).unwrap();
        // SEQUENCE { INTEGER 0, AlgorithmIdentifier { 1.3.101.112 }, OCTET STRING { OCTET STRING } }, nothing after.
        assert_eq!(der.len(), 48);
        assert_eq!(&der[..16], [0x30, 46, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 34, 4, 32]);
        let again = SecretKey::parse(&pem, "demo", Role::Certify).unwrap();
        assert_eq!(again.public(), key(7).public());
        assert_eq!(again.sign(b"text"), key(7).sign(b"text"));
    }

    #[test]
    fn the_first_published_vector_holds() {
        // RFC 8032, section 7.1, test 1.
        let seed: [u8; 32] = (0..32)
            .map(|at| {
                let digits = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
                u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap()
            })
            .collect::<Vec<_>>()
            .try_into()
            .unwrap();
        let key = SecretKey::new("rfc8032", Role::Certify, &seed).unwrap();
        assert_eq!(key.sign(b"")[..8], [0xe5, 0x56, 0x43, 0x00, 0xc3, 0x60, 0xac, 0x72]);
        assert!(key.public().signed(b"", &key.sign(b"")));
        assert!(!key.public().signed(b"x", &key.sign(b"")));
    }

    #[test]
    fn a_list_reads_back_and_says_which_line_is_wrong() {
        let other = SecretKey::new("other", Role::Golden, &[9; 32]).unwrap();
        let list = format!("# organizers\n\n{}\n{}\n", key(7).public(), other.public());
        let trust = Trust::parse(&list).unwrap();
        assert_eq!(trust.keys, [key(7).public().clone(), other.public().clone()]);
        for (text, line) in [
            (format!("{}\n{}", key(7).public(), key(7).public()), 2),
            (format!("{}\n{}", key(7).public(), key(8).public()), 2),
            ("ed25519 demo certify AAAA".to_owned(), 1),
            ("# x\nrsa demo certify AAAA".to_owned(), 2),
            ("ed25519 de/mo certify AAAA".to_owned(), 1),
            (key(7).public().to_string().replace("certify", "everything"), 1),
            // The neutral element: a key for which a fixed signature verifies anything.
            (format!("ed25519 weak certify {}", BASE64.encode([&[1u8][..], &[0; 31]].concat())), 1),
        ] {
            assert!(matches!(Trust::parse(&text), Err(KeyError::Line { line: at, .. }) if at == line), "{text}");
        }
        assert_eq!(Trust::parse("# nobody\n"), Err(KeyError::Empty));
    }

    #[test]
    fn only_an_id_has_the_form_of_one() {
        let id = key(7).public().id();
        assert_eq!(id_digits(&id), Some(key(7).public().digits().as_str()));
        for bad in [
            "",
            "demo",
            ":0123456789abcdef",
            "demo:0123456789abcde",
            "demo:0123456789abcdeF",
            "de\nmo:0123456789abcdef",
        ] {
            assert_eq!(id_digits(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn what_is_no_secret_key_is_refused() {
        for text in ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "demo"] {
            assert!(SecretKey::parse(text, "demo", Role::Certify).is_err());
        }
        assert!(SecretKey::new("", Role::Certify, &[1; 32]).is_err());
        assert!(SecretKey::new("-x", Role::Certify, &[1; 32]).is_err());
    }
}
