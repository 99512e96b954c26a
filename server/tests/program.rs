//! The program itself: what only a process of its own can show.

// A panic here is a failed test.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

fn program(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_selvedge-server"));
    command.args(arguments).current_dir(folder);
    for (name, _) in std::env::vars_os() {
        if ["SELVEDGE_", "WEAVIATE_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command
}

fn ended(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let Output { status, stdout, stderr } = program(folder, arguments).output().unwrap();
    (status.success(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

/// Killed when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns when it says that it listens.
fn started(folder: &Path, arguments: &[&str]) -> Running {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listen = format!("127.0.0.1:{port}");
    let nobody = ["--listen", &listen, "--weaviate-url", "http://127.0.0.1:9", "--log", "info"];
    let mut command = program(folder, &[&nobody[..], arguments].concat());
    let mut child = Running(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(child.0.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("listens")), "it has ended");
    child
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// What is not mounted looks like an empty folder.
#[test]
fn only_the_default_folder_becomes_a_repository_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("elsewhere");
    fs::create_dir(&place).unwrap();
    let named = ["--repository", "elsewhere"];
    for wrong in [&named[..], &["--repository", "nowhere"]] {
        let (success, said) = ended(folder.path(), wrong);
        assert!(!success && said.contains("is it mounted?") && said.contains("next: "), "{said}");
    }
    assert_eq!(fs::read_dir(&place).unwrap().count(), 0, "a refusal has written something");
    let (success, said) = ended(folder.path(), &[&["init"], &named[..]].concat());
    assert!(success && said.contains("elsewhere"), "{said}");
    drop(started(folder.path(), &named));
    drop(started(folder.path(), &["--repository", "nowhere", "--create-repository"]));

    drop(started(folder.path(), &[]));
    drop(started(folder.path(), &[]));
    fs::remove_file(folder.path().join("backups/repository.json")).unwrap();
    fs::create_dir(folder.path().join("backups/backups")).unwrap();
    let (success, said) = ended(folder.path(), &[]);
    assert!(!success && said.contains("is it mounted?"), "{said}");
}

#[test]
fn nobody_else_reads_what_it_writes() {
    let folder = tempfile::tempdir().unwrap();
    drop(started(folder.path(), &[]));
    let backups = folder.path().join("backups");
    assert_eq!((mode(&backups), mode(&backups.join("repository.json"))), (0o700, 0o600));
}
