use std::collections::BTreeMap;

use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::*;

pub(super) fn on(name: &str) -> bool {
    use std::sync::OnceLock;
    static ON: OnceLock<String> = OnceLock::new();
    let all = ON.get_or_init(|| std::env::var("HREF").unwrap_or_default());
    all.split(',').any(|part| part == name)
}

#[test]
#[ignore]
fn explore() {
    let count: usize = std::env::var("N")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(2000);
    let mut runner = TestRunner::deterministic();
    let mut found: BTreeMap<String, (usize, usize, String)> = BTreeMap::new();
    let mut bad = 0;
    for _ in 0..count {
        let policy = policies::policies()
            .new_tree(&mut runner)
            .unwrap()
            .current();
        let sizes = [0_u32..=22, 0_u32..=22]
            .new_tree(&mut runner)
            .unwrap()
            .current();
        let mut tree = world::moments().new_tree(&mut runner).unwrap();
        let moments = tree.current();
        let _ = &mut tree;
        if let Err(TestCaseError::Fail(reason)) = compare(&policy.yaml(), sizes, &moments) {
            bad += 1;
            let text = reason.message().to_owned();
            let key: String = key_of(&text);
            let entry = found.entry(key).or_insert((0, usize::MAX, String::new()));
            entry.0 += 1;
            if text.len() < entry.1 {
                *entry = (entry.0, text.len(), text);
            }
        }
    }
    println!("{bad} of {count} differ");
    let mut all: Vec<_> = found.into_iter().collect();
    all.sort_by_key(|(_, (n, ..))| std::cmp::Reverse(*n));
    for (key, (n, ..)) in &all {
        println!("{n:6}  {key}");
    }
    for (key, (n, _, text)) in &all {
        println!("=================== {n} {key}\n{text}");
    }
}

fn key_of(text: &str) -> String {
    let mut parts = Vec::new();
    for line in text.lines() {
        if line.starts_with("engine: ") {
            let rest = line.splitn(4, ' ').nth(3).unwrap_or("");
            let words: String = rest.chars().filter(|c| !c.is_ascii_digit()).collect();
            parts.push(words);
        }
        if line.starts_with("reference: ") {
            parts.push(line.chars().filter(|c| !c.is_ascii_digit()).collect());
        }
        if line.ends_with("<- differs") {
            let words: String = line.chars().filter(|c| !c.is_ascii_digit()).collect();
            parts.push(
                words
                    .split_whitespace()
                    .filter(|w| w.chars().next().is_some_and(char::is_alphabetic))
                    .collect::<Vec<_>>()
                    .join(" "),
            );
            break;
        }
    }
    parts.join(" | ")
}
