//! The shape of the source: which part may import which, no circle of files, and nothing too long.

mod circles;
mod forms;
mod imports;
mod modules;
mod sizes;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use imports::{Imports, imports};
use modules::{Sources, Tree};

/// Each top-level module with the modules that it imports. A new edge changes the architecture: add
/// it to ARCHITECTURE.md first. The binary, `cli`, may import them all.
const LAYERS: &str = "
    units:
    file:
    safe_text:
    compression:
    observation: units
    policy: observation units
    decision: observation units
    engine: decision policy observation units
    trace: compression file engine decision policy observation units
    cluster_history: observation units
    import: compression cluster_history trace observation units
    replay: trace engine decision policy observation units
    check: engine decision policy observation units
    explain: trace engine decision policy observation units
    generate: trace units
    pricing: observation units
    sim: pricing trace file engine decision policy observation units
    evaluation: safe_text sim pricing trace file policy observation units
    tune: evaluation sim pricing policy units
    advise: tune evaluation sim policy observation units
    compare: evaluation sim file policy observation units
    daemon: safe_text import replay pricing trace file engine decision policy observation units
    history_server: daemon import units
    record: cluster_history daemon pricing trace file policy observation units
    rehearsal: daemon evaluation sim file decision policy observation units
";

const MOST_LINES_OF_A_FILE: usize = 500;
const MOST_LINES_OF_A_FUNCTION: usize = 70;

/// The sources below `src`.
fn sources() -> Sources {
    let mut sources = Sources::new();
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    read_folder(&src, &src, &mut sources);
    sources
}

fn read_folder(folder: &Path, src: &Path, sources: &mut Sources) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read_folder(&path, src, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(src).expect("below src");
            let name = name.to_str().expect("UTF-8").to_owned();
            sources.insert(name, fs::read_to_string(&path).expect("readable"));
        }
    }
}

/// `engine/target.rs` belongs to `engine`.
fn layer_of(file: &str) -> &str {
    let first = file.split('/').next().unwrap_or(file);
    first.trim_end_matches(".rs")
}

fn layers(table: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let rows = table.lines().filter_map(|line| line.trim().split_once(':'));
    rows.map(|(layer, below)| (layer, below.split_whitespace().collect()))
        .collect()
}

/// Where the imports and the table differ, one difference a line.
fn differences(imports: &Imports, table: &str) -> Vec<String> {
    let mut unused = layers(table);
    let mut wrong = Vec::new();
    for (file, named) in imports {
        let layer = layer_of(file);
        if ["lib", "main", "cli"].contains(&layer) {
            continue;
        }
        let allowed = layers(table).remove(layer);
        if allowed.is_none() {
            wrong.push(format!("{layer} (src/{file}) is not in the table"));
        }
        for (other, place) in named {
            let below = layer_of(other);
            if below == layer {
                continue;
            }
            unused.entry(layer).or_default().remove(below);
            if !allowed.as_ref().is_some_and(|all| all.contains(below)) {
                let (line, path) = (place.line, &place.path);
                wrong.push(format!("src/{file}:{line} imports {path} ({below})"));
            }
        }
    }
    for (layer, below) in unused {
        wrong.extend(below.iter().map(|b| format!("{layer} never imports {b}")));
    }
    wrong
}

#[test]
fn modules_import_what_the_table_says() {
    let wrong = differences(&imports(&Tree::of(&sources())), LAYERS);
    assert!(
        wrong.is_empty(),
        "imports and the table in tests/architecture/main.rs differ:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn files_do_not_import_each_other_in_a_circle() {
    let imports = imports(&Tree::of(&sources()));
    let circles = circles::circles(&imports);
    let described: Vec<String> = circles
        .iter()
        .map(|circle| circles::describe(circle, &imports))
        .collect();
    assert!(
        circles.is_empty(),
        "files of src import each other in {} circles:\n{}",
        circles.len(),
        described.join("\n\n")
    );
}

#[test]
fn no_file_is_too_long() {
    let lines = |source: &str| source.lines().count();
    let long: Vec<String> = sources()
        .iter()
        .filter(|(_, source)| lines(source) > MOST_LINES_OF_A_FILE)
        .map(|(file, source)| format!("src/{file}: {} lines", lines(source)))
        .collect();
    assert!(
        long.is_empty(),
        "files with more than {MOST_LINES_OF_A_FILE} lines:\n{}",
        long.join("\n")
    );
}

#[test]
fn no_function_is_too_long() {
    let mut long = Vec::new();
    for (file, source) in sources() {
        let syntax = syn::parse_file(&source).unwrap_or_else(|e| panic!("{file}: {e}"));
        for (name, lines) in sizes::functions(&syntax) {
            if lines > MOST_LINES_OF_A_FUNCTION {
                long.push(format!("src/{file}: {name} has {lines} lines"));
            }
        }
    }
    assert!(
        long.is_empty(),
        "functions with more than {MOST_LINES_OF_A_FUNCTION} lines:\n{}",
        long.join("\n")
    );
}
