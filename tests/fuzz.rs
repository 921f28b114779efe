//! Every input of `fuzz/corpus` is read again: those by which the fuzzer came to new code, and those that
//! once broke something.

#[path = "../fuzz/src/targets/mod.rs"]
mod targets;

use std::alloc::System;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use cap::Cap;
use targets::{TARGETS, Target};

/// The most memory that an input may make Headroom take, as in the fuzzer.
const MEMORY_BYTES: usize = 512 << 20;

/// Only counts.
#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
}

/// The entries of a folder, by name.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths
}

/// The inputs of a target that break something, each with what it breaks.
fn broken(target: &Target) -> Vec<String> {
    let mut broken = Vec::new();
    for file in entries(&corpus().join(target.name)) {
        let input = fs::read(&file).expect("readable");
        let before = ALLOCATOR.max_allocated();
        // One that panics must not hide the others.
        let panicked = catch_unwind(AssertUnwindSafe(|| (target.read)(&input))).is_err();
        let most = ALLOCATOR.max_allocated();
        if panicked {
            broken.push(format!("{} panics, as printed above", file.display()));
        } else if most > before && most > MEMORY_BYTES {
            broken.push(format!("{} takes {} MiB", file.display(), most >> 20));
        }
    }
    broken
}

#[test]
fn no_input_that_was_ever_found_panics_or_fills_the_memory() {
    let broken: Vec<String> = TARGETS.iter().flat_map(broken).collect();
    assert!(
        broken.is_empty(),
        "{} inputs break something:\n{}",
        broken.len(),
        broken.join("\n")
    );
}

#[cfg(feature = "daemon")]
#[test]
fn every_folder_of_inputs_is_read() {
    let folders = entries(&corpus()).into_iter();
    let unread: Vec<PathBuf> = folders
        .filter(|folder| TARGETS.iter().all(|target| !folder.ends_with(target.name)))
        .collect();
    assert!(unread.is_empty(), "no target reads {unread:?}");
}
