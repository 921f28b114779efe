//! Who may read and write what the daemon writes.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::{Program, free_address};
use crate::services::Services;

fn program() -> (tokio::runtime::Runtime, Program) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let services = runtime.block_on(Services::start());
    let program = Program::new(&services, "");
    (runtime, program)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("exists").permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("changes");
}

/// Runs a command of the program with this umask, in which everything is allowed to all.
fn without_umask(program: &Program, arguments: &[&str]) {
    let inner = program.command(arguments);
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "umask 000; exec \"$0\" \"$@\""]);
    command.arg(inner.get_program()).args(inner.get_args());
    command.envs(program.environment.iter().cloned());
    let output = command
        .current_dir(program.folder())
        .output()
        .expect("starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn everything_that_is_written_is_the_owners_alone_whatever_the_umask() {
    let (_runtime, program) = program();
    let state = program.folder().join("state");
    let once = ["run", "--config", "headroom.toml", "--once"];
    without_umask(&program, &once);
    without_umask(&program, &["pause", "--for", "1h", "--state-dir", "state"]);
    // Another policy begins another segment, and the first one is compressed.
    let policy = program.folder().join("policy.yaml");
    let text = fs::read_to_string(&policy).expect("reads");
    fs::write(&policy, text.replace("grow: 5", "grow: 6")).expect("writes");
    without_umask(&program, &once);
    for folder in [&state, &state.join("journal")] {
        assert_eq!(mode(folder), 0o700, "{}", folder.display());
    }
    let files = program.files();
    assert!(files.len() >= 4, "lock, pause and two segments: {files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn a_folder_that_others_could_write_to_is_closed_to_them_with_a_warning() {
    let (_runtime, program) = program();
    let state = program.folder().join("state");
    fs::create_dir(&state).expect("creates");
    set_mode(&state, 0o777);
    let said = program.once();
    assert!(
        said.contains("other users could write to the state folder"),
        "{said}"
    );
    assert_eq!(mode(&state), 0o755);
    assert!(!program.once().contains("other users could write"));
}

#[test]
fn a_second_daemon_and_a_pause_that_is_a_link_are_not_believed() {
    let (_runtime, program) = program();
    program.serve(free_address(), |_| {
        let said = program.once();
        assert!(
            said.contains("another daemon uses this state folder"),
            "{said}"
        );
    });
    let elsewhere = program.folder().join("elsewhere");
    fs::write(&elsewhere, "{}").expect("writes");
    symlink(&elsewhere, program.folder().join("state/pause.json")).expect("links");
    let said = program.once();
    assert!(said.contains("not a regular file"), "{said}");
    assert!(said.contains("scaling is paused until"), "{said}");
}

/// Only root can give files away.
#[test]
fn a_folder_of_another_user_is_refused_and_a_pause_by_root_belongs_to_the_daemon() {
    let (_runtime, program) = program();
    let state = program.folder().join("state");
    fs::create_dir(&state).expect("creates");
    if chown(&state, Some(4_711), Some(4_711)).is_err() {
        return;
    }
    let said = program.once();
    assert!(
        said.contains("belongs to the user with the id 4711") && said.contains("sudo -u '#4711'"),
        "{said}"
    );
    assert_eq!(
        program.files(),
        Vec::<PathBuf>::new(),
        "nothing was written"
    );
    // By this the command knows the folder of a daemon.
    fs::write(state.join("lock"), "").expect("writes");
    program.output(&["pause", "--for", "1h", "--state-dir", "state"]);
    let pause = fs::metadata(state.join("pause.json")).expect("a pause");
    assert_eq!(
        (pause.uid(), pause.gid(), pause.mode() & 0o777),
        (4_711, 4_711, 0o600)
    );
}
