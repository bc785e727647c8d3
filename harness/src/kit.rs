//! The kit: programs and compiled libraries that a submission is built and judged with.
//!
//! `cargo xtask kit` writes `kit.json` beside `maxclip`. Checking a ZIP needs none of it. Whatever needs it gets a kit
//! whose every file is the one that was written down, and whose programs say themselves that they are of the frozen tree
//! that this `maxclip` carries: a trainer of another tree would give other numbers under the name of this one.

use std::path::{Path, PathBuf};

use records::{
    FrozenDigest, Sha256, file,
    v1::{
        kit::{self, KIT_FORMAT, KitPart},
        names,
    },
    verdict::Reason,
};

use crate::frozen;

const KIT_AGAIN: &str = "build `maxclip` and its programs from one checkout: cargo xtask kit";

/// Where everything is.
#[derive(Debug, Clone)]
pub struct Kit {
    /// The compiler itself, not rustup's proxy.
    pub rustc: PathBuf,
    /// `libcontract-*.rlib`.
    pub contract: PathBuf,
    /// `libserde-*.rlib`, the one that the contract was built with.
    pub serde: PathBuf,
    /// `libanswer-*.rlib`: the frozen half of an entry's object.
    pub answer: PathBuf,
    /// The program `worker`: the server of Rust entries.
    pub worker: PathBuf,
    /// `libprobe.so`: what shows what holds a cell.
    pub probe: PathBuf,
    /// The folder of everything that those depend on.
    pub dependencies: PathBuf,
    /// The program `trainer`.
    pub trainer: PathBuf,
    /// The program `evaluator`.
    pub evaluator: PathBuf,
    /// libtorch's shared libraries.
    pub libraries: PathBuf,
    /// `frozen/answer/src/entry.rs`.
    pub main: PathBuf,
    /// The checkout that all of it was built from.
    pub checkout: PathBuf,
    /// What a build depends on besides the admitted tree, for telling whether one that is there still holds.
    pub identity: String,
}

impl Kit {
    /// Finds the kit beside this program, or where `--kit` says.
    pub fn find(explicit: Option<&Path>) -> Result<Self, Reason> {
        let path = match explicit {
            Some(path) => path.to_owned(),
            None => std::env::current_exe().unwrap_or_default().with_file_name(names::KIT),
        };
        let lacks = |why: String| Reason { why, hint: "build the programs first: cargo xtask kit".to_owned() };
        let bytes = file::read(&path).map_err(|error| lacks(error.to_string()))?;
        let written: kit::KitFile =
            serde_json::from_slice(&bytes).map_err(|error| lacks(format!("{}: {error}", path.display())))?;
        if written.format != KIT_FORMAT {
            let why =
                format!("{} has the form `{}`, this maxclip reads `{KIT_FORMAT}`", path.display(), written.format);
            return Err(Reason { why, hint: KIT_AGAIN.to_owned() });
        }
        // Whole, so that no path below it is spelled in two ways: the compiler's view of the machine is made of them.
        let whole = path.canonicalize().map_err(|error| lacks(format!("{}: {error}", path.display())))?;
        let folder = whole.parent().map(Path::to_owned).unwrap_or_default();
        Found { path: &path, folder, own: frozen::digest() }.open(&written)
    }
}

/// A `kit.json` that was read.
struct Found<'a> {
    path: &'a Path,
    folder: PathBuf,
    /// The frozen tree of this `maxclip`.
    own: FrozenDigest,
}

