//! A checkpoint's files against its manifest, as findings.
//!
//! The manifest is itself a subject of the certificate, so its leaves are what was signed. A changed tensor is a finding
//! with the element and bit where one flip explains it; a header that says something else than the manifest is one too.

use std::io;

use ::evidence::{
    Source,
    checkpoint::{self, Changed, Flaw, HeaderFlaw, Reading},
};
use records::{
    Finding, Rule,
    v1::checkpoint::{Manifest, TensorFile},
};

/// What a manifest says of itself and does not hold.
#[must_use]
pub fn check_manifest(manifest: &Manifest, place: &str) -> Vec<Finding> {
    let finding =
        |Flaw { expected, found }: Flaw| Finding::new(Rule::CheckpointChanged, place).expected(expected).found(found);
    checkpoint::flaws(manifest).into_iter().map(finding).collect()
}

/// Findings of what a pass over a safetensors file saw; `print` is the fingerprint that a tensor had by its name.
///
/// - Errors: the machine's.
pub fn findings(
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
