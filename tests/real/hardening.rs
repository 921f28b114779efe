//! The systemd unit: how much it leaves open, and whether the daemon runs within it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::parts::installed;

/// systemd calls less than this OK; the aim for this unit is below 2.
const MOST_EXPOSURE: f64 = 2.0;

fn unit() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/systemd/headroom.service")
}

fn output(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{command:?}\n{text}");
    text
}

/// The exposure of a unit, as `systemd-analyze security` computes it.
fn exposure(unit: &Path) -> f64 {
    let mut command = Command::new(installed::systemd_analyze());
    let command = command
        .args(["security", "--no-pager", "--offline=true"])
        .arg(unit);
    let text = output(command);
    let line = text
        .lines()
        .find(|line| line.contains("Overall exposure level"))
        .expect("a result");
    let figure = line
        .split(':')
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next());
    figure
        .and_then(|figure| figure.parse().ok())
        .expect("a figure")
}

#[test]
fn the_exposure_of_the_unit_is_below_2() {
    let found = exposure(&unit());
    println!("exposure {found}");
    assert!(found < MOST_EXPOSURE, "{found}");
    // The figure depends on the unit.
    let folder = tempfile::tempdir().expect("a folder");
    let open = folder.path().join("open.service");
    std::fs::write(&open, "[Service]\nExecStart=/usr/bin/true\n").expect("writes");
    assert!(exposure(&open) > 9.0);
}

/// The system calls of a set such as `@system-service`, as systemd defines it.
fn calls_of(set: &str) -> BTreeSet<String> {
    if !set.starts_with('@') {
        return BTreeSet::from([set.to_owned()]);
    }
    let mut command = Command::new(installed::systemd_analyze());
    let text = output(command.args(["syscall-filter", "--no-pager", set]));
    let lines = text.lines().skip(1).map(str::trim);
    let names = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    names.flat_map(calls_of).collect()
}

/// The system calls that the unit allows.
fn allowed() -> BTreeSet<String> {
    let text = std::fs::read_to_string(unit()).expect("reads");
    let mut allowed = BTreeSet::new();
    for line in text
        .lines()
        .filter_map(|line| line.strip_prefix("SystemCallFilter="))
    {
        let (is_denied, sets) = match line.strip_prefix('~') {
            Some(sets) => (true, sets),
            None => (false, line),
        };
        for call in sets.split_whitespace().flat_map(calls_of) {
            if is_denied {
                allowed.remove(&call);
            } else {
                allowed.insert(call);
            }
        }
    }
    // systemd allows what it needs to start a program.
    allowed.extend(calls_of("@default"));
    allowed.insert("execve".to_owned());
    allowed
}

/// Under a filter like that of systemd: SystemCallFilter, MemoryDenyWriteExecute,
/// RestrictAddressFamilies and NoNewPrivileges. The rehearsal is a whole daemon, with its HTTP server and
/// its journal.
#[test]
fn a_daemon_runs_within_the_system_calls_that_the_unit_allows() {
    let folder = tempfile::tempdir().expect("a folder");
    let calls: Vec<String> = allowed().into_iter().collect();
    assert!(calls.len() > 150, "{calls:?}");
    let within = |program: &str| {
        let mut command = Command::new(installed::python_with_seccomp());
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/within_filter.py"));
        command
            .arg(calls.join(","))
            .arg(program)
            .current_dir(folder.path());
        command
    };
    let simulation = Path::new(env!("CARGO_MANIFEST_DIR")).join("simulations/short-containers");
    let mut rehearsal = within(env!("CARGO_BIN_EXE_headroom"));
    rehearsal.arg("rehearse").arg(&simulation);
    rehearsal.args([
        "--speed",
        "600",
        "--for",
        "1h",
        "--keep",
        "kept",
        "--listen",
        "127.0.0.1:0",
    ]);
    let said = output(&mut rehearsal);
    assert!(said.contains("Next:"), "{said}");
    // For Kerberos, the daemon starts curl.
    output(within("/bin/sh").args(["-c", "curl --version"]));
    // The filter is there.
    let refused = within("/bin/sh")
        .args(["-c", "mount -t tmpfs none /mnt"])
        .output();
    assert!(!refused.expect("starts").status.success());
    let written = "import mmap; mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)";
    let refused = within("/usr/bin/python3").args(["-c", written]).output();
    assert!(
        !refused.expect("starts").status.success(),
        "memory is never writable and executable"
    );
}
