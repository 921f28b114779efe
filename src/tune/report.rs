//! What a person, or another program, reads after a search.

use comfy_table::{
    CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle,
};
use serde::Serialize;

use super::evaluator::Evaluator;
use super::parameter::Parameter;
use super::search::{Candidate, Effort};
use super::search_space::SearchSpace;
use super::unseen::Confidence;
use super::{Finalist, Tuned};
use crate::evaluation::report::table::wrapped;
use crate::evaluation::report::wording::{compared, usd, wait};
use crate::evaluation::statistics::Summary;
use crate::units::display_duration;

/// Longer frontiers are thinned out.
const MOST_ROWS: usize = 14;
/// More columns do not fit 80 characters.
const MOST_COLUMNS: usize = 9;
const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// A search and what it was about.
#[derive(Clone, Copy)]
pub struct Report<'a> {
    /// The traces and the goal.
    pub evaluator: &'a Evaluator<'a>,
    /// What was varied.
    pub space: &'a SearchSpace,
    /// What was found.
    pub tuned: &'a Tuned,
    /// How it was searched.
    pub effort: Effort,
    /// The policy's file.
    pub file: &'a str,
}

impl Report<'_> {
    /// A page of `width` columns.
    pub fn text(&self, width: u16) -> String {
        let mut text = wrapped(&self.title(), width);
        text += "\n";
        text += &self.parameters(width).trim_fmt();
        text += "\n\n";
        text += &self.frontier(width).trim_fmt();
        text += "\n\n";
        for paragraph in [self.verdict(), self.certainty()] {
            text += &wrapped(&paragraph, width);
        }
        text += "\n";
        for line in LEGEND {
            text += &wrapped(line, width);
        }
        text
    }

    fn title(&self) -> String {
        let traces: Vec<&str> = self.evaluator.traces().collect();
        let goal = display_duration(self.evaluator.goal());
        format!(
            "{} on {}: {} policies tried. Goal: p95 wait of at most {goal}{}.",
            self.file,
            traces.join(", "),
            self.tuned.candidates.len(),
            if traces.len() > 1 {
                " on each trace"
            } else {
                ""
            }
        )
    }

    fn parameters(&self, width: u16) -> Table {
        let mut table = plain(width);
        table.set_header(["", "varied", "from .. to", "as written"]);
        for (number, parameter) in self.space.parameters().iter().enumerate() {
            let written = parameter
                .written
                .clone()
                .unwrap_or_else(|| "(left out)".to_owned());
            table.add_row([
                format!("{}", number + 1),
                parameter.path.clone(),
                parameter.range.to_string(),
                written,
            ]);
        }
        table
    }

    fn frontier(&self, width: u16) -> Table {
        let mut table = plain(width);
        let columns = self.space.parameters().len().min(MOST_COLUMNS);
        let numbers = (1..=columns).map(|number| number.to_string());
        table.set_header(
            [
                "".to_owned(),
                "cost\nUSD".to_owned(),
                "wait\np95".to_owned(),
            ]
            .into_iter()
            .chain(numbers),
        );
        for index in self.shown() {
            let candidate = &self.tuned.candidates[index];
            let mark = match index {
                _ if self
                    .tuned
                    .chosen()
                    .is_some_and(|chosen| chosen.candidate == index) =>
                {
                    ">"
                }
                0 => "=",
                _ => "",
            };
            let figures = [
                mark.to_owned(),
                usd(candidate.figures.cost_usd()),
                wait(candidate.figures.wait_p95_s()),
            ];
            table.add_row(
                figures
                    .into_iter()
                    .chain(values(self.space.parameters(), candidate).take(columns)),
            );
        }
        for column in table.column_iter_mut() {
            column.set_cell_alignment(CellAlignment::Right);
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
        table
    }

    /// The frontier, thinned out, with what was chosen and what is written.
    fn shown(&self) -> Vec<usize> {
        let frontier = &self.tuned.frontier;
        let chosen = self.tuned.chosen().map(|finalist| finalist.candidate);
        let rows = frontier.len().min(MOST_ROWS);
        let thinned = (0..rows).map(|row| frontier[row * (frontier.len() - 1) / (rows - 1).max(1)]);
        let mut shown: Vec<usize> = thinned.chain(chosen).chain([0]).collect();
        shown.sort_unstable();
        shown.dedup();
        let cost_usd = |index: &usize| self.tuned.candidates[*index].figures.cost_usd();
        shown.sort_by(|one, other| cost_usd(one).total_cmp(&cost_usd(other)));
        shown
    }

    fn verdict(&self) -> String {
        let (Some(chosen), Some(start)) = (self.tuned.chosen(), self.tuned.start()) else {
            return "No policy finished all the work, so none can be recommended.".to_owned();
        };
        let goal_s = self.evaluator.goal().as_secs_f64();
        let standing = if chosen.wait_p95_s.mean <= goal_s {
            "The best"
        } else {
            "None keeps the goal. The one that waits least"
        };
        let figures = format!(
            "{} USD and waits {} (p95)",
            with_interval(&chosen.cost_usd, usd),
            with_interval(&chosen.wait_p95_s, wait)
        );
        if chosen.candidate == start.candidate {
            return format!(
                "{standing} is the written policy: it costs {figures}{}.",
                seeds(&chosen.cost_usd)
            );
        }
        format!(
            "{standing} costs {figures}: {} the written policy, which costs {} USD and waits {}{}.",
            compared(chosen.cost_usd.mean, start.cost_usd.mean),
            with_interval(&start.cost_usd, usd),
            with_interval(&start.wait_p95_s, wait),
            seeds(&chosen.cost_usd)
        )
    }

    fn certainty(&self) -> String {
        let Some(days) = &self.tuned.on_days else {
            return "The trace has one day only, so it cannot show how the choice does on other days; use a longer trace.".to_owned();
        };
        let mut text = describe(days, "day");
        if let Some(traces) = &self.tuned.on_traces {
            text += " ";
            text += &describe(traces, "trace");
        }
        text
    }

    /// For other programs.
    ///
    /// # Errors
    /// None that a search can cause; a figure that is not a number becomes `null`.
    pub fn json(&self) -> serde_json::Result<String> {
        let document = Document {
            policy: self.file,
            traces: self.evaluator.traces().collect(),
            goal_wait_p95_s: self.evaluator.goal().as_secs_f64(),
            seed: self.effort.seed,
            varied: self
                .space
                .parameters()
                .iter()
                .map(ParameterRow::of)
                .collect(),
            candidates: self.tuned.candidates.iter().map(CandidateRow::of).collect(),
            frontier: &self.tuned.frontier,
            finalists: self.tuned.finalists.iter().map(FinalistRow::of).collect(),
            best: self.tuned.chosen().map(|chosen| chosen.candidate),
            on_unseen_days: self.tuned.on_days.as_ref(),
            on_unseen_traces: self.tuned.on_traces.as_ref(),
        };
        Ok(serde_json::to_string_pretty(&document)? + "\n")
    }
}

