//! Imports run one way. An edge that is not in this table is a change of the architecture and
//! belongs into ARCHITECTURE.md first.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each module with the modules that it may name.
const ALLOWED: &[(&str, &[&str])] = &[
    ("units", &[]),
    ("file", &[]),
    ("observation", &["units"]),
    ("policy", &["observation", "units"]),
    ("decision", &["observation", "units"]),
    ("engine", &["decision", "policy", "observation", "units"]),
    (
        "trace",
        &[
            "file",
            "engine",
            "decision",
            "policy",
            "observation",
            "units",
        ],
    ),
    ("import", &["trace", "file", "observation", "units"]),
    (
        "replay",
        &[
            "trace",
            "engine",
            "decision",
            "policy",
            "observation",
            "units",
        ],
    ),
    (
        "check",
        &[
            "trace",
            "engine",
            "decision",
            "policy",
            "observation",
            "units",
        ],
    ),
    (
        "explain",
        &[
            "replay",
            "trace",
            "engine",
            "decision",
            "policy",
            "observation",
            "units",
        ],
    ),
    ("generate", &["trace", "units"]),
    ("pricing", &["observation", "units"]),
    (
        "sim",
        &[
            "pricing",
            "trace",
            "file",
            "engine",
            "decision",
            "policy",
            "observation",
            "units",
        ],
    ),
    (
        "evaluation",
        &["sim", "pricing", "trace", "policy", "observation", "units"],
    ),
    (
        "tune",
        &[
            "evaluation",
            "sim",
            "pricing",
            "trace",
            "file",
            "policy",
            "observation",
            "units",
        ],
    ),
    (
        "advise",
        &[
            "tune",
            "evaluation",
            "sim",
            "pricing",
            "trace",
            "file",
            "policy",
            "observation",
            "units",
        ],
    ),
    (
        "compare",
        &[
            "evaluation",
            "sim",
            "pricing",
            "trace",
            "file",
            "policy",
            "observation",
            "units",
        ],
    ),
    (
        "daemon",
        &[
            "replay",
            "pricing",
            "trace",
            "file",
            "engine",
            "decision",
            "policy",
            "observation",
            "units",
        ],
    ),
    (
        "record",
        &[
            "daemon",
            "pricing",
            "trace",
            "file",
            "policy",
            "observation",
            "units",
        ],
    ),
    (
        "rehearsal",
        &[
            "daemon",
            "evaluation",
            "sim",
            "pricing",
            "trace",
            "file",
            "engine",
            "decision",
            "policy",
            "observation",
            "units",
        ],
    ),
];

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let inner = folders.iter().flat_map(|folder| rust_files(folder));
    files
        .into_iter()
        .filter(|file| file.extension().is_some_and(|extension| extension == "rs"))
        .chain(inner)
        .collect()
}

/// `src/engine/hold.rs` belongs to `engine`; `None` for the crate root and the command line.
fn module_of(file: &Path, src: &Path) -> Option<String> {
    let inside = file.strip_prefix(src).expect("below src");
    let first = inside
        .components()
        .next()?
        .as_os_str()
        .to_string_lossy()
        .trim_end_matches(".rs")
        .to_owned();
    (!["lib", "main", "cli"].contains(&first.as_str())).then_some(first)
}

/// What follows each `crate::`, comments aside.
fn named_modules(source: &str) -> BTreeSet<String> {
    let code = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let after = code.flat_map(|line| line.split("crate::").skip(1));
    let names = after.map(|rest| {
        rest.chars()
            .take_while(|c| c.is_ascii_lowercase() || *c == '_')
            .collect::<String>()
    });
    names.filter(|name| !name.is_empty()).collect()
}

#[test]
fn modules_import_only_what_lies_below_them() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
    let mut wrong = Vec::new();
    for file in rust_files(&src) {
        let is_test = file
            .file_name()
            .is_some_and(|name| name == "tests.rs" || name == "testing.rs");
        let Some(module) = module_of(&file, &src).filter(|_| !is_test) else {
            continue;
        };
        let Some(below) = allowed.get(module.as_str()) else {
            wrong.push(format!("{module} ({}) is not in the table", file.display()));
            continue;
        };
        let source = fs::read_to_string(&file).expect("readable");
        let code = source
            .split("#[cfg(test)]\nmod tests {")
            .next()
            .unwrap_or_default();
        let edges = named_modules(code)
            .into_iter()
            .filter(|name| *name != module && !below.contains(&name.as_str()));
        wrong.extend(edges.map(|name| format!("{} names crate::{name}", file.display())));
    }
    assert!(
        wrong.is_empty(),
        "edges that the architecture does not have:\n{}",
        wrong.join("\n")
    );
}
