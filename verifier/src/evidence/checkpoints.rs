//! A checkpoint's files against its manifest.
//!
//! The manifest is itself a subject of the certificate, so its leaves are what was signed. A changed tensor is a finding
//! with the element and bit where one flip explains it; a header that says something else than the manifest is one too.

use std::io;

use ::evidence::{
    Source,
    checkpoint::{self, Changed, Flaw, HeaderFlaw, Reading, read_file},
    steps::row_at,
};
use records::{
    Finding, Rule, canonical,
    v1::{
        checkpoint::{Manifest, TensorFile},
        names::{FINGERPRINTS, MANIFEST},
        statement::Run,
        transcript::row_digest,
    },
};

use super::{
    Examination, ReadError, compare,
    files::{Files, failed},
    transcript::{Kept, Walked},
    unreadable,
};

impl Examination<'_> {
    pub(super) fn check_checkpoint(
        &mut self,
        run: &Run,
        folder: &str,
        (published, steps): (bool, Option<u64>),
        walked: Option<&Walked>,
    ) -> Result<(), ReadError> {
        let name = format!("{folder}/{MANIFEST}");
        let Some(listed) = self.take(&name)? else { return Ok(()) };
        let (manifest, mut findings) = check_manifest(&listed.bytes, run, (published, steps), walked, &name);
        if !listed.intact {
            // One change of a manifest contradicts much at once; the first contradiction is its place.
            findings.truncate(1);
        }
        self.note(&name, &listed, findings);
        let Some(manifest) = manifest.filter(|_| listed.intact) else { return Ok(()) };
        let mut prints = StepPrints::new(self.files, run, manifest.step, walked);
        let mut whole = true;
        for file in &manifest.files {
            whole &= self.check_tensors(&format!("{folder}/{}", file.name), file, &mut prints)?;
        }
        // Where a part of the files was asked for, a manifest alone is no checkpoint that was judged.
        self.counts.checkpoints += u64::from(whole);
        Ok(())
    }

    /// A file of tensors in one pass; a changed one is looked into again, for the place of the change. Whether it was
    /// judged: not where nobody asked for it.
    fn check_tensors(&mut self, name: &str, file: &TensorFile, prints: &mut StepPrints<'_>) -> Result<bool, ReadError> {
        let Some(mut open) = self.open(name)? else { return Ok(false) };
        let size = open.signed.bytes;
        if file.length != size {
            let finding = Finding::new(Rule::CheckpointChanged, name).expected(format!("{} bytes", file.length));
            self.findings.push(finding.found(format!("{size} bytes")));
            return Ok(true);
        }
        let Some(looked) = self.readable(name, read_file(&mut open.content, file, |_, _| ()))? else { return Ok(true) };
        let findings = tensor_findings(&mut open.content, &looked, file, name, |tensor| prints.of(tensor))
            .map_err(|error| failed(name, &error))?;
        self.note(name, &open.signed.hashed(looked.sha256, Vec::new()), findings);
        Ok(true)
    }
}

/// The fingerprints of a step, read when something asks for one.
struct StepPrints<'a> {
    files: &'a dyn Files,
    rows: String,
    /// Its place among the rows, and the columns' names.
    row: Option<(u64, Kept, &'a [String])>,
    read: Option<Vec<u64>>,
}

impl<'a> StepPrints<'a> {
    /// Those after so many steps of a run.
    fn new(files: &'a dyn Files, run: &Run, steps: u64, walked: Option<&'a Walked>) -> Self {
        let row = walked.and_then(|walked| {
            Some((steps.checked_sub(1)?, *walked.kept.get(&steps)?, walked.header.columns.as_slice()))
        });
        Self { files, rows: format!("{}/{FINGERPRINTS}", run.name()), row, read: None }
    }

