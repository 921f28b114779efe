//! Names that tell what was given apart: policies and traces that are called the same.

use std::path::{Path, PathBuf};

/// The names of things that were read from files, or are built in. Where several have one name, each
/// is followed by its file, with as many of its folders as it takes; where the file is the same, too,
/// by a number.
pub fn told_apart(named: &[(String, Option<PathBuf>)]) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(named.len());
    for (name, file) in named {
        let of_one_name = || named.iter().filter(|(other, _)| other == name);
        let is_elsewhere = of_one_name().any(|(_, other)| other != file);
        let told = match file {
            Some(file) if is_elsewhere => {
                let files: Vec<&Path> = of_one_name()
                    .filter_map(|(_, file)| file.as_deref())
                    .collect();
                format!("{name} ({})", short_path(file, &files))
            }
            _ => name.clone(),
        };
        let taken = names.iter().map(String::as_str);
        names.push(distinct(&told, taken));
    }
    names
}

/// The end of a path that no other path of `all` has.
fn short_path(path: &Path, all: &[&Path]) -> String {
    let end = |path: &Path, length: usize| -> PathBuf {
        let parts: Vec<_> = path.components().collect();
        parts[parts.len().saturating_sub(length)..].iter().collect()
    };
    let is_unique = |shown: &PathBuf| {
        let mut others = all.iter().filter(|other| **other != path);
        others.all(|other| end(other, shown.components().count()) != *shown)
    };
    (1..=path.components().count())
        .map(|length| end(path, length))
        .find(is_unique)
        .unwrap_or_else(|| path.to_owned())
        .display()
        .to_string()
}

/// The name itself when it is not taken, else with the first number that makes it so.
pub fn distinct<'a>(name: &str, taken: impl Iterator<Item = &'a str> + Clone) -> String {
    let is_free = |candidate: &String| taken.clone().all(|other| other != candidate);
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    std::iter::once(name.to_owned())
        .chain(numbered)
        .find(is_free)
        .unwrap_or_default()
}
