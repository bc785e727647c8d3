//! A kind of statement that this release does not know, properly signed, in every command that opens an envelope.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod bench;
#[path = "../../verifier/tests/folder/mod.rs"]
mod folder;
mod release;

use std::fs;

use bench::{Bench, fastclip};
use folder::{key, passed, signed};
use records::canonical;
use serde_json::json;
use verifier::keys::{Role, SecretKey};

/// What a later release may sign: a reproduction.
fn reproduction() -> serde_json::Value {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "predicate": {"depth": "whole"},
        "predicateType": "https://maxclip.dev/reproduction/v1",
        "subject": [{"digest": {"sha256": "0".repeat(64)}, "name": "certificate"}],
    })
}

#[test]
fn an_unknown_kind_is_inconclusive_in_every_command_that_opens_an_envelope() {
    let bench = Bench::new();
    bench.signed("entry", &fastclip());
    bench.write("unsigned", &passed(&fastclip()).0, &passed(&fastclip()).1);
    for (name, folder) in
        [("certificate.json", "later"), ("certificate.json", "entry-later"), ("signed.json", "golden-later")]
    {
        fs::create_dir_all(bench.path(folder)).unwrap();
        fs::write(bench.path(folder).join(name), signed(&reproduction(), &key("demo", 1))).unwrap();
    }
    let gold = SecretKey::new("gold", Role::Golden, &[5; 32]).unwrap();
    fs::write(bench.path("gold.key"), gold.pem().unwrap()).unwrap();
    fs::write(bench.path("gold.pub"), format!("{}\n", gold.public())).unwrap();
    fs::write(bench.path("golden-later/signed.json"), signed(&reproduction(), &gold)).unwrap();
    // A statement that nobody signed yet, and signatures to add to.
    fs::create_dir_all(bench.path("stated-later")).unwrap();
    fs::write(bench.path("stated-later/statement.json"), canonical::to_file(&reproduction()).unwrap()).unwrap();
    fs::copy(bench.path("golden-later/signed.json"), bench.path("golden/signed.json")).unwrap();
    fs::copy(bench.path("later/certificate.json"), bench.path("unsigned/certificate.json")).unwrap();
    for command in [
        "verify later/certificate.json --trust demo.pub",
        "verify entry/certificate.json --trust demo.pub --round later/certificate.json",
        "verify entry/certificate.json --trust demo.pub --commitment later/certificate.json",
        "show later/certificate.json",
        "show later/certificate.json --trust demo.pub",
        "show stated-later/statement.json",
        "leaderboard later --trust demo.pub",
        "leaderboard entry later --trust demo.pub",
        "leaderboard entry --trust demo.pub --commitment later/certificate.json",
        "round check later/certificate.json --reveal later/certificate.json",
        "round check entry/certificate.json --reveal later/certificate.json --trust demo.pub",
        "golden sign stated-later --key gold.key",
        "golden sign golden --key gold.key",
        "sign stated-later --golden golden-later --trust gold.pub --key demo.key",
        "sign unsigned --golden golden-later --trust gold.pub --key demo.key",
        "sign unsigned --golden golden/statement.json --key demo.key",
        "prune later",
    ] {
        let (code, text) = bench.maxclip(&command.split(' ').collect::<Vec<_>>());
        assert_eq!(code, 3, "{command}: {text}");
        assert!(text.contains("written by a newer release"), "{command}: {text}");
        assert!(text.contains("nothing of the kind `reproduction`"), "{command}: {text}");
    }
}