    /// The fingerprint that a tensor of a checkpoint had; `None` where no column is of it, or where the row is not the
    /// one that its line names.
    fn of(&mut self, tensor: &str) -> io::Result<Option<u64>> {
        let Some((step, kept, columns)) = self.row else { return Ok(None) };
        let learnable = if tensor == "logit_scale" { "log_scale" } else { tensor };
        let names = [tensor.to_owned(), format!("parameters/{tensor}"), format!("learnables/{learnable}")];
        let Some(at) = names.iter().find_map(|name| columns.iter().position(|column| column == name)) else {
            return Ok(None);
        };
        if self.read.is_none() {
            // The file was open a moment ago; where it cannot be opened again, its digest has been judged already.
            let Ok(mut opened) = self.files.open(&self.rows) else { return Ok(None) };
            let row = row_at(&mut opened.content, columns.len(), step)?;
            self.read = Some(row.filter(|row| Some(row_digest(row)) == kept.row).unwrap_or_default());
        }
        Ok(self.read.as_ref().and_then(|row| row.get(at).copied()))
    }
}

/// A manifest against itself, its folder's name, the certificate and the transcript.
fn check_manifest(
    bytes: &[u8],
    run: &Run,
    (published, steps): (bool, Option<u64>),
    walked: Option<&Walked>,
    name: &str,
) -> (Option<Manifest>, Vec<Finding>) {
    let manifest: Manifest = match canonical::from_file(bytes) {
        Ok(manifest) => manifest,
        Err(error) => return (None, vec![unreadable(Rule::CheckpointChanged, name, &error)]),
    };
    let changed =
        |Flaw { expected, found }: Flaw| Finding::new(Rule::CheckpointChanged, name).expected(expected).found(found);
    let mut findings: Vec<_> = checkpoint::flaws(&manifest).into_iter().map(changed).collect();
    if published {
        compare(&mut findings, Rule::CheckpointChanged, format!("{name} root"), &run.checkpoint, &manifest.root);
    }
    let said = steps.map_or_else(|| "a folder named by its steps".to_owned(), |steps| steps.to_string());
    compare(&mut findings, Rule::CheckpointChanged, format!("{name} step"), &said, &manifest.step.to_string());
    if let Some(walked) = walked {
        let said = walked.kept.get(&manifest.step);
        let said = said.map_or_else(|| "no such step".to_owned(), |kept| kept.chain.to_string());
        compare(&mut findings, Rule::CheckpointChanged, format!("{name} chain"), &said, &manifest.chain.to_string());
    }
    (Some(manifest), findings)
}

/// Findings of what a pass over a safetensors file saw; `print` is the fingerprint that a tensor had by its name.
///
/// - Errors: the machine's.
fn tensor_findings(
    source: &mut impl Source,
    looked: &Reading,
    file: &TensorFile,
    place: &str,
    mut print: impl FnMut(&str) -> io::Result<Option<u64>>,
) -> io::Result<Vec<Finding>> {
    let changed = |place: String| Finding::new(Rule::CheckpointChanged, place);
    let mut findings = Vec::new();
    if let Some(flaw) = &looked.header {
        let finding = changed(format!("{place} header")).found(flaw);
        findings.push(match flaw {
            HeaderFlaw::Tensor { name } => finding.expected(name),
            HeaderFlaw::Damaged(_) => finding,
        });
    }
    for tensor_found in &looked.changed {
        let Changed { tensor, leaf, .. } = tensor_found;
        let Some(tensor) = file.tensors.get(*tensor) else { continue };
        let flip = checkpoint::locate(source, tensor, tensor_found, print(&tensor.name)?)?;
        let at = flip.map_or(String::new(), |(element, bit)| format!(", element {element}, bit {bit}"));
        findings.push(changed(format!("{place} {}{at}", tensor.name)).expected(tensor.leaf).found(leaf));
    }
    if findings.is_empty() && looked.sha256 != file.sha256 {
        findings.push(changed(format!("{place} header")).expected(file.sha256).found(looked.sha256));
    }
    Ok(findings)
}
