//! The envelope of a certificate: DSSE around an in-toto Statement, in one canonical form.
//!
//! DSSE alone lets hundreds of changed bytes pass: white space, the name and value of `keyid`, unknown
//! fields. So three things are asked in this order: a trusted key signed these bytes, the file is the
//! one serialisation of what it says, and each `keyid` is that of the key that verifies. A signature of a key
//! that the reader does not know cannot be judged: it has the form of one, stands once, and decides nothing.
//!
//! Source: DSSE 1.0 (pre-authentication encoding), in-toto Statement v1.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use records::{
    Finding, Reason, Rule, Verdict, canonical,
    canonical::CanonicalError,
    v1::statement::{Envelope, PAYLOAD_TYPE, Signature, Statement},
};

use crate::keys::{PublicKey, Role, SecretKey, Trust, id_digits};

/// How the findings of this module call the file.
pub const FILE: &str = "certificate.json";
/// The longest certificate that is read, in bytes.
pub const CERTIFICATE_MAX: u64 = 16 << 20;
/// More signatures than these are not looked at.
pub const SIGNATURES_MAX: usize = 64;

/// An envelope that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The statement has no canonical form.
    #[error("the statement has no canonical form: {0}")]
    Canonical(#[from] CanonicalError),
    /// A key may not sign certificates.
    #[error("key `{0}` has the role {1}: a certificate needs one with the role certify")]
    Role(String, &'static str),
    /// The certificate that is there is not about this statement.
    #[error("the certificate that is there states something else: move it away to sign anew")]
    OtherStatement,
    /// The key has signed it.
    #[error("key `{0}` has signed this certificate already")]
    Twice(String),
}

/// One signature of an opened certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// `NAME:` and 16 digits; of the trusted key where one verifies, else what the file says.
    pub id: String,
    /// Whether a trusted key verifies it.
    pub trusted: bool,
}

/// A certificate whose signature holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// What is stated.
    pub statement: Statement,
    /// Who signed it; at least one is trusted.
    pub signers: Vec<Signer>,
}

