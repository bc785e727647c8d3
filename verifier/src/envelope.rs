//! The envelope of what is signed: DSSE around an in-toto Statement, in one canonical form.
//!
//! DSSE alone lets hundreds of changed bytes pass: white space, the name and value of `keyid`, unknown
//! fields. So three things are asked in this order: a trusted key signed these bytes, the file is the
//! one serialisation of what it says, and each `keyid` is that of the key that verifies. A signature of a key
//! that the reader does not know cannot be judged: it has the form of one, stands once, and decides nothing.
//!
//! What a trusted key signed and is canonical is nobody's forgery. Where this release cannot read it (a predicate or
//! a version that it does not know, a key that was added), a newer release wrote it, and that is what is said.
//!
//! Source: DSSE 1.0 (pre-authentication encoding), in-toto Statement v1.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use records::{
    Finding, Reason, Rule, Verdict, canonical,
    canonical::CanonicalError,
    v1::statement::{Envelope, PAYLOAD_TYPE, STATEMENT_TYPE, Signature, Statement},
    verdict::escape,
};
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::{
    keys::{PublicKey, Role, SecretKey, Trust, id_digits},
    predicate::{self, Predicate},
};

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
    /// A key may not sign this.
    #[error("key `{key}` has the role {role}: a {what} needs one with the role {needed}")]
    Role {
        /// The key.
        key: String,
        /// What it may sign.
        role: &'static str,
        /// What it was to sign.
        what: &'static str,
        /// Which role that takes.
        needed: &'static str,
    },
    /// The certificate that is there is not about this statement.
    #[error("the certificate that is there states something else: move it away to sign anew")]
    OtherStatement,
    /// The key has signed it.
    #[error("key `{0}` has signed this already: nothing is written")]
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

