//! Landlock domains: what a start may read, and none at all.

use std::{os::fd::OwnedFd, path::PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _, RulesetCreated,
    RulesetCreatedAttr as _, RulesetError, Scope, path_beneath_rules,
};

use crate::fork::landlock_version;

/// The newest version whose rights are handled; older kernels hold what they know.
const NEWEST: ABI = ABI::V6;

/// A domain in which these can be read, and those written as well; none where the kernel has no Landlock.
///
/// What is not there is left out.
pub fn domain(readable: &[PathBuf], writable: &[PathBuf]) -> Result<Option<OwnedFd>, RulesetError> {
    if landlock_version() == 0 {
        return Ok(None);
    }
    let readable = path_beneath_rules(readable, AccessFs::from_read(NEWEST));
    let writable = path_beneath_rules(writable, AccessFs::from_all(NEWEST));
    Ok(nothing()?.add_rules(readable)?.add_rules(writable)?.into())
}

/// Enters a domain without any right, as far as this kernel's version goes.
pub fn no_rights() -> Result<(), RulesetError> {
    nothing()?.restrict_self()?;
    Ok(())
}

fn nothing() -> Result<RulesetCreated, RulesetError> {
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()
}
