//! The whole comparison: as a file that can be read again, and as tables.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::aims::{Aim, Cell, LONGER_WAITS_S, WAITS_S, aims, percent_over};
use super::sweep::fixed_name;
use super::text::Column::{Figures, Words};
use super::text::{Table, markdown};
use super::{DemandPoint, Hindsight, MONOTONY_INDEXES, Point, Survey, picture};
use crate::evaluation::report::wording::{usd, wait};
use crate::file::write_whole;

/// Everything, with the names of its JSON form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub traces: Vec<Survey>,
    pub aims: Vec<Aim>,
}

/// Names of the files in the output folder.
const JSON_NAME: &str = "frontier.json";
const MARKDOWN_NAME: &str = "frontier.md";
const PICTURE_NAME: &str = "frontier.svg";

/// Why a report cannot be written, or read again.
#[derive(Debug, thiserror::Error)]
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
    pub fn of(traces: Vec<Survey>) -> Self {
        let aims = aims(&traces);
        Self { traces, aims }
    }

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

    pub fn json(&self) -> String {
        match serde_json::to_string(self) {
            Ok(text) => text + "\n",
            Err(error) => unreachable!("every map of it has texts as keys: {error}"),
        }
    }

    pub fn markdown(&self) -> String {
        format!(
            "# The frontier test\n\n![cost over p95 waiting]({PICTURE_NAME})\n\n{}",
            markdown(&self.tables())
        )
    }

    /// The aims first, then each trace.
    pub fn tables(&self) -> Vec<Table> {
        let traces = self.traces.iter().flat_map(|survey| {
            let given = (!survey.given.is_empty()).then(|| given_table(survey));
            [frontier_table(survey), defaults_table(survey)]
                .into_iter()
                .chain(given)
        });
        let monotony = self
            .traces
            .iter()
            .any(|survey| !survey.monotony.is_empty())
            .then(|| monotony_table(&self.traces));
        [aims_table(&self.aims)]
            .into_iter()
            .chain(monotony)
            .chain(traces)
            .collect()
    }
}

fn aims_table(aims: &[Aim]) -> Table {
    let met = |aim: &Aim| match aim.met {
        Some(true) => "met",
        Some(false) => "missed",
        None => "not tried",
    };
    Table {
        title: "Aims".into(),
        note: String::new(),
        heading: vec![Words("aim"), Words("reached"), Figures("")],
        rows: aims
            .iter()
            .map(|aim| vec![aim.aim.clone(), aim.figure.clone(), met(aim).to_owned()])
            .collect(),
    }
}

fn frontier_table(survey: &Survey) -> Table {
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
    } = &survey.hindsight;
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
            survey
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
            at_maximum(&survey.hindsight)
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
        rows: survey
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

fn defaults_table(survey: &Survey) -> Table {
    let found = |found: Option<&DemandPoint>, figure: fn(&Point) -> String| {
        found.map_or_else(none, |found| figure(&found.point))
    };
    let rows = survey.against_defaults().into_iter().map(|against| {
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
            "{}: beside the baselines as people run them",
            survey.hindsight.trace
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
fn given_table(survey: &Survey) -> Table {
    let frontier = survey.hindsight.frontier();
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
        title: format!("{}: the policies given", survey.hindsight.trace),
        note: String::new(),
        heading: vec![
            Words("policy"),
            Figures("USD"),
            Figures("p95\nwait"),
            Figures("peak\nnodes"),
            Figures("frontier\nUSD"),
            Figures("differs"),
        ],
        rows: survey.given.iter().map(row).collect(),
    }
}

fn monotony_table(surveys: &[Survey]) -> Table {
    let row = |survey: &Survey, what: &str, figure: fn(&Point) -> String| {
        let at = |index: &u8| {
            survey
                .monotony
                .iter()
                .find(|found| found.performance_index == *index)
        };
        let figures = MONOTONY_INDEXES
            .iter()
            .map(|index| at(index).map_or_else(none, |found| figure(&found.point)));
        [survey.hindsight.trace.clone(), what.to_owned()]
            .into_iter()
            .chain(figures)
            .collect::<Vec<_>>()
    };
    let rows = |survey: &Survey| {
        [
            row(survey, "USD", |point| usd(point.cost_usd)),
            row(survey, "p95", |point| wait(point.wait_p95_s)),
        ]
    };
    let seeds = surveys
        .iter()
        .map(|survey| survey.monotony_seeds)
        .min()
        .unwrap_or_default();
    Table {
        title: format!("demand by performance_index (seeds: {seeds})"),
        note: String::new(),
        heading: vec![
            Words("trace"),
            Words(""),
            Figures("1"),
            Figures("25"),
            Figures("50"),
            Figures("75"),
            Figures("100"),
        ],
        rows: surveys.iter().flat_map(rows).collect(),
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
    use crate::compare::testing::{demand, point, survey};
    use crate::compare::text::terminal;

    fn report() -> Report {
        let points = vec![
            demand(1, 60.0, 240.0),
            demand(50, 81.5, 90.0),
            demand(100, 98.0, 60.0),
        ];
        let mut surveys = vec![
            survey("short-containers", points),
            survey("office-day", vec![demand(50, 84.0, 130.0)]),
        ];
        surveys[1].given = vec![point("mine", 90.0, 300.0)];
        Report::of(surveys)
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