/// A statement whose signature holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedStatement<P> {
    /// What is stated.
    pub statement: Statement<P>,
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
pub fn seal<P: Predicate>(
    statement: &Statement<P>,
    before: Option<&Envelope>,
    key: &SecretKey,
) -> Result<Envelope, SealError> {
    let public = key.public();
    if public.role != P::ROLE {
        let (role, needed) = (public.role.word(), P::ROLE.word());
        return Err(SealError::Role { key: public.id(), role, what: P::NAME, needed });
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

/// Opens a signed statement: nothing of its payload is parsed before a trusted key has verified it.
///
/// `Fail` where a byte was changed; `Inconclusive` where no trusted key signed it, or another release wrote it.
#[must_use]
pub fn open<P: Predicate>(bytes: &[u8], trust: &Trust) -> Verdict<OpenedStatement<P>> {
    if is_unsigned(bytes) {
        return Verdict::Inconclusive(unsigned());
    }
    let (envelope, payload) = match parse::<P>(bytes) {
        Ok(parts) => parts,
        Err(finding) => return Verdict::Fail(vec![finding]),
    };
    let judged = match judge_signatures::<P>(&envelope, &payload, trust) {
        Verdict::Pass(judged) => judged,
        Verdict::Fail(findings) => return Verdict::Fail(findings),
        Verdict::Inconclusive(reason) => return Verdict::Inconclusive(reason),
    };
    if let Err(finding) = check_form::<P>(bytes, &envelope, &payload) {
        return Verdict::Fail(vec![finding]);
    }
    let statement = match read::<P>(&payload) {
        Verdict::Pass(statement) => statement,
        Verdict::Fail(findings) => return Verdict::Fail(findings),
        Verdict::Inconclusive(reason) => return Verdict::Inconclusive(reason),
    };
    let signer = |judged: &Judged| Signer { id: judged.id.clone(), trusted: judged.role == Some(P::ROLE) };
    let signers: Vec<_> = judged.iter().map(signer).collect();
    if signers.iter().any(|signer| signer.trusted) {
        return Verdict::Pass(OpenedStatement { statement, signers });
    }
    let named =
        judged.iter().filter_map(|judged| Some(format!("`{}` has the role {}", judged.id, judged.role?.word())));
    nobody(format!("no trusted key may sign a {}: {}", P::NAME, named.collect::<Vec<_>>().join(", ")))
}

/// Reads a signed statement without asking who signed it: for showing it, and for adding a signature.
#[must_use]
pub fn peek<P: Predicate>(bytes: &[u8]) -> Verdict<(Envelope, Statement<P>)> {
    if is_unsigned(bytes) {
        return Verdict::Inconclusive(unsigned());
    }
    let parsed = parse::<P>(bytes).and_then(|(envelope, payload)| {
        check_form::<P>(bytes, &envelope, &payload)?;
        Ok((envelope, payload))
    });
    match parsed {
        Ok((envelope, payload)) => read(&payload).map(|statement| (envelope, statement)),
        Err(finding) => Verdict::Fail(vec![finding]),
    }
}

/// Whether a file is a statement without an envelope: what `certify` writes and `sign` reads.
#[must_use]
pub fn is_unsigned(bytes: &[u8]) -> bool {
    let keys = serde_json::from_slice::<BTreeMap<String, IgnoredAny>>(bytes);
    bytes.len() as u64 <= CERTIFICATE_MAX && keys.is_ok_and(|keys| keys.contains_key("_type"))
}

fn unsigned() -> Reason {
    Reason {
        why: "an unsigned statement: nobody answers for it".to_owned(),
        hint: "`maxclip sign` reads its evidence again and writes certificate.json beside it".to_owned(),
    }
}

/// Reads a statement's bytes, in canonical form without a newline.
///
/// `Fail` where they are not canonical JSON; `Inconclusive` where they are and another release wrote them.
#[must_use]
pub fn read<P: Predicate>(payload: &[u8]) -> Verdict<Statement<P>> {
    let form = |error: CanonicalError| {
        let finding = changed::<P>("statement: not canonical").expected(CANONICAL);
        Verdict::Fail(vec![finding.attach(error.to_string().as_bytes())])
    };
    let file = [payload, b"\n"].concat();
    let loose: Value = match canonical::from_file(&file) {
        Ok(loose) => loose,
        Err(error) => return form(error),
    };
    if let Err(reason) = known::<P>(&loose) {
        return Verdict::Inconclusive(reason);
    }
    match canonical::from_file(&file) {
        Ok(statement) => Verdict::Pass(statement),
        // The bytes are one JSON value in its one form: what is not understood is what they say.
        Err(CanonicalError::Json(error)) => {
            Verdict::Inconclusive(newer(format!("its {} says what this one cannot read: {error}", P::NAME)))
        }
        Err(error) => form(error),
    }
}

/// Whether a statement's own words for what it is are those of this release; else who can read it.
fn known<P: Predicate>(loose: &Value) -> Result<(), Reason> {
    let word = |key: &str| loose.get(key).and_then(Value::as_str).unwrap_or_default();
    if word("_type") != STATEMENT_TYPE {
        return Err(newer(format!("it is of the type `{}`", word("_type"))));
    }
    let kind = word("predicateType");
    match predicate::parse(kind) {
        Some((name, version)) if name == P::NAME && version == P::VERSION => Ok(()),
        Some((name, version)) if name == P::NAME && version < P::VERSION => Err(Reason {
            why: format!("written by an older release: a {name} of version {version}, this one reads {}", P::VERSION),
            hint: "judge it with the release that wrote it".to_owned(),
        }),
        Some((name, version)) => match predicate::KNOWN.iter().find(|known| known.name == name) {
            Some(known) if version <= known.version => Err(Reason {
                why: format!("it is a {name}, and a {} is asked for", P::NAME),
                hint: format!("name the file of a {}", P::NAME),
            }),
            Some(known) => Err(newer(format!("a {name} of version {version}, this one reads up to {}", known.version))),
            None => Err(newer(format!("this one knows nothing of the kind `{name}`"))),
        },
        None => Err(newer(format!("this one knows nothing of the type `{kind}`"))),
    }
}

fn newer(what: String) -> Reason {
    Reason {
        why: format!("written by a newer release: {}", escape(&what)),
        hint: "get the newest release of maxclip and ask it; nothing is said against what was signed".to_owned(),
    }
}

/// What every part of a certificate has to be in.
const CANONICAL: &str = "the one canonical form of what it says";

/// A finding about the file, under the name of what it should state: this module sees bytes and no path.
fn changed<P: Predicate>(found: impl std::fmt::Display) -> Finding {
    Finding::new(Rule::CertificateChanged, P::NAME).found(found)
}

fn parse<P: Predicate>(bytes: &[u8]) -> Result<(Envelope, Vec<u8>), Finding> {
    if bytes.len() as u64 > CERTIFICATE_MAX {
        return Err(changed::<P>(format!("{} bytes", bytes.len())).expected(format!("at most {CERTIFICATE_MAX} bytes")));
    }
    let envelope: Envelope = serde_json::from_slice(bytes).map_err(|error| {
        changed::<P>(format!("line {}, column {}: not an envelope", error.line(), error.column()))
            .attach(error.to_string().as_bytes())
    })?;
    if envelope.signatures.len() > SIGNATURES_MAX {
        let found = format!("{} signatures", envelope.signatures.len());
        return Err(changed::<P>(found).expected(format!("at most {SIGNATURES_MAX}")));
    }
    let payload = BASE64.decode(&envelope.payload).map_err(|_| changed::<P>("`payload` is not base64"))?;
    Ok((envelope, payload))
}

/// A signature that was looked at: whose it is, and what that key is trusted with.
struct Judged {
    id: String,
    /// `None` where no trusted key made it.
    role: Option<Role>,
}

fn judge_signatures<P: Predicate>(envelope: &Envelope, payload: &[u8], trust: &Trust) -> Verdict<Vec<Judged>> {
    let message = pre_authentication(&envelope.payload_type, payload);
    let mut judged = Vec::new();
    let mut findings = Vec::new();
    for signature in &envelope.signatures {
        match judge_signature::<P>(signature, &message, trust) {
            Ok(one) => judged.push(one),
            Err(finding) => findings.push(finding),
        }
    }
    if !findings.is_empty() {
        return Verdict::Fail(findings);
    }
    if judged.iter().any(|one| one.role.is_some()) {
        return Verdict::Pass(judged);
    }
    let named: Vec<_> = judged.iter().map(|one| format!("`{}`", one.id)).collect();
    nobody(if named.is_empty() {
        format!("nobody signed this {}", P::NAME)
    } else {
        format!("no trusted key signed this {}; it names {}", P::NAME, named.join(", "))
    })
}

fn nobody<T>(why: String) -> Verdict<T> {
    Verdict::Inconclusive(Reason {
        why: escape(&why),
        hint: "get the organizer's public key from where you trust it, and name its file with --trust".to_owned(),
    })
}

/// Whose a signature is; a finding where it names a trusted key that did not make it, or a trusted key made it and
/// is called something else.
fn judge_signature<P: Predicate>(signature: &Signature, message: &[u8], trust: &Trust) -> Result<Judged, Finding> {
    let digits = signature.keyid.rsplit(':').next().unwrap_or_default();
    let named = trust.keys.iter().find(|key| key.digits() == digits);
    let bytes = BASE64.decode(&signature.sig).ok().and_then(|sig| <[u8; 64]>::try_from(sig).ok());
    let verifies = |key: &&PublicKey| bytes.is_some_and(|bytes| key.signed(message, &bytes));
    match (trust.keys.iter().find(verifies), named) {
        (Some(key), _) if signature.keyid == key.id() => Ok(Judged { id: key.id(), role: Some(key.role) }),
        (Some(key), _) => Err(changed::<P>(format!("`keyid` is `{}`", signature.keyid)).expected(key.id())),
        (None, Some(key)) => Err(changed::<P>(format!("the signature of `{}` does not verify", key.id()))
            .expected("the bytes that were signed, with their signature")),
        (None, None) => Ok(Judged { id: signature.keyid.clone(), role: None }),
    }
}

/// Whether an envelope is the one that [`seal`] writes around a payload.
fn check_form<P: Predicate>(bytes: &[u8], envelope: &Envelope, payload: &[u8]) -> Result<(), Finding> {
    canonical::from_file::<Envelope>(bytes).map_err(|error| {
        changed::<P>("envelope: not canonical").expected(CANONICAL).attach(error.to_string().as_bytes())
    })?;
    if envelope.payload_type != PAYLOAD_TYPE {
        return Err(changed::<P>(format!("`payloadType` is `{}`", envelope.payload_type)).expected(PAYLOAD_TYPE));
    }
    if BASE64.encode(payload) != envelope.payload {
        return Err(changed::<P>("`payload`: base64 in another form").expected(CANONICAL));
    }
    check_signatures::<P>(&envelope.signatures)
}

/// Whether signatures are what [`seal`] writes, whoever made them: each of one form, sorted, no key twice.
fn check_signatures<P: Predicate>(signatures: &[Signature]) -> Result<(), Finding> {
    for signature in signatures {
        if id_digits(&signature.keyid).is_none() {
            let found = format!("`keyid` is `{}`", signature.keyid);
            return Err(changed::<P>(found).expected("a key's name, a colon and 16 hexadecimal digits"));
        }
        let bytes = BASE64.decode(&signature.sig).unwrap_or_default();
        if bytes.len() != 64 || BASE64.encode(&bytes) != signature.sig {
            let found = format!("the signature of `{}` has another form", signature.keyid);
            return Err(changed::<P>(found).expected("64 bytes in base64"));
        }
    }
    let sorted = signatures.windows(2).all(|pair| pair[0].keyid < pair[1].keyid);
    let mut keys: Vec<_> = signatures.iter().map(|signature| id_digits(&signature.keyid)).collect();
    let mut made: Vec<_> = signatures.iter().map(|signature| signature.sig.as_str()).collect();
    keys.sort_unstable();
    made.sort_unstable();
    let twice = keys.windows(2).any(|pair| pair[0] == pair[1]) || made.windows(2).any(|pair| pair[0] == pair[1]);
    if !sorted || twice || signatures.is_empty() {
        return Err(changed::<P>("`signatures` are missing, repeated or not sorted by `keyid`").expected(CANONICAL));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use records::v1::statement::Certificate;

    use super::*;
    use crate::certificate::tests::failed_at_intake;

    fn open(bytes: &[u8], trust: &Trust) -> Verdict<OpenedStatement<Certificate>> {
        super::open(bytes, trust)
    }

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
        assert!(matches!(seal(&failed_at_intake(), None, &golden), Err(SealError::Role { .. })));
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

    /// What some release wrote, properly signed by a key.
    fn signed(payload: &Value, key: &SecretKey) -> Vec<u8> {
        let payload = canonical::to_bytes(payload).unwrap();
        let sig = BASE64.encode(key.sign(&pre_authentication(PAYLOAD_TYPE, &payload)));
        let signatures = vec![Signature { keyid: key.public().id(), sig }];
        let envelope = Envelope { payload: BASE64.encode(&payload), payload_type: PAYLOAD_TYPE.to_owned(), signatures };
        canonical::to_file(&envelope).unwrap()
    }

    fn why(payload: &Value, key: &SecretKey) -> String {
        match open(&signed(payload, key), &trust(&[key])) {
            Verdict::Inconclusive(reason) => reason.why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_a_newer_release_signed_is_never_a_forgery() {
        let demo = key("demo", Role::Certify, 1);
        let known = serde_json::to_value(failed_at_intake()).unwrap();
        let with = |pointer: &str, key: &str, value: Value| {
            let mut payload = known.clone();
            payload.pointer_mut(pointer).unwrap().as_object_mut().unwrap().insert(key.to_owned(), value);
            payload
        };
        assert!(matches!(open(&signed(&known, &demo), &trust(&[&demo])), Verdict::Pass(_)));
        let mut newer = vec![
            with("", "predicateType", "https://maxclip.dev/certificate/v2".into()),
            with("", "predicateType", "https://maxclip.dev/waiver/v1".into()),
            with("", "predicateType", "https://slsa.dev/provenance/v1".into()),
            with("", "_type", "https://in-toto.io/Statement/v2".into()),
            with("", "remark", "x".into()),
        ];
        // A key anywhere below, and a word where this release knows others.
        for pointer in ["/predicate", "/predicate/against", "/predicate/submission", "/predicate/stages/0"] {
            newer.push(with(pointer, "remark", "x".into()));
        }
        newer.push(with("/predicate/stages/0/value/fail/0", "rule", "a-rule-of-tomorrow".into()));
        for payload in &newer {
            let why = why(payload, &demo);
            assert!(why.starts_with("written by a newer release: "), "{why}");
        }
        let old = with("", "predicateType", "https://maxclip.dev/certificate/v0".into());
        assert!(why(&old, &demo).starts_with("written by an older release: "), "{}", why(&old, &demo));
    }

    #[test]
    fn what_is_not_canonical_stays_refused_whoever_signed_it() {
        let demo = key("demo", Role::Certify, 1);
        let text = String::from_utf8(canonical::to_bytes(&failed_at_intake()).unwrap()).unwrap();
        let twice = text.replacen('{', "{\"_type\":\"x\",", 1);
        let spaced = text.replacen('{', "{ ", 1);
        let float = text.replacen('{', "{\"Zed\":0.5,", 1);
        for payload in [&twice, &spaced, &float, &text[..text.len() - 1]] {
            let sig = BASE64.encode(demo.sign(&pre_authentication(PAYLOAD_TYPE, payload.as_bytes())));
            let envelope = Envelope {
                payload: BASE64.encode(payload),
                payload_type: PAYLOAD_TYPE.to_owned(),
                signatures: vec![Signature { keyid: demo.public().id(), sig }],
            };
            let verdict = open(&canonical::to_file(&envelope).unwrap(), &trust(&[&demo]));
            assert!(matches!(verdict, Verdict::Fail(_)), "{verdict:?}");
        }
    }

    #[test]
    fn a_statement_without_an_envelope_is_called_that() {
        let demo = key("demo", Role::Certify, 1);
        let bytes = canonical::to_file(&failed_at_intake()).unwrap();
        let Verdict::Inconclusive(reason) = open(&bytes, &trust(&[&demo])) else { panic!() };
        assert!(reason.why.starts_with("an unsigned statement"), "{}", reason.why);
        assert!(!is_unsigned(&sealed(&[&demo])));
    }

    #[test]
    fn a_stranger_s_newer_statement_is_of_an_unknown_key_first() {
        let (demo, other) = (key("demo", Role::Certify, 1), key("other", Role::Certify, 2));
        let payload = serde_json::json!({"predicateType": "https://maxclip.dev/certificate/v2"});
        let Verdict::Inconclusive(reason) = open(&signed(&payload, &other), &trust(&[&demo])) else { panic!() };
        assert!(reason.why.starts_with("no trusted key signed"), "{}", reason.why);
    }
}
