//! A world for scenes with the program: keys, a golden, entries.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::{fs, path::PathBuf};

use records::{canonical, v1::statement::Statement};
use snapbox::cmd::Command;

use crate::{
    folder::{self, Wish, certificate, key, passed},
    release::{self, entry},
};

/// A folder of its own, an empty environment, and the program.
pub struct Bench(tempfile::TempDir);

impl Bench {
    pub fn new() -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        fs::write(bench.path("demo.pub"), format!("{}\n", key("demo", 1).public())).unwrap();
        fs::write(bench.path("demo.key"), key("demo", 1).pem().unwrap()).unwrap();
        fs::write(bench.path("other.pub"), format!("{}\n", key("demo", 2).public())).unwrap();
        release::record(&bench.path("golden"));
        bench
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs the program; gives its exit code and stdout, then stderr.
    pub fn maxclip(&self, args: &[&str]) -> (i32, String) {
        let program = env!("CARGO_BIN_EXE_maxclip");
        let output = Command::new(program).env_clear().current_dir(self.0.path()).args(args).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(text).unwrap())
    }

    /// Gives a shell a command that begins with `maxclip`.
    pub fn shell(&self, command: &str) -> (i32, String) {
        let command = command.replacen("maxclip", env!("CARGO_BIN_EXE_maxclip"), 1);
        let output = Command::new("/bin/sh").env_clear().current_dir(self.0.path()).args(["-c", &command]).output();
        let output = output.unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(text).unwrap())
    }

    pub fn write(&self, folder: &str, statement: &Statement, files: &folder::Folder) {
        for (name, bytes) in &files.0 {
            let path = self.path(folder).join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        fs::write(self.path(folder).join("statement.json"), canonical::to_file(statement).unwrap()).unwrap();
    }

    pub fn signed(&self, folder: &str, wish: &Wish) {
        let (statement, files) = passed(wish);
        self.write(folder, &statement, &files);
        fs::write(self.path(folder).join("certificate.json"), certificate(&statement, &key("demo", 1))).unwrap();
    }
}

pub fn fastclip() -> Wish {
    entry("FastCLIP-v3", [185, 210, 222])
}
