//! The pages of a daemon whose services are hostile, in Chromium.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::parts::installed;
use crate::program::{Program, free_address};
use crate::services::Services;
use crate::tricks::evil;

/// The elements of the status page.
const OWN: &str = "a b body br code div footer h1 h2 head header html i main meta p section span style table tbody td th \
                   thead title tr";
/// What Chromium shows a text, JSON or metrics with.
const OF_TEXT: &str = "body div head html meta pre";

/// The document after Chromium has loaded it and its scripts have run.
fn document(address: &str, folder: &Path) -> String {
    let output = Command::new(installed::chromium())
        .args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
        ])
        .args([
            "--no-first-run",
            "--disable-background-networking",
            "--no-proxy-server",
        ])
        .arg(format!(
            "--user-data-dir={}",
            folder.join("profile").display()
        ))
        .args(["--virtual-time-budget=2000", "--dump-dom", address])
        .output()
        .expect("Chromium starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && text.contains("<html"),
        "{address}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

/// The names of all elements. In a dumped document, the text has no `<`.
fn elements(document: &str) -> BTreeSet<String> {
    let tags = document.split('<').skip(1);
    tags.map(|tag| {
        let end = tag.find(|c: char| !c.is_ascii_alphanumeric());
        tag[..end.unwrap_or(tag.len())].to_ascii_lowercase()
    })
    .filter(|name| !name.is_empty())
    .collect()
}

fn foreign(document: &str, own: &str) -> Vec<String> {
    let own: BTreeSet<&str> = own.split_whitespace().collect();
    let all = elements(document).into_iter();
    all.filter(|name| !own.contains(name.as_str())).collect()
}

/// Without it, the test below could not fail.
#[test]
fn chromium_runs_the_scripts_of_a_page_that_escapes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = folder.path().join("page.html");
    std::fs::write(
        &page,
        format!("<!doctype html><title>t</title><p>{}", evil()),
    )
    .expect("writes");
    let document = document(&format!("file://{}", page.display()), folder.path());
    assert!(document.contains("<title>owned</title>"), "{document}");
    let foreign = foreign(&document, OWN);
    assert!(
        ["script", "img"]
            .iter()
            .all(|name| foreign.iter().any(|found| found == name)),
        "{foreign:?}"
    );
}

#[test]
fn no_hostile_text_runs_a_script_or_becomes_an_element_of_a_page() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let services = runtime.block_on(Services::start());
    services.says(&evil());
    let program = Program::new(&services, "");
    let address = free_address();
    program.serve(address, |_| {
        for (path, own) in [
            ("/", OWN),
            ("/metrics", OF_TEXT),
            ("/api/v1/status", OF_TEXT),
            ("/healthz", OF_TEXT),
            ("/readyz", OF_TEXT),
        ] {
            let document = document(&format!("http://{address}{path}"), program.folder());
            assert!(!document.contains("<title>owned"), "{path}: {document}");
            assert_eq!(
                foreign(&document, own),
                Vec::<String>::new(),
                "{path}: {document}"
            );
            if path == "/" {
                assert!(
                    document.contains("&lt;script&gt;document.title"),
                    "{document}"
                );
            }
        }
    });
}
