//! The program as a process, among services whose every text is hostile: what it logs, writes, serves and
//! prints is harmless.

use std::fs;
use std::process::{Command, Stdio};

use headroom::safe_text::is_hidden;
use serde_json::Value;

use crate::program::{Program, free_address};
use crate::services::Services;
use crate::tricks::evil;

/// The same, a megabyte long.
fn long_evil() -> String {
    evil() + &"A".repeat(1 << 20)
}

fn must_be_plain(what: &str, text: &str) {
    let hidden = |c: &char| is_hidden(*c) && !matches!(c, '\n' | '\t');
    let found: Vec<char> = text.chars().filter(hidden).collect();
    assert!(found.is_empty(), "{what} has {found:?}");
}

/// Every line is a sample, a comment of a known kind or empty: the format that Prometheus documents,
/// and no label has a character that it would have to escape.
fn must_be_metrics(text: &str) {
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let known = [
                "HELP headroom_",
                "TYPE headroom_",
                "HELP process_",
                "TYPE process_",
            ];
            assert!(
                known.iter().any(|known| comment.starts_with(known)),
                "{line}"
            );
            continue;
        }
        let (series, value) = line.rsplit_once(' ').expect("a value");
        assert!(value.parse::<f64>().is_ok(), "{line}");
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let is_name = |name: &str| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        assert!(is_name(name), "{line}");
        let mut rest = labels;
        while rest != "}" {
            let (label, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
            assert!(is_name(label), "{line}");
            rest = end_of_value(after).unwrap_or_else(|| panic!("{line}"));
            rest = rest.strip_prefix(',').unwrap_or(rest);
        }
    }
}

/// What follows the quote that ends a label's value.
fn end_of_value(text: &str) -> Option<&str> {
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some(&text[at + 1..]),
            '\\' => assert!(matches!(chars.next()?.1, '\\' | '"' | 'n'), "{text}"),
            _ => {}
        }
    }
    None
}

fn must_be_harmless_page(page: &str) {
    must_be_plain("the page", page);
    // These the page itself does not have.
    for tag in [
        "<script",
        "<img",
        "<iframe",
        "<textarea",
        "<svg",
        "<!--",
        "<link",
        "<form",
    ] {
        assert!(!page.contains(tag), "{tag} in\n{page}");
    }
    assert_eq!(page.matches("<title").count(), 1);
    assert_eq!(page.matches("</style>").count(), 1);
    assert!(
        page.contains("&lt;script&gt;"),
        "the names are shown:\n{page}"
    );
}

#[test]
fn hostile_names_are_harmless_in_logs_journal_metrics_pages_and_reports() {
    for text in [evil(), long_evil()] {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let services = runtime.block_on(Services::start());
        services.says(&text);
        let program = Program::new(&services, "");
        let address = free_address();
        let served = program.serve(address, |get| {
            must_be_metrics(&get("/metrics"));
            must_be_harmless_page(&get("/"));
            let json = get("/api/v1/status");
            let status: Value = serde_json::from_str(&json).expect("JSON");
            assert!(status["tick"]["groups"][0]["name"].is_string(), "{json}");
            assert!(json.len() < 100_000, "{} bytes", json.len());
            for path in ["/healthz", "/readyz"] {
                must_be_plain(path, &get(path));
            }
            let url = format!("http://{address}");
            must_be_plain("status", &program.output(&["status", "--url", &url]));
            let json = program.output(&["status", "--url", &url, "--format", "json"]);
            must_be_plain("status", &json);
        });
        for line in served.lines() {
            must_be_plain("a log line", line);
            assert!(line.starts_with("20") && line.contains('Z'), "{line}");
            assert!(!line.starts_with("2026-01-01T00:00:00Z ERROR"), "{line}");
            assert!(line.len() < 5_000, "{line}");
        }
        let journal = program.journal();
        let reports: [&[&str]; 6] = [
            &["explain", &journal],
            &["explain", &journal, "--at", "last"],
            &["explain", &journal, "--format", "json"],
            &["trace", "info", &journal],
            &["simulate", "--verify", &journal],
            &["simulate", &journal, "--format", "csv"],
        ];
        for arguments in reports {
            must_be_plain(&arguments.join(" "), &program.output(arguments));
        }
        for file in program.files() {
            let text = fs::read_to_string(&file).expect("UTF-8");
            for line in text
                .lines()
                .filter(|_| file.to_string_lossy().contains("journal-"))
            {
                let record: Value = serde_json::from_str(line).expect("a record on a line");
                assert!(record.is_object());
                assert!(line.len() < 100_000, "{} bytes: {line:.200}", line.len());
            }
        }
    }
}

#[test]
fn a_file_with_a_hostile_name_or_content_is_harmless_on_the_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    let name = format!("\u{1b}[31m\n\u{202e}{}.yaml", "x");
    for (text, name) in [
        (evil(), name.as_str()),
        ("name: a".to_owned() + &evil(), "p.yaml"),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("writes");
        for command in ["check", "simulate", "explain", "convert", "trace"] {
            let mut program = Command::new(env!("CARGO_BIN_EXE_headroom"));
            program.arg(command);
            if command == "trace" {
                program.arg("info");
            }
            let output = program
                .arg(&path)
                .stdin(Stdio::null())
                .output()
                .expect("runs");
            for text in [output.stdout, output.stderr] {
                must_be_plain(command, &String::from_utf8_lossy(&text));
            }
        }
    }
}
