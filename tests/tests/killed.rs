//! A certification that is killed, at whatever moment, and started again ends with the same bytes.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use flows::{maxclip, programs, root};

fn certify(home: &Path) -> Vec<String> {
    let zip = home.join("entry.zip").to_string_lossy().into_owned();
    let home = home.to_string_lossy().into_owned();
    ["certify", &zip, "--protocol", "mini", "--home", &home].map(str::to_owned).to_vec()
}

fn prepare(home: &Path) {
    let entry = root().join("frozen/algorithms/openclip");
    let zip = home.join("entry.zip");
    let packed = maxclip(home, &["pack", &entry.to_string_lossy(), "-o", &zip.to_string_lossy()]);
    assert_eq!(packed.code, Some(0), "{}", packed.err);
    let golden = ["golden", "record", "--reason", "test", "--home", &home.to_string_lossy()].map(str::to_owned);
    let golden = maxclip(home, &golden.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(golden.code, Some(0), "{}", golden.err);
}

fn finish(home: &Path) -> Vec<u8> {
    let arguments = certify(home);
    let ended = maxclip(home, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
    let folders = fs::read_dir(home.join("entries")).unwrap().map(|entry| entry.unwrap().path());
    let statements: Vec<PathBuf> =
        folders.map(|path| path.join("statement.json")).filter(|path| path.is_file()).collect();
    assert_eq!(statements.len(), 1);
    fs::read(&statements[0]).unwrap()
}

#[test]
fn three_kills_change_nothing() {
    let undisturbed = tempfile::tempdir().unwrap();
    prepare(undisturbed.path());
    let expected = finish(undisturbed.path());

    let killed = tempfile::tempdir().unwrap();
    prepare(killed.path());
    // Moments that differ from run to run: the process id is as good a die as any here.
    let die = u64::from(std::process::id());
    for round in 0..3u64 {
        let milliseconds = 2_000 + (die * 7_919 + round * 104_729) % 14_000;
        let mut child = Command::new(programs().join("maxclip"))
            .args(certify(killed.path()))
            .env_clear()
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_millis(milliseconds));
        child.kill().unwrap();
        child.wait().unwrap();
        println!("killed after {milliseconds} ms");
    }
    assert_eq!(finish(killed.path()), expected, "statements differ after three kills");
}
