//! The whole comparison: as a file that can be read again, and as tables.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::cells::{Cell, LONGER_WAITS_S, WAITS_S, percent_over};
use super::settings::fixed_name;
use super::text::Column::{Figures, Words};
use super::text::{Table, markdown};
use super::{Benchmark, DemandPoint, Hindsight, Point, picture};
use crate::evaluation::report::wording::{usd, wait};
use crate::file::write_whole;

/// Everything, with the names of its JSON form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// One benchmark for each trace.
    pub traces: Vec<Benchmark>,
}

/// Names of the files in the output folder.
const JSON_NAME: &str = "frontier.json";
const MARKDOWN_NAME: &str = "frontier.md";
const PICTURE_NAME: &str = "frontier.svg";

/// Why a report cannot be written, or read again.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message is its documentation; the fields are its parts"
)]
pub enum ReportError {
    #[error("{} cannot be written", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{} cannot be read; run once without --quick to make it", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is not what this version writes; run once without --quick to replace it", path.display())]
    Malformed {
        path: PathBuf,
        source: serde_json::Error,
    },
}

impl Report {
    /// Reads what an earlier comparison left in `folder`.
    ///
    /// # Errors
    /// When it is not there, or of another shape.
    pub fn read(folder: &Path) -> Result<Self, ReportError> {
        let path = folder.join(JSON_NAME);
        let bytes = std::fs::read(&path).map_err(|source| ReportError::Read {
            path: path.clone(),
            source,
        })?;
        serde_json::from_slice(&bytes).map_err(|source| ReportError::Malformed { path, source })
    }

    /// Writes `frontier.json`, `frontier.md` and `frontier.svg` into `folder`, which is made if it
    /// is missing.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn write(&self, folder: &Path) -> Result<(), ReportError> {
        let failed = |path: &Path, source| ReportError::Write {
            path: path.to_owned(),
            source,
        };
        std::fs::create_dir_all(folder).map_err(|source| failed(folder, source))?;
        for (name, content) in [
            (JSON_NAME, self.json()),
            (MARKDOWN_NAME, self.markdown()),
            (PICTURE_NAME, picture::draw(&self.traces)),
        ] {
            let path = folder.join(name);
            write_whole(&path, content.as_bytes()).map_err(|source| failed(&path, source))?;
        }
        Ok(())
    }

    /// All points, for other programs and for `--quick`.
    pub fn json(&self) -> String {
        match serde_json::to_string(self) {
            Ok(text) => text + "\n",
            Err(error) => unreachable!("every map of it has texts as keys: {error}"),
        }
    }

    /// The tables and the picture as a Markdown page.
    pub fn markdown(&self) -> String {
        format!(
            "# Benchmark of policies\n\n![cost over the p95 wait]({PICTURE_NAME})\n\n{}",
            markdown(&self.tables())
        )
    }

    /// The tables of each trace.
    pub fn tables(&self) -> Vec<Table> {
        let mut tables = Vec::new();
        for benchmark in &self.traces {
            tables.push(frontier_table(benchmark));
            tables.push(defaults_table(benchmark));
            if !benchmark.policies.is_empty() {
                tables.push(policies_table(benchmark));
            }
        }
        tables
    }
}

fn frontier_table(benchmark: &Benchmark) -> Table {
    let Hindsight {
        trace,
        synthetic,
        seeds,
        min_nodes,
        max_nodes,
        no_wait_usd,
        clairvoyant_usd,
        swept,
        defaults,
    } = &benchmark.hindsight;
    let kind = if *synthetic { "synthetic" } else { "recorded" };
    let settings = swept.len() + defaults.len();
    let cell = |cell: &Cell<'_>| {
        vec![
            wait_within(cell.wait_s),
            cell.frontier.map_or_else(none, |point| usd(point.cost_usd)),
            cell.frontier
                .map_or_else(none, |point| point.policy.clone()),
            cell.demand
                .map_or_else(none, |found| usd(found.point.cost_usd)),
            cell.demand
                .map_or_else(none, |found| found.performance_index.to_string()),
            cell.difference_percent().map_or_else(none, signed),
            benchmark
                .of_clairvoyant(cell)
                .map_or_else(none, |ratio| format!("{ratio:.2}")),
        ]
    };
    Table {
        title: format!(
            "{trace} ({kind}, {min_nodes} to {max_nodes} nodes, {settings} settings of baselines, seeds: {seeds})"
        ),
        note: format!(
            "no wait: {} USD, clairvoyant: {} USD{}",
            usd(*no_wait_usd),
            usd(*clairvoyant_usd),
            at_maximum(&benchmark.hindsight)
        ),
        heading: vec![
            Figures("p95\nwait"),
            Figures("frontier\nUSD"),
            Words("reached in hindsight by"),
            Figures("demand\nUSD"),
            Figures("index"),
            Figures("differs"),
            Figures("of clair-\nvoyant"),
        ],
        rows: benchmark
            .cells(&[&WAITS_S[..], &LONGER_WAITS_S].concat())
            .iter()
            .map(cell)
            .collect(),
    }
}

