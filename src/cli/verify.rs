//! `headroom simulate --verify`.

use std::path::Path;

use super::output::print;
use super::progress_bar::{advance, counting_records};
use anyhow::bail;
use headroom::decision::Decision;
use headroom::replay::verify::{Difference, Verification, verify};
use headroom::trace::journal::TraceReader;

/// Makes the decisions of journals again and reports whether they equal the recorded ones.
pub fn run(journals: &[impl AsRef<Path>]) -> anyhow::Result<()> {
    let mut failed = 0;
    for path in journals {
        let path = path.as_ref();
        let found = read(path)?;
        print(&report(path, &found))?;
        failed += usize::from(found.differing + found.unchecked > 0);
    }
    if failed > 0 {
        bail!(
            "{} not reproduced; see the differences above",
            if failed == 1 {
                "a journal was".to_owned()
            } else {
                format!("{failed} journals were")
            }
        );
    }
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Verification> {
    let mut reader = TraceReader::open(path)?;
    let progress = counting_records(path)?;
    let found = verify(&mut reader, || advance(&progress, 1))?;
    progress.finish_and_clear();
    Ok(found)
}

fn report(path: &Path, found: &Verification) -> String {
    let mut text = format!("{}\n", path.display());
    let mut line = |label: &str, value: String| text.push_str(&format!("  {label:<12}  {value}\n"));
    line("files", found.files.len().to_string());
    if let Some((first, last)) = found.span {
        line("from", first.to_string());
        line("to", last.to_string());
    }
    line(
        "recorded by",
        found
            .versions
            .iter()
            .map(|version| format!("headroom {version}"))
            .collect::<Vec<_>>()
            .join(", "),
    );
    line("records", found.records.to_string());
    line("observations", found.observations.to_string());
    line(
        "decisions",
        format!("{} made again, {} differ", found.decisions, found.differing),
    );
    if found.unchecked > 0 {
        line("", format!("{} not made again", found.unchecked));
    }
    if found.ends_within_a_tick {
        line("", "the last tick is incomplete and was skipped".to_owned());
    }
    for (path, at, error) in &found.without_engine {
        let cause = std::error::Error::source(error)
            .map(|source| format!(": {source}"))
            .unwrap_or_default();
        text.push_str(&format!(
            "\n{}:{at}: not verified from this line on\n  {error}{cause};\n  verify it with the version that recorded it\n",
            path.display()
        ));
    }
    found
        .differences
        .iter()
        .for_each(|difference| text.push_str(&described(difference)));
    text
}

fn described(difference: &Difference) -> String {
    let Difference {
        path,
        line,
        recorded,
        made,
    } = difference;
    let shown = |decision: &Option<Box<Decision>>| {
        decision
            .as_ref()
            .map_or("nothing".to_owned(), ToString::to_string)
    };
    format!(
        "\n{}:{line}: differs in {}\n  recorded  {}\n  made      {}\n",
        path.display(),
        difference.fields().join(", "),
        shown(recorded),
        shown(made)
    )
}
