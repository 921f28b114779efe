//! Every relative link in the documentation leads to a file that exists, every anchor to a heading
//! of that file, and every path of this repository that the text names exists.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Folders that hold no documentation of this project.
const SKIPPED: [&str; 2] = ["target", ".git"];

/// A link as a page writes it: the target, and the line that it stands on, from one.
#[derive(Debug, PartialEq)]
struct Link {
    line: usize,
    target: String,
}

/// All Markdown files below `folder`.
fn pages(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder that can be listed") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() {
            if !SKIPPED.iter().any(|skipped| name == *skipped) {
                found.extend(pages(&path));
            }
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The lines outside fenced code blocks, with their numbers from one.
fn prose(page: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_fence = false;
    page.lines().enumerate().filter_map(move |(index, line)| {
        let is_fence = line.trim_start().starts_with("```");
        in_fence ^= is_fence;
        (!in_fence && !is_fence).then_some((index + 1, line))
    })
}

/// The line without its `code spans`, in which brackets are no links.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

/// Inline links and images, reference definitions, and the `src` and `href` of HTML tags.
fn links(page: &str) -> Vec<Link> {
    let mut found = Vec::new();
    for (line, text) in prose(page) {
        let text = without_code(text);
        for (opening, closing) in [("](", ')'), ("src=\"", '"'), ("href=\"", '"')] {
            found.extend(text.split(opening).skip(1).filter_map(|rest| {
                let target = rest.split(closing).next()?.split_whitespace().next()?;
                Some(Link {
                    line,
                    target: target.to_owned(),
                })
            }));
        }
        let definition = text
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("]: "));
        found.extend(definition.map(|(_, target)| Link {
            line,
            target: target.trim().to_owned(),
        }));
    }
    found
}

/// The anchors that GitHub gives to the headings of a page.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut anchors = BTreeSet::new();
    for (_, line) in prose(page) {
        let title = line.trim_start_matches('#');
        let level = line.len() - title.len();
        if !(1..=6).contains(&level) || !title.starts_with(' ') {
            continue;
        }
        let slug: String = title
            .trim()
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || "-_ ".contains(*c))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        let times = seen.entry(slug.clone()).or_default();
        anchors.insert(match *times {
            0 => slug,
            times => format!("{slug}-{times}"),
        });
        *times += 1;
    }
    anchors
}

/// `a/b/../c` is `a/c`, without asking the file system.
fn normalized(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                parts.pop();
            }
            Component::CurDir => {}
            part => parts.push(part),
        }
    }
    parts
}

/// What is wrong with a link of the page at `path`.
fn problem(path: &Path, page: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let linked = if file.is_empty() {
        path.to_owned()
    } else {
        normalized(&path.parent().unwrap_or(Path::new("")).join(file))
    };
    if !linked.starts_with(env!("CARGO_MANIFEST_DIR")) {
        return Some("leads out of the repository".to_owned());
    }
    if !file.is_empty() && !linked.exists() {
        return Some("there is no such file".to_owned());
    }
    if anchor.is_empty() {
        return None;
    }
    let linked_page = if file.is_empty() {
        page.to_owned()
    } else {
        fs::read_to_string(&linked).unwrap_or_default()
    };
    let anchors = anchors(&linked_page);
    (!anchors.contains(anchor)).then(|| {
        let known = anchors.into_iter().collect::<Vec<_>>().join(", ");
        format!("no heading has the anchor #{anchor}; there are: {known}")
    })
}

#[test]
fn every_relative_link_and_anchor_resolves() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut problems = Vec::new();
    let mut checked = 0;
    for path in pages(root) {
        let page = fs::read_to_string(&path).expect("a page in UTF-8");
        for Link { line, target } in links(&page) {
            checked += 1;
            if let Some(problem) = problem(&path, &page, &target) {
                let place = path.strip_prefix(root).unwrap_or(&path).display();
                problems.push(format!("{place}:{line}: {target}: {problem}"));
            }
        }
    }
    assert!(
        problems.is_empty(),
        "broken links:\n{}",
        problems.join("\n")
    );
    assert!(checked > 50, "only {checked} links were found");
}

/// Code spans that name a file or folder of this repository, with their lines.
fn named_paths(page: &str) -> Vec<Link> {
    let folders = [
        "src/",
        "tests/",
        "docs/",
        "deploy/",
        "policies/",
        "simulations/",
    ];
    let is_path = |span: &&str| {
        folders.iter().any(|folder| span.starts_with(folder))
            && !span.contains(|c: char| c.is_uppercase() || " *".contains(c))
    };
    prose(page)
        .flat_map(|(line, text)| {
            let spans = text.split('`').skip(1).step_by(2).filter(is_path);
            spans.map(move |span| Link {
                line,
                target: span.to_owned(),
            })
        })
        .collect()
}

#[test]
fn every_path_that_is_named_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut missing = Vec::new();
    let mut checked = 0;
    for path in pages(root) {
        let page = fs::read_to_string(&path).expect("a page in UTF-8");
        for Link { line, target } in named_paths(&page) {
            checked += 1;
            if !root.join(&target).exists() {
                let place = path.strip_prefix(root).unwrap_or(&path).display();
                missing.push(format!("{place}:{line}: {target}"));
            }
        }
    }
    assert!(
        missing.is_empty(),
        "there are no such files:\n{}",
        missing.join("\n")
    );
    assert!(checked > 20, "only {checked} paths were found");
}

#[test]
fn the_code_map_lists_every_module() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let map = fs::read_to_string(root.join("ARCHITECTURE.md")).expect("the page");
    for entry in fs::read_dir(root.join("src")).expect("a folder") {
        let path = entry.expect("an entry").path();
        let module = path.file_stem().unwrap_or_default().to_string_lossy();
        let is_listed = map
            .lines()
            .any(|line| line.starts_with(&format!("| `{module}`")));
        assert!(
            is_listed || ["lib", "main"].contains(&&*module),
            "ARCHITECTURE.md does not list `{module}`"
        );
    }
}

#[test]
fn broken_links_are_found_in_every_form() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/example.md");
    let page = "# A title: with `code`\n\n[a](#a-title-with-code) [b](#no-such-title)\n\
                ![c](missing.svg) `[d](ignored.md)` <img src=\"gone.png\">\n\
                ```text\n# no title\n[e](ignored.md)\n```\n[f]: absent.md\n\
                [g](traces.md#no-such-title) [h](../README.md) [i](https://example.com/x) [j](../../x.md)\n";
    let broken: Vec<(usize, String)> = links(page)
        .into_iter()
        .filter(|link| problem(&path, page, &link.target).is_some())
        .map(|link| (link.line, link.target))
        .collect();
    let expected = [
        (3, "#no-such-title"),
        (4, "missing.svg"),
        (4, "gone.png"),
        (9, "absent.md"),
        (10, "traces.md#no-such-title"),
        (10, "../../x.md"),
    ];
    assert_eq!(
        broken,
        expected.map(|(line, target)| (line, target.to_owned()))
    );
}
