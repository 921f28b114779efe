//! Pipes, terminals, other working directories, and `--help`.

use std::process::Stdio;

use super::{Answer, Folder, repository};

const COMMANDS: [&str; 19] = [
    "",
    "simulate",
    "compare",
    "tune",
    "advise",
    "check",
    "convert",
    "explain",
    "schema",
    "import",
    "import swim",
    "import rumen",
    "import spark",
    "import csv",
    "generate",
    "trace",
    "trace info",
    "baselines",
    "baselines show",
];
const INSTALLING: [&str; 2] = ["completions", "man"];
const LIVE: [&str; 7] = [
    "record",
    "record cloudwatch",
    "rehearse",
    "run",
    "status",
    "pause",
    "resume",
];

#[test]
fn every_help_fits_80_columns_and_has_an_example() {
    let folder = Folder::new();
    let live = LIVE.iter().filter(|_| cfg!(feature = "daemon"));
    for command in COMMANDS.iter().chain(&INSTALLING).chain(live) {
        let help = folder.stdout(&format!("{command} --help"));
        assert!(
            help.contains("\n  headroom ") || help.contains("\n  sudo -u headroom headroom "),
            "{command} has no example:\n{help}"
        );
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{command}: {line}");
        }
    }
    if cfg!(feature = "daemon") {
        insta::assert_snapshot!(folder.stdout("--help"));
    }
}

#[test]
fn without_arguments_the_help_is_shown() {
    let folder = Folder::new();
    let answer = folder.run("");
    assert_eq!(answer.code, Some(2));
    assert_eq!(answer.stderr, folder.stdout("-h"));
}

#[test]
fn a_mistyped_command_or_option_is_answered_with_the_nearest() {
    let folder = Folder::new();
    for (words, nearest) in [
        ("simulat day", "a similar subcommand exists: 'simulate'"),
        ("complete bash", "similar subcommand"),
        ("import swin jobs.tsv", "'swim'"),
        (
            "simulate day --polcy 3",
            "a similar argument exists: '--policy'",
        ),
    ] {
        let answer = folder.run(words);
        assert_eq!(answer.code, Some(2), "headroom {words}");
        assert!(answer.stderr.contains(nearest), "{}", answer.stderr);
    }
}

#[cfg(not(feature = "daemon"))]
#[test]
fn commands_of_the_daemon_say_how_to_build_it() {
    let folder = Folder::new();
    for words in [
        "run --dry-run",
        "status",
        "pause --for 30m",
        "record cloudwatch --help",
    ] {
        let answer = folder.run(words);
        assert_eq!((answer.code, answer.stdout.as_str()), (Some(1), ""));
        let line = format!("cargo run --release --features daemon -- {words}\n");
        assert!(answer.stderr.contains(&line), "{}", answer.stderr);
    }
    let help = folder.stdout("--help");
    for command in LIVE.iter().filter(|command| !command.contains(' ')) {
        assert!(
            help.contains(&format!("\n  {command} ")),
            "{command}: {help}"
        );
    }
}

#[test]
fn the_first_steps_of_the_help_work() {
    let folder = Folder::new();
    let help = folder.stdout("--help");
    let steps = help
        .lines()
        .filter_map(|line| line.strip_prefix("  headroom "));
    // After several spaces follows a remark.
    let steps: Vec<&str> = steps.filter_map(|line| line.split("   ").next()).collect();
    assert_eq!(steps.len(), 5, "{help}");
    for step in steps {
        let (words, redirected) = step
            .split_once(" > ")
            .map_or((step, None), |(words, file)| (words, Some(file)));
        let printed = folder.stdout(words);
        if let Some(file) = redirected {
            folder.write(file, printed);
        }
    }
}

#[test]
fn the_shipped_day_is_simulated_from_any_working_directory() {
    let table = Folder::new().stdout(&format!(
        "simulate {}",
        repository("simulations/office-day")
    ));
    assert!(
        table.starts_with("office-day: synthetic trace.") && table.contains(" wins: "),
        "{table}"
    );
    for line in table.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn a_reader_that_closes_the_pipe_is_no_error() {
    let folder = Folder::new();
    for words in [
        "simulate day",
        "simulate day --format json",
        "simulate day --format csv",
        "check mine.yaml",
        "schema",
        "baselines",
        "baselines show hpa",
        "trace info jobs.jsonl",
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = folder
            .command(words)
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .and_then(|child| child.wait_with_output());
        let answer = Answer::of(output.expect("runs"));
        assert_eq!(
            (answer.code, answer.stderr.as_str()),
            (Some(0), ""),
            "headroom {words}"
        );
    }
}

#[test]
fn a_closed_stderr_changes_nothing() {
    let folder = Folder::new();
    for (words, code) in [
        ("generate spot-storm --days 0.1 --out made.zst", 0),
        ("simulate jobs.jsonl", 0),
        ("simulate missing", 1),
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let status = folder
            .command(words)
            .stdout(Stdio::null())
            .stderr(writer)
            .status()
            .expect("runs");
        assert_eq!(status.code(), Some(code), "headroom {words}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_under_stdout_is_an_error() {
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .expect("opens");
    let folder = Folder::new();
    let answer = Answer::of(
        folder
            .command("baselines")
            .stdout(full)
            .stderr(Stdio::piped())
            .output()
            .expect("runs"),
    );
    assert_eq!(answer.code, Some(1));
    assert_eq!(
        answer.stderr,
        "error: standard output cannot be written: No space left on device (os error 28)\n"
    );
}

#[test]
fn output_that_is_no_terminal_has_neither_colours_nor_progress_bars() {
    let folder = Folder::new();
    folder.write("wrong.yaml", "name: 1\n");
    for words in [
        "simulate day --seeds 40",
        "check wrong.yaml",
        "simulate day --policy wrong.yaml",
    ] {
        let answer = folder.run(words);
        assert!(
            !answer.stdout.contains('\u{1b}') && !answer.stderr.contains('\u{1b}'),
            "headroom {words}\n{answer:?}"
        );
    }
}
