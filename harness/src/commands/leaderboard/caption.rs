//! What stands above a board: its maker's title, and what the round's organizer signed before it.

use std::path::PathBuf;

use anyhow::Result;
use records::{Sha256, Verdict, file, v1::round::Announcement, verdict::moves};
use serde_json::{Value, json};
use verifier::{envelope::CERTIFICATE_MAX, keys::Trust};

use crate::{
    cut::{LINE, cut},
    round,
};

/// What stands above a board.
#[derive(Debug, Default)]
pub struct Caption {
    /// The maker's words, plain.
    pub title: Option<String>,
    /// What the organizer signed.
    pub committed: Option<Committed>,
}

/// A round's statement before it started.
#[derive(Debug)]
pub struct Committed {
    /// What it says; its texts are hostile.
    pub announced: Announcement,
    /// Where it was read from.
    pub path: PathBuf,
    /// SHA-256 of that file.
    pub file: Sha256,
}

impl Caption {
    /// Reads the round's statement, which a trusted key must have signed.
    pub fn read(title: Option<String>, commitment: Option<PathBuf>, trust: &Trust) -> Result<Verdict<Self>> {
        let Some(path) = commitment else { return Ok(Verdict::Pass(Self { title, committed: None })) };
        let file = Sha256::of(&file::read_named(&path, CERTIFICATE_MAX)?);
        let announced = round::announced(Some(&path), Some(trust))?;
        Ok(announced.map(|announced| {
            let committed = announced.map(|announced| Committed { announced, path, file });
            Self { title, committed }
        }))
    }

    /// What the organizer announced.
    pub fn announced(&self) -> Option<&Announcement> {
        self.committed.as_ref().map(|committed| &committed.announced)
    }

    /// The days of the round and where its beacon comes from, in the organizer's words; nothing where none are given.
    pub fn notes(&self) -> Option<[String; 2]> {
        let announced = self.announced()?;
        let days = announced.days.map(|days| format!("{} to {}, both included, at UTC", days.opens, days.closes));
        let beacon = announced.beacon_source.as_ref().map(|source| cut(source, LINE));
        Some([days, beacon].map(|said| said.unwrap_or_else(|| "the organizer's commitment says nothing".to_owned())))
    }

    /// As a board's JSON has it.
    pub fn json(&self) -> Value {
        let announced = self.announced().map(|announced| {
            json!({
                "commitment": announced.commitment, "days": announced.days, "beacon_source": announced.beacon_source,
            })
        });
        json!({"title": self.title, "announced": announced})
    }
}

/// A title, as the command line gives it: text that stays on its line.
pub fn title(text: &str) -> Result<String, String> {
    let text = crate::commands::said(text)?;
    if text.chars().any(moves) { Err("it holds a control character".to_owned()) } else { Ok(text) }
}
