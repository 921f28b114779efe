//! Fuzzes one kind of input, which the environment variable `HEADROOM_FUZZ` names. `tests/run fuzz` runs
//! all of them.

#![no_main]

mod targets;

use std::alloc::System;
use std::sync::OnceLock;

use cap::Cap;
use targets::{TARGETS, Target};

/// An input that makes Headroom ask for more than this at any moment breaks it.
const MEMORY_BYTES: usize = 512 << 20;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, MEMORY_BYTES);

static CHOSEN: OnceLock<&Target> = OnceLock::new();

libfuzzer_sys::fuzz_target!(init: choose(), |data: &[u8]| {
    if let Some(target) = CHOSEN.get() {
        (target.read)(data);
    }
});

fn choose() {
    let name = std::env::var("HEADROOM_FUZZ").unwrap_or_default();
    let Some(target) = TARGETS.iter().find(|target| target.name == name) else {
        let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        eprintln!(
            "HEADROOM_FUZZ is {name:?}; set it to one of {}",
            names.join(", ")
        );
        std::process::exit(2);
    };
    let _ = CHOSEN.set(target);
}
