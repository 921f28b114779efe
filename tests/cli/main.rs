//! The program from the outside: what each command prints, and how it answers bad input.

mod bad_input;
mod commands;
mod convert;
mod default_cluster;
mod documents;
#[cfg(feature = "daemon")]
#[path = "../../src/daemon/sources/cloudwatch/testing.rs"]
#[expect(dead_code, reason = "the library's tests use more of it")]
mod fake_cloudwatch;
#[cfg(feature = "daemon")]
mod history_server;
mod imports;
mod journals;
mod old_journals;
mod packaging;
#[cfg(feature = "daemon")]
mod record;
#[cfg(feature = "daemon")]
mod rehearsal;
#[cfg(feature = "daemon")]
mod status;
mod surroundings;
mod tuning;
mod without_yarn;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const SCENARIO: &str = "\
name: small
cluster:
  groups:
    - { name: core, role: core, type: m5.xlarge, market: on-demand, count: 1 }
    - { name: task, role: task, type: m5.xlarge, market: on-demand, count: 0, limits: { min: 0, max: 4 } }
";
const JOBS: &str = r#"{"headroom_trace":1,"kind":"jobs","start":"2026-03-02T00:00:00Z","source":"a fixture","synthetic":true}
{"job":{"id":"etl-1","submit_s":30,"stages":[{"memory_mib":4096,"vcores":1,"tasks":[[12,600]]},{"after":[0],"memory_mib":8192,"vcores":2,"tasks":[[2,120]]}]}}
{"job":{"id":"etl-2","submit_s":2400,"stages":[{"memory_mib":4096,"vcores":1,"tasks":[[6,300.5]]}]}}
"#;
const POLICY: &str = "\
name: mine
targets:
  - group: { role: task }
    limits: { min: 0, max: 4 }
    rules:
      - { name: short, when: yarn_memory_available_percent < 20, for: 1m, then: { grow: 1 } }
      - { name: idle, when: yarn_memory_available_percent > 80, for: 5m, then: { shrink: 1 }, cooldown: 5m }
";

/// A temporary folder in which the commands of a test run.
struct Folder(tempfile::TempDir);

/// The output of a command.
#[derive(Debug, PartialEq)]
struct Answer {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Folder {
    /// With a trace (`jobs.jsonl`), a scenario (`small.yaml`), a policy (`mine.yaml`) and a folder
    /// `day` of trace and scenario.
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().expect("a folder"));
        fs::create_dir(folder.path("day")).expect("a folder");
        for (name, text) in [
            ("jobs.jsonl", JOBS),
            ("small.yaml", SCENARIO),
            ("mine.yaml", POLICY),
            ("day/trace.jsonl", JOBS),
            ("day/scenario.yaml", SCENARIO),
        ] {
            folder.write(name, text);
        }
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).expect("writes");
    }

    /// Writes a text as PowerShell's `>` does.
    fn write_utf_16(&self, name: &str, text: &str) {
        let marked = format!("\u{feff}{text}");
        let bytes = marked.encode_utf16().flat_map(u16::to_le_bytes);
        self.write(name, bytes.collect::<Vec<u8>>());
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("reads")
    }

    /// The program, with its words separated by spaces.
    fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_headroom"));
        command
            .args(words.split_whitespace())
            .current_dir(self.0.path())
            .env("COLUMNS", "80")
            .env_remove("RAYON_NUM_THREADS");
        command
    }

    fn run(&self, words: &str) -> Answer {
        Answer::of(self.command(words).output().expect("starts"))
    }

    /// The standard output of a command that must succeed.
    fn stdout(&self, words: &str) -> String {
        let answer = self.run(words);
        assert_eq!(
            answer.code,
            Some(0),
            "headroom {words}\n{}{}",
            answer.stdout,
            answer.stderr
        );
        answer.stdout
    }

    /// Every file, with its content; folders have none.
    fn content(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        content_of(self.0.path())
    }
}

impl Answer {
    fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

fn content_of(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut content = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            content.extend(content_of(&path));
            content.insert(path, Vec::new());
        } else {
            let bytes = fs::read(&path).expect("reads");
            content.insert(path, bytes);
        }
    }
    content
}

fn repository(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(path)
        .display()
        .to_string()
}
