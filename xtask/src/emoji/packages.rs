//! The vendors' pictures, by package name from npm, once a user.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result, bail};

use crate::{setup, shell};

/// Packages and versions: two vendors to train on, one that training never sees.
const PACKAGES: [(&str, &str); 3] = [
    ("emoji-datasource-google", "16.0.0"),
    ("emoji-datasource-twitter", "16.0.0"),
    ("@lobehub/fluent-emoji-3d", "1.1.0"),
];

/// The folder in the user's cache folder; its name holds what would make another one.
const FOLDER: &str = "emoji-16.0.0-fluent-1.1.0";

/// Where the packages lie.
pub struct Packages {
    modules: PathBuf,
}

impl Packages {
    /// Fetches what is not there yet. No script of a package is run.
    pub fn provide() -> Result<Self> {
        let folder = setup::cache_folder()?.join(FOLDER);
        let packages = Self { modules: folder.join("node_modules") };
        if PACKAGES.iter().all(|(name, version)| packages.has(name, version)) {
            return Ok(packages);
        }
        if !shell::answers("npm", &["--version"]) {
            bail!("`npm` is not here, and the emoji are fetched with it\nhint: apt-get install npm");
        }
        eprintln!("fetching the emoji of three vendors from npm: 180 MB on disk, once (about half a minute)");
        let part = folder.with_extension("part");
        shell::remove(&part)?;
        fs::create_dir_all(&part).with_context(|| format!("cannot create {}", part.display()))?;
        let mut npm = Command::new("npm");
        npm.arg("install").arg("--prefix").arg(&part);
        npm.args(["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
        npm.args(PACKAGES.map(|(name, version)| format!("{name}@{version}")));
        shell::run(&mut npm).context("npm could not fetch the emoji; run the same command again to go on")?;
        shell::remove(&folder)?;
        fs::rename(&part, &folder).with_context(|| format!("cannot rename {}", part.display()))?;
        match PACKAGES.iter().find(|(name, version)| !packages.has(name, version)) {
            Some((name, version)) => bail!("npm said that it succeeded, but `{name}` {version} is not there"),
            None => Ok(packages),
        }
    }

    fn has(&self, name: &str, version: &str) -> bool {
        let text = fs::read_to_string(self.modules.join(name).join("package.json")).unwrap_or_default();
        serde_json::from_str::<serde_json::Value>(&text).is_ok_and(|package| package["version"] == version)
    }

    /// The catalogue.
    pub fn catalogue(&self) -> Result<Vec<u8>> {
        self.read("emoji-datasource-google/emoji.json")
    }

    /// A training vendor's sheet of 64 px cells, without other vendors' pictures in gaps.
    pub fn sheet(&self, vendor: &str) -> Result<Vec<u8>> {
        self.read(&format!("emoji-datasource-{vendor}/img/{vendor}/sheets-clean/64.png"))
    }

    /// The unseen vendor's files, without their ending `.webp`.
    pub fn unseen(&self) -> Result<Vec<String>> {
        let folder = self.modules.join("@lobehub/fluent-emoji-3d/assets");
        let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.with_context(|| format!("cannot read {}", folder.display()))?.file_name();
            names.extend(name.to_str().and_then(|name| name.strip_suffix(".webp")).map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }

    /// One of them.
    pub fn unseen_file(&self, name: &str) -> Result<Vec<u8>> {
        self.read(&format!("@lobehub/fluent-emoji-3d/assets/{name}.webp"))
    }

    fn read(&self, path: &str) -> Result<Vec<u8>> {
        let path = self.modules.join(path);
        fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
    }
}