/// What is signed: DSSE's encoding of a type and a payload, so that neither can pass for the other.
#[must_use]
pub fn pre_authentication(kind: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// Signs a statement; adds to the signatures of `before`, where a certificate is there.
///
/// The result is the envelope with its signatures sorted by `keyid`.
pub fn seal(statement: &Statement, before: Option<&Envelope>, key: &SecretKey) -> Result<Envelope, SealError> {
    let public = key.public();
    if public.role != Role::Certify {
        return Err(SealError::Role(public.id(), public.role.word()));
    }
    let payload = canonical::to_bytes(statement)?;
    let encoded = BASE64.encode(&payload);
    let mut signatures = match before {
        None => Vec::new(),
        Some(before) if before.payload == encoded && before.payload_type == PAYLOAD_TYPE => before.signatures.clone(),
        Some(_) => return Err(SealError::OtherStatement),
    };
    let sig = BASE64.encode(key.sign(&pre_authentication(PAYLOAD_TYPE, &payload)));
    if signatures.iter().any(|other| other.sig == sig || other.keyid == public.id()) {
        return Err(SealError::Twice(public.id()));
    }
    signatures.push(Signature { keyid: public.id(), sig });
    signatures.sort_by(|a, b| a.keyid.cmp(&b.keyid));
    Ok(Envelope { payload: encoded, payload_type: PAYLOAD_TYPE.to_owned(), signatures })
}

/// Opens a certificate: nothing of its payload is parsed before a trusted key has verified it.
///
/// `Fail` where a byte was changed, `Inconclusive` where no trusted key signed it.
#[must_use]
pub fn open(bytes: &[u8], trust: &Trust) -> Verdict<Opened> {
    let (envelope, payload) = match parse(bytes) {
        Ok(parts) => parts,
        Err(finding) => return Verdict::Fail(vec![finding]),
    };
    let signers = match judge_signatures(&envelope, &payload, trust) {
        Verdict::Pass(signers) => signers,
        Verdict::Fail(findings) => return Verdict::Fail(findings),
        Verdict::Inconclusive(reason) => return Verdict::Inconclusive(reason),
    };
    match check_form(bytes, &envelope, &payload) {
        Ok(statement) => Verdict::Pass(Opened { statement, signers }),
        Err(finding) => Verdict::Fail(vec![finding]),
    }
}

/// Reads a certificate without asking who signed it: for showing it, and for adding a signature.
pub fn peek(bytes: &[u8]) -> Result<(Envelope, Statement), Finding> {
    let (envelope, payload) = parse(bytes)?;
    let statement = check_form(bytes, &envelope, &payload)?;
    Ok((envelope, statement))
}

fn changed(found: impl std::fmt::Display) -> Finding {
    Finding::new(Rule::CertificateChanged, FILE).found(found)
}

fn parse(bytes: &[u8]) -> Result<(Envelope, Vec<u8>), Finding> {
    if bytes.len() as u64 > CERTIFICATE_MAX {
        return Err(changed(format!("{} bytes", bytes.len())).expected(format!("at most {CERTIFICATE_MAX} bytes")));
    }
    let envelope: Envelope = serde_json::from_slice(bytes).map_err(|error| {
        changed(format!("line {}, column {}: not an envelope", error.line(), error.column()))
            .attach(error.to_string().as_bytes())
    })?;
    if envelope.signatures.len() > SIGNATURES_MAX {
        let found = format!("{} signatures", envelope.signatures.len());
        return Err(changed(found).expected(format!("at most {SIGNATURES_MAX}")));
    }
    let payload = BASE64.decode(&envelope.payload).map_err(|_| changed("`payload` is not base64"))?;
    Ok((envelope, payload))
}

fn judge_signatures(envelope: &Envelope, payload: &[u8], trust: &Trust) -> Verdict<Vec<Signer>> {
    let message = pre_authentication(&envelope.payload_type, payload);
    let mut signers = Vec::new();
    let mut findings = Vec::new();
    for signature in &envelope.signatures {
        match trusted_signer(signature, &message, trust) {
            Ok(signer) => signers.push(signer),
            Err(finding) => findings.push(finding),
        }
    }
    if !findings.is_empty() {
        return Verdict::Fail(findings);
    }
    let wrong_role = signers.iter().find_map(|signer| {
        let named = trust.keys.iter().find(|key| key.id() == signer.id)?;
        (named.role != Role::Certify).then(|| format!("`{}` has the role {}", signer.id, named.role.word()))
    });
    if signers.iter().any(|signer| signer.trusted) {
        return Verdict::Pass(signers);
    }
    let named: Vec<_> = signers.iter().map(|signer| format!("`{}`", signer.id)).collect();
    Verdict::Inconclusive(Reason {
        why: records::verdict::escape(&match wrong_role {
            Some(role) => format!("no trusted key may sign this certificate: {role}"),
            None if named.is_empty() => "nobody signed this certificate".to_owned(),
            None => format!("no trusted key signed this certificate; it names {}", named.join(", ")),
        }),
        hint: "get the organizer's public key from where you trust it, and name its file with --trust".to_owned(),
    })
}

/// The signer of one signature; a finding where it names a trusted key that did not make it, or a
/// trusted key made it and is called something else.
fn trusted_signer(signature: &Signature, message: &[u8], trust: &Trust) -> Result<Signer, Finding> {
    let digits = signature.keyid.rsplit(':').next().unwrap_or_default();
    let named = trust.keys.iter().find(|key| key.digits() == digits);
    let bytes = BASE64.decode(&signature.sig).ok().and_then(|sig| <[u8; 64]>::try_from(sig).ok());
    let verifies = |key: &&PublicKey| bytes.is_some_and(|bytes| key.signed(message, &bytes));
    match (trust.keys.iter().find(verifies), named) {
        (Some(key), _) if signature.keyid == key.id() => {
            Ok(Signer { id: key.id(), trusted: key.role == Role::Certify })
        }
        (Some(key), _) => Err(changed(format!("`keyid` is `{}`", signature.keyid)).expected(key.id())),
        (None, Some(key)) => Err(changed(format!("the signature of `{}` does not verify", key.id()))
            .expected("the bytes that were signed, with their signature")),
        (None, None) => Ok(Signer { id: signature.keyid.clone(), trusted: false }),
    }
}

fn check_form(bytes: &[u8], envelope: &Envelope, payload: &[u8]) -> Result<Statement, Finding> {
    let expected = "the one canonical form of what it says";
    let form = |what: &str, error: CanonicalError| {
        changed(format!("{what}: not canonical")).expected(expected).attach(error.to_string().as_bytes())
    };
    canonical::from_file::<Envelope>(bytes).map_err(|error| form("envelope", error))?;
    if envelope.payload_type != PAYLOAD_TYPE {
        return Err(changed(format!("`payloadType` is `{}`", envelope.payload_type)).expected(PAYLOAD_TYPE));
    }
    if BASE64.encode(payload) != envelope.payload {
        return Err(changed("`payload`: base64 in another form").expected(expected));
    }
    check_signatures(&envelope.signatures)?;
    let file = [payload, b"\n"].concat();
    canonical::from_file::<Statement>(&file).map_err(|error| form("statement", error))
}

/// Whether signatures are what [`seal`] writes, whoever made them: each of one form, sorted, no key twice.
fn check_signatures(signatures: &[Signature]) -> Result<(), Finding> {
    let expected = "the one canonical form of what it says";
    for signature in signatures {
        if id_digits(&signature.keyid).is_none() {
            let found = format!("`keyid` is `{}`", signature.keyid);
            return Err(changed(found).expected("a key's name, a colon and 16 hexadecimal digits"));
        }
        let bytes = BASE64.decode(&signature.sig).unwrap_or_default();
        if bytes.len() != 64 || BASE64.encode(&bytes) != signature.sig {
            let found = format!("the signature of `{}` has another form", signature.keyid);
            return Err(changed(found).expected("64 bytes in base64"));
        }
    }
    let sorted = signatures.windows(2).all(|pair| pair[0].keyid < pair[1].keyid);
    let mut keys: Vec<_> = signatures.iter().map(|signature| id_digits(&signature.keyid)).collect();
    let mut made: Vec<_> = signatures.iter().map(|signature| signature.sig.as_str()).collect();
    keys.sort_unstable();
    made.sort_unstable();
    let twice = keys.windows(2).any(|pair| pair[0] == pair[1]) || made.windows(2).any(|pair| pair[0] == pair[1]);
    if !sorted || twice || signatures.is_empty() {
        return Err(changed("`signatures` are missing, repeated or not sorted by `keyid`").expected(expected));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::tests::failed_at_intake;

    fn key(name: &str, role: Role, seed: u8) -> SecretKey {
        SecretKey::new(name, role, &[seed; 32]).unwrap()
    }

    fn trust(keys: &[&SecretKey]) -> Trust {
        Trust { keys: keys.iter().map(|key| key.public().clone()).collect() }
    }

    fn sealed(keys: &[&SecretKey]) -> Vec<u8> {
        let mut envelope = None;
        for key in keys {
            envelope = Some(seal(&failed_at_intake(), envelope.as_ref(), key).unwrap());
        }
        canonical::to_file(&envelope.unwrap()).unwrap()
    }

    #[test]
    fn the_encoding_is_the_published_one() {
        // DSSE's protocol document, example.
        assert_eq!(
            pre_authentication("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn any_changed_byte_is_refused_and_never_called_unknown() {
        let demo = key("demo", Role::Certify, 1);
        let bytes = sealed(&[&demo]);
        let trust = trust(&[&demo]);
        assert!(matches!(open(&bytes, &trust), Verdict::Pass(_)));
        for at in 0..bytes.len() {
            for value in [bytes[at] ^ 1, bytes[at] ^ 0x20, b' ', b'"', b'A', 0, 0xff] {
                let mut changed = bytes.clone();
                changed[at] = value;
                if changed != bytes {
                    assert!(matches!(open(&changed, &trust), Verdict::Fail(_)), "byte {at} to {value}");
                }
            }
        }
        for length in 0..bytes.len() {
            assert!(matches!(open(&bytes[..length], &trust), Verdict::Fail(_)), "cut to {length}");
        }
    }

    #[test]
    fn an_unknown_key_is_inconclusive_even_under_a_known_name() {
        let (demo, other) = (key("demo", Role::Certify, 1), key("demo", Role::Certify, 2));
        assert!(matches!(open(&sealed(&[&demo]), &trust(&[&other])), Verdict::Inconclusive(_)));
    }

    #[test]
    fn a_key_of_another_role_signs_nothing() {
        let golden = key("golden", Role::Golden, 1);
        assert!(matches!(seal(&failed_at_intake(), None, &golden), Err(SealError::Role(..))));
        let certify = key("golden", Role::Certify, 1);
        let Verdict::Inconclusive(reason) = open(&sealed(&[&certify]), &trust(&[&golden])) else { panic!() };
        assert!(reason.why.contains("role golden"), "{}", reason.why);
    }

    #[test]
    fn two_signatures_stand_in_one_order() {
        let (a, b) = (key("a", Role::Certify, 1), key("b", Role::Certify, 2));
        assert_eq!(sealed(&[&a, &b]), sealed(&[&b, &a]));
        let Verdict::Pass(opened) = open(&sealed(&[&a, &b]), &trust(&[&a])) else { panic!() };
        assert_eq!(opened.signers.iter().map(|signer| signer.trusted).collect::<Vec<_>>(), [true, false]);
        let envelope: Envelope = serde_json::from_slice(&sealed(&[&a])).unwrap();
        assert!(matches!(seal(&failed_at_intake(), Some(&envelope), &a), Err(SealError::Twice(_))));
        let mut other = failed_at_intake();
        other.predicate.entry.name.push('x');
        assert!(matches!(seal(&other, Some(&envelope), &b), Err(SealError::OtherStatement)));
    }

    #[test]
    fn a_signature_that_nobody_can_judge_has_the_form_of_one_and_stands_once() {
        let demo = key("demo", Role::Certify, 1);
        let good: Envelope = serde_json::from_slice(&sealed(&[&demo])).unwrap();
        let with = |extra: &[(&str, &str)]| {
            let mut envelope = good.clone();
            let extra = extra.iter().map(|(keyid, sig)| Signature { keyid: (*keyid).into(), sig: (*sig).into() });
            envelope.signatures.extend(extra);
            envelope.signatures.sort_by(|a, b| a.keyid.cmp(&b.keyid));
            open(&canonical::to_file(&envelope).unwrap(), &trust(&[&demo]))
        };
        let [sig, other] = [7, 8].map(|byte| BASE64.encode([byte; 64]));
        let id = "zoe:0123456789abcdef";
        assert!(matches!(with(&[(id, &sig)]), Verdict::Pass(_)));
        let own = format!("zoe:{}", demo.public().digits());
        let junk: [&[(&str, &str)]; 13] = [
            &[(id, "")],
            &[(id, "junk")],
            &[(id, &BASE64.encode([7; 63]))],
            &[(id, &BASE64.encode([7; 65]))],
            // The same 64 bytes, with bits set that base64 ignores.
            &[(id, &sig.replacen("Bw==", "Bx==", 1))],
            &[(id, sig.trim_end_matches('='))],
            &[("zoe", &sig)],
            &[("zoe:0123", &sig)],
            &[("zoe:0123456789ABCDEF", &sig)],
            &[("z\u{1b}oe:0123456789abcdef", &sig)],
            &[(id, &sig), ("zoe:0123456789abcdee", &sig)],
            &[(id, &sig), ("zora:0123456789abcdef", &other)],
            &[(&own, &sig)],
        ];
        for extra in junk {
            let verdict = with(extra);
            assert!(matches!(&verdict, Verdict::Fail(findings) if findings.len() == 1), "{extra:?}: {verdict:?}");
        }
        let crowd: Vec<_> =
            (0..SIGNATURES_MAX).map(|at| (format!("zoe:{at:016x}"), BASE64.encode([at as u8; 64]))).collect();
        let crowd: Vec<_> = crowd.iter().map(|(id, sig)| (id.as_str(), sig.as_str())).collect();
        assert!(matches!(with(&crowd[1..]), Verdict::Pass(_)));
        assert!(matches!(with(&crowd), Verdict::Fail(_)));
    }

    #[test]
    fn deep_and_repeated_json_is_refused() {
        let demo = key("demo", Role::Certify, 1);
        let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
        let twice = String::from_utf8(sealed(&[&demo])).unwrap().replacen('{', "{\"payload\":\"AA==\",", 1);
        for bytes in [deep, twice.into_bytes(), b"null".to_vec(), Vec::new()] {
            assert!(matches!(open(&bytes, &trust(&[&demo])), Verdict::Fail(_)));
        }
    }
}