impl Found<'_> {
    fn open(&self, kit: &kit::KitFile) -> Result<Kit, Reason> {
        // A program's own word first: what was written down about it is a claim.
        for (name, part) in kit.programs.parts() {
            self.program(name, part)?;
        }
        if kit.frozen != self.own {
            return Err(self.foreign(&self.path.display().to_string(), &kit.frozen.to_string()));
        }
        for (_, part) in kit.build.parts() {
            self.unchanged(part, &self.read(part)?)?;
        }
        let at = |path: &str| {
            let path = self.folder.join(path);
            path.canonicalize().unwrap_or(path)
        };
        let libraries = at(&kit.libtorch);
        if !libraries.join("libtorch_cpu.so").is_file() {
            return Err(Reason {
                why: format!("libtorch is not here: {} holds no libtorch_cpu.so", libraries.display()),
                hint: "provide it with: cargo xtask setup".to_owned(),
            });
        }
        Ok(Kit {
            rustc: at(&kit.build.rustc.path),
            contract: at(&kit.build.contract.path),
            serde: at(&kit.build.serde.path),
            answer: at(&kit.build.answer.path),
            worker: at(&kit.programs.worker.path),
            probe: at(&kit.programs.probe.path),
            dependencies: at(&kit.build.dependencies),
            trainer: at(&kit.programs.trainer.path),
            evaluator: at(&kit.programs.evaluator.path),
            libraries,
            main: at(&kit.build.main.path),
            checkout: at(&kit.checkout),
            identity: kit.build.parts().map(|(_, part)| part.sha256.bare()).join(" "),
        })
    }

    /// A program must be of this frozen tree, and the one that was written down.
    fn program(&self, name: &str, part: &KitPart) -> Result<(), Reason> {
        let bytes = self.read(part)?;
        let what = format!("the program `{name}` ({})", self.folder.join(&part.path).display());
        match stamp::of(&bytes) {
            Ok(digest) if digest == self.own => self.unchanged(part, &bytes),
            Ok(digest) => Err(self.foreign(&what, &digest.to_string())),
            Err(error) => Err(Reason { why: format!("{what}: {error}"), hint: KIT_AGAIN.to_owned() }),
        }
    }

    fn read(&self, part: &KitPart) -> Result<Vec<u8>, Reason> {
        let missing = |error: file::FileError| Reason {
            why: format!("{} names a file that cannot be read: {error}", self.path.display()),
            hint: KIT_AGAIN.to_owned(),
        };
        file::read(&self.folder.join(&part.path)).map_err(missing)
    }

    fn unchanged(&self, part: &KitPart, bytes: &[u8]) -> Result<(), Reason> {
        let found = Sha256::of(bytes);
        if found == part.sha256 {
            return Ok(());
        }
        let (kit, file) = (self.path.display(), self.folder.join(&part.path));
        let why = format!(
            "{} is not the file that {kit} was written for: expected {}, found {found}",
            file.display(),
            part.sha256
        );
        Err(Reason { why, hint: "something was built again since: cargo xtask kit".to_owned() })
    }

    fn foreign(&self, what: &str, digest: &str) -> Reason {
        let why =
            format!("{what} is of another frozen tree: it was built from {digest}, this maxclip from {}", self.own);
        Reason { why, hint: KIT_AGAIN.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use records::v1::kit::{Build, Programs};
    use tempfile::TempDir;

    use super::*;

    /// A folder with a kit of files that say what they should, and nothing else.
    struct Mock {
        folder: TempDir,
        kit: kit::KitFile,
    }

    fn stamped(tree: FrozenDigest) -> Vec<u8> {
        format!("\x7fELF{}{tree}\n", stamp::MARK).into_bytes()
    }

    impl Mock {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join("libtorch_cpu.so"), "").unwrap();
            let own = frozen::digest();
            let part = |name: &str| KitPart { path: name.to_owned(), sha256: Sha256::of(&stamped(own)) };
            let programs = Programs {
                trainer: part("trainer"),
                evaluator: part("evaluator"),
                worker: part("worker"),
                probe: part("libprobe.so"),
            };
            let build = Build {
                rustc: part("rustc"),
                contract: part("libcontract.rlib"),
                serde: part("libserde.rlib"),
                answer: part("libanswer.rlib"),
                main: part("entry.rs"),
                dependencies: "deps".to_owned(),
            };
            let here = ".".to_owned();
            let format = KIT_FORMAT.to_owned();
            let kit = kit::KitFile { format, frozen: own, programs, build, libtorch: here.clone(), checkout: here };
            for path in paths(&kit) {
                fs::write(folder.path().join(path), stamped(own)).unwrap();
            }
            Self { folder, kit }
        }

        /// Puts another program where the kit has one, and writes it down.
        fn replace(&mut self, bytes: &[u8]) {
            self.kit.programs.trainer.sha256 = Sha256::of(bytes);
            fs::write(self.folder.path().join("trainer"), bytes).unwrap();
        }

        fn find(&self) -> Result<Kit, Reason> {
            let path = self.folder.path().join(names::KIT);
            fs::write(&path, records::canonical::to_file(&self.kit).unwrap()).unwrap();
            Kit::find(Some(&path))
        }

        fn refusal(&self) -> String {
            let Reason { why, hint } = self.find().unwrap_err();
            assert!(hint.contains("cargo xtask kit"), "{hint}");
            why
        }
    }

    fn paths(kit: &kit::KitFile) -> Vec<String> {
        kit.programs.parts().into_iter().chain(kit.build.parts()).map(|(_, part)| part.path.clone()).collect()
    }

    #[test]
    fn a_kit_is_found_where_it_lies() {
        let mock = Mock::new();
        let kit = mock.find().unwrap();
        let folder = mock.folder.path().canonicalize().unwrap();
        assert_eq!((kit.trainer, kit.checkout), (folder.join("trainer"), folder));
    }

    #[test]
    fn a_program_of_another_frozen_tree_is_refused_by_name_whatever_was_written_about_it() {
        let mut mock = Mock::new();
        let other = FrozenDigest([9; 32]);
        mock.replace(&stamped(other));
        let why = mock.refusal();
        for part in ["`trainer`", &other.to_string(), &frozen::digest().to_string()] {
            assert!(why.contains(part), "{part}: {why}");
        }
        mock.replace(b"\x7fELF");
        assert!(mock.refusal().contains("says no frozen tree"));
    }

    #[test]
    fn a_kit_of_another_tree_or_form_is_refused() {
        let mut mock = Mock::new();
        mock.kit.frozen = FrozenDigest([9; 32]);
        assert!(mock.refusal().contains("another frozen tree"));
        mock.kit.format = "maxclip.kit.v2".to_owned();
        assert!(mock.refusal().contains("maxclip.kit.v2"));
    }

    #[test]
    fn every_file_must_be_there_and_the_one_that_was_written_down() {
        let mock = Mock::new();
        for path in paths(&mock.kit) {
            let file = mock.folder.path().join(&path);
            let whole = fs::read(&file).unwrap();
            fs::write(&file, [&whole[..], b"more"].concat()).unwrap();
            assert!(mock.refusal().contains(&path), "{path} changed");
            fs::remove_file(&file).unwrap();
            assert!(mock.refusal().contains(&path), "{path} missing");
            fs::write(&file, whole).unwrap();
        }
        assert!(mock.find().is_ok());
        fs::remove_file(mock.folder.path().join("libtorch_cpu.so")).unwrap();
        assert!(mock.find().unwrap_err().why.contains("libtorch_cpu.so"));
    }
}
