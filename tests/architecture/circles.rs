//! Files that import each other, directly or over others.

use std::collections::{BTreeMap, BTreeSet};

use super::imports::Imports;

/// The largest sets of files in which each imports every other, directly or over others.
pub fn circles(imports: &Imports) -> Vec<BTreeSet<String>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> = imports
        .keys()
        .map(|file| (file.as_str(), reachable(imports, file)))
        .collect();
    let circles: BTreeSet<BTreeSet<String>> = reached
        .iter()
        .filter(|(file, below)| below.contains(*file))
        .map(|(file, below)| {
            let back = |other: &&&str| reached[**other].contains(file);
            below.iter().filter(back).map(|&o| o.to_owned()).collect()
        })
        .collect();
    circles.into_iter().collect()
}

fn reachable<'a>(imports: &'a Imports, from: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(file) = open.pop() {
        for next in imports[file].keys() {
            if reached.insert(next.as_str()) {
                open.push(next);
            }
        }
    }
    reached
}

/// The imports inside a circle, one a line.
pub fn describe(circle: &BTreeSet<String>, imports: &Imports) -> String {
    let mut lines = Vec::new();
    for file in circle {
        for (other, place) in imports[file].iter().filter(|(o, _)| circle.contains(*o)) {
            let (line, path) = (place.line, &place.path);
            lines.push(format!("  {file}:{line} names {path} ({other})"));
        }
    }
    lines.join("\n")
}