/// The least waiting that the scenario allows.
fn at_maximum(hindsight: &Hindsight) -> String {
    let fixed_max = fixed_name(hindsight.max_nodes);
    let found = hindsight
        .swept
        .iter()
        .find(|point| point.policy == fixed_max);
    found.map_or_else(String::new, |point| {
        format!(
            "; {fixed_max}: {} USD, p95 {}",
            usd(point.cost_usd),
            wait(point.wait_p95_s)
        )
    })
}

fn defaults_table(benchmark: &Benchmark) -> Table {
    let found = |found: Option<&DemandPoint>, figure: fn(&Point) -> String| {
        found.map_or_else(none, |found| figure(&found.point))
    };
    let rows = benchmark.against_defaults().into_iter().map(|against| {
        vec![
            against.default.policy.clone(),
            usd(against.default.cost_usd),
            wait(against.default.wait_p95_s),
            found(against.no_slower, |point| usd(point.cost_usd)),
            against
                .saving_percent()
                .map_or_else(none, |saving| signed(-saving)),
            found(against.no_dearer, |point| wait(point.wait_p95_s)),
            against
                .waiting_ratio()
                .map_or_else(none, |ratio| format!("{ratio:.2}")),
        ]
    });
    Table {
        title: format!(
            "{}: beside the baselines with default settings",
            benchmark.hindsight.trace
        ),
        note: String::new(),
        heading: vec![
            Words("baseline"),
            Figures("USD"),
            Figures("p95\nwait"),
            Figures("demand, no\nslower: USD"),
            Figures("differs"),
            Figures("no dearer:\np95 wait"),
            Figures("of its\nwaiting"),
        ],
        rows: rows.collect(),
    }
}

/// The policies that were named, each beside the frontier at its own waiting.
fn policies_table(benchmark: &Benchmark) -> Table {
    let frontier = benchmark.hindsight.frontier();
    let row = |point: &Point| {
        let beside = frontier.at(point.wait_p95_s);
        vec![
            point.policy.clone(),
            usd(point.cost_usd),
            wait(point.wait_p95_s),
            point.peak_nodes.to_string(),
            beside.map_or_else(none, |beside| usd(beside.cost_usd)),
            beside.map_or_else(none, |beside| {
                signed(percent_over(point.cost_usd, beside.cost_usd))
            }),
        ]
    };
    Table {
        title: format!("{}: the policies named", benchmark.hindsight.trace),
        note: String::new(),
        heading: vec![
            Words("policy"),
            Figures("USD"),
            Figures("p95\nwait"),
            Figures("peak\nnodes"),
            Figures("frontier\nUSD"),
            Figures("differs"),
        ],
        rows: benchmark.policies.iter().map(row).collect(),
    }
}

fn wait_within(wait_s: f64) -> String {
    if wait_s < 1_000.0 {
        format!("{wait_s} s")
    } else {
        format!("{} min", wait_s / 60.0)
    }
}

fn signed(percent: f64) -> String {
    format!("{percent:+.1}%")
}

fn none() -> String {
    "-".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::testing::{benchmark, demand, point};
    use crate::compare::text::terminal;

    fn report() -> Report {
        let points = vec![
            demand(1, 60.0, 240.0),
            demand(50, 81.5, 90.0),
            demand(100, 98.0, 60.0),
        ];
        let mut traces = vec![
            benchmark("short-containers", points),
            benchmark("office-day", vec![demand(50, 84.0, 130.0)]),
        ];
        traces[1].policies = vec![point("mine", 90.0, 300.0)];
        Report { traces }
    }

    #[test]
    fn the_page_looks_like_this() {
        insta::assert_snapshot!(report().markdown());
    }

    #[test]
    fn the_tables_fit_80_columns() {
        let text = terminal(&report().tables(), 80);
        assert_eq!(
            text.lines().find(|line| line.chars().count() > 80),
            None,
            "{text}"
        );
        insta::assert_snapshot!(text);
    }

    #[test]
    fn what_was_written_can_be_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let inner = folder.path().join("new");
        report().write(&inner).expect("writes");
        assert_eq!(Report::read(&inner).expect("reads"), report());
        let picture = std::fs::read_to_string(inner.join(PICTURE_NAME)).expect("a picture");
        assert!(picture.contains(">office-day</text>"), "{picture}");
    }

    #[test]
    fn a_folder_without_a_report_says_what_to_do() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = Report::read(folder.path())
            .expect_err("nothing is there")
            .to_string();
        assert_eq!(
            error,
            format!(
                "{} cannot be read; run once without --quick to make it",
                folder.path().join(JSON_NAME).display()
            )
        );
    }
}