const LEGEND: [&str; 4] = [
    "> the best for the goal   = the written policy",
    "Other rows: no other candidate is cheaper and waits less.",
    "p95: 95% of the work waits at most this long.",
    "The table is of one seed, the choice of all seeds.",
];

/// `candidates[0]` is the written policy, without values; positions in `frontier`,
/// `finalists` and `best` are positions there.
#[derive(Serialize)]
struct Document<'a> {
    policy: &'a str,
    traces: Vec<&'a str>,
    goal_wait_p95_s: f64,
    seed: u64,
    varied: Vec<ParameterRow>,
    candidates: Vec<CandidateRow>,
    frontier: &'a [usize],
    finalists: Vec<FinalistRow>,
    best: Option<usize>,
    on_unseen_days: Option<&'a Confidence>,
    on_unseen_traces: Option<&'a Confidence>,
}

#[derive(Serialize)]
struct ParameterRow {
    path: String,
    range: String,
    written: Option<String>,
}

#[derive(Serialize)]
struct CandidateRow {
    /// In the order of `varied`.
    values: Option<Vec<String>>,
    cost_usd: f64,
    wait_p95_s: f64,
    unfinished: u64,
}

#[derive(Serialize)]
struct FinalistRow {
    candidate: usize,
    cost_usd: Summary,
    wait_p95_s: Summary,
}

impl ParameterRow {
    fn of(parameter: &Parameter) -> Self {
        Self {
            path: parameter.path.clone(),
            range: parameter.range.to_string(),
            written: parameter.written.clone(),
        }
    }
}

impl CandidateRow {
    fn of(candidate: &Candidate) -> Self {
        let values = candidate.values.iter().map(ToString::to_string).collect();
        Self {
            values: Some(values).filter(|values: &Vec<String>| !values.is_empty()),
            cost_usd: candidate.figures.cost_usd(),
            wait_p95_s: candidate.figures.wait_p95_s(),
            unfinished: candidate.figures.unfinished(),
        }
    }
}

impl FinalistRow {
    fn of(finalist: &Finalist) -> Self {
        Self {
            candidate: finalist.candidate,
            cost_usd: finalist.cost_usd,
            wait_p95_s: finalist.wait_p95_s,
        }
    }
}

fn values<'k>(
    parameters: &'k [Parameter],
    candidate: &'k Candidate,
) -> impl Iterator<Item = String> + 'k {
    let written =
        |parameter: &Parameter| parameter.written.clone().unwrap_or_else(|| "-".to_owned());
    parameters.iter().enumerate().map(
        move |(index, parameter)| match candidate.values.get(index) {
            // Narrow enough for many columns.
            Some(value) => value.to_string().replace(' ', ""),
            None => written(parameter),
        },
    )
}

fn describe(confidence: &Confidence, unit: &str) -> String {
    let Confidence {
        folds,
        within_goal,
        within_goal_start,
        cost_percent_over_seen,
        cost_percent_over_start,
        ..
    } = confidence;
    format!(
        "On {unit}s that the choice did not see (each of {folds} left out once) it costs {} a choice that saw them, {} the policy as \
         it is written; p95 wait is within the goal on {within_goal} of {folds} {unit}s (as written: {within_goal_start}).",
        percent(cost_percent_over_seen),
        percent(cost_percent_over_start),
    )
}

/// `2.1 ± 0.4% more than`.
fn percent(summary: &Summary) -> String {
    let half_width = summary.ci95_half_width.unwrap_or(0.0);
    if summary.mean.abs() < 0.05 && half_width < 0.05 {
        return "as much as".to_owned();
    }
    let direction = if summary.mean < 0.0 { "less" } else { "more" };
    format!(
        "{:.1} ± {half_width:.1}% {direction} than",
        summary.mean.abs()
    )
}

fn with_interval(summary: &Summary, shown: fn(f64) -> String) -> String {
    match summary
        .ci95_half_width
        .filter(|half_width| *half_width > 0.0)
    {
        Some(half_width) => format!("{} ± {}", shown(summary.mean), shown(half_width)),
        None => shown(summary.mean),
    }
}

fn seeds(summary: &Summary) -> String {
    if summary.n > 1 {
        format!(" (means of {} seeds)", summary.n)
    } else {
        String::new()
    }
}

fn plain(width: u16) -> Table {
    let mut table = Table::new();
    table
        .load_style(STYLE)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width)
        .force_no_tty();
    table
}
