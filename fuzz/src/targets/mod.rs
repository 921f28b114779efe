//! What is fuzzed: for each kind of input a function that reads it as Headroom does, and goes on with
//! what was read. None may panic, whatever the bytes are.
//!
//! They use nothing but Headroom's public interface. The fuzzer (`fuzz/src/main.rs`) calls them with new
//! inputs, and `tests/fuzz.rs` with those of `fuzz/corpus`.

mod choices;
#[cfg(feature = "daemon")]
mod daemon;
mod engine;
mod imports;
mod policies;
#[cfg(feature = "daemon")]
mod services;
mod simulation;
mod traces;

/// Reads one kind of input.
pub struct Target {
    /// The name of its folder in `fuzz/corpus`.
    pub name: &'static str,
    /// Reads an input.
    pub read: fn(&[u8]),
}

/// All kinds of inputs.
pub const TARGETS: &[Target] = &[
    target("policy", policies::policy),
    target("policy-test", policies::policy_test),
    target("condition", policies::condition),
    target("amazon", policies::amazon),
    target("tune", policies::tune),
    target("prices", policies::prices),
    target("scenario", simulation::scenario),
    target("engine", engine::engine),
    target("trace", traces::trace),
    target("journal", traces::journal),
    target("csv", imports::csv),
    target("swim", imports::swim),
    target("rumen", imports::rumen),
    target("spark-log", imports::spark_log),
    target("spark-replies", imports::spark_replies),
    target("jhist", imports::jhist),
    target("yarn-apps", imports::yarn_apps),
    target("cloudwatch-replies", imports::cloudwatch_replies),
    #[cfg(feature = "daemon")]
    target("settings", daemon::settings),
    #[cfg(feature = "daemon")]
    target("state", daemon::state),
    #[cfg(feature = "daemon")]
    target("yarn", services::yarn),
    #[cfg(feature = "daemon")]
    target("hdfs", services::hdfs),
    #[cfg(feature = "daemon")]
    target("spark-rest", services::spark_rest),
    #[cfg(feature = "daemon")]
    target("emr", services::emr),
    #[cfg(feature = "daemon")]
    target("cloudwatch", services::cloudwatch),
    #[cfg(feature = "daemon")]
    target("history-server", services::history_server),
    #[cfg(feature = "daemon")]
    target("rehearsal", services::rehearsal),
];

const fn target(name: &'static str, read: fn(&[u8])) -> Target {
    Target { name, read }
}

/// An input of several parts, each after a line that begins with `== ` and names it. What is before the
/// first such line is a part without a name.
fn parts(data: &[u8]) -> Vec<(&str, &[u8])> {
    let mut parts = Vec::new();
    let (mut name, mut start, mut position) = ("", 0, 0);
    for line in data.split_inclusive(|byte| *byte == b'\n') {
        let next = position + line.len();
        if let Some(title) = line.strip_prefix(b"== ") {
            parts.push((name, &data[start..position]));
            name = std::str::from_utf8(title).unwrap_or_default().trim();
            start = next;
        }
        position = next;
    }
    parts.push((name, &data[start..]));
    parts.retain(|(name, part)| !name.is_empty() || !part.is_empty());
    parts
}
