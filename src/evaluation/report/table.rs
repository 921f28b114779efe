//! The table that a person reads, with its verdict and its legend.

use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, LineStyle, Table,
    TableStyle,
};

use super::verdict::verdict;
use super::wording::{count, usd, wait};
use super::{Comparison, Row};
use crate::evaluation::statistics::Summary;
use crate::safe_text::one_line;
use crate::trace::Kind;
use crate::units::display_duration;

/// How wide and how colourful the output is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// In columns; 80 fits every table whose policy names have up to 16 letters.
    pub width: u16,
    /// Colours and bold; off when the output is not a terminal.
    pub colour: bool,
}

const HEADING: [&str; 9] = [
    "",
    "policy,\ncheapest first",
    "cost\nUSD",
    "idle\nUSD",
    "wait\nmean",
    "wait\np95",
    "wait\nmax",
    OVER_GOAL,
    "\nresizes",
];
/// The column that is left out when no goal is set.
const OVER_GOAL: &str = "over\ngoal";
/// Which column holds the names.
const NAMES: usize = 1;
const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// Renders a title, the table and the verdict for each trace, then a legend.
pub fn render(comparisons: &[Comparison], look: Look) -> String {
    let mut text = String::new();
    for comparison in comparisons {
        text += &wrapped(&title(comparison), look.width);
        text += "\n";
        text += &table(comparison, look).trim_fmt();
        text += "\n\n";
        text += &wrapped(&verdict(comparison), look.width);
        if let Some(reruns) = reruns(comparison) {
            text += &wrapped(&reruns, look.width);
        }
        text += "\n";
    }
    text + &legend(comparisons, look.width)
}

fn title(comparison: &Comparison) -> String {
    let trace = &comparison.trace;
    let source = if trace.synthetic {
        "synthetic trace"
    } else {
        "recorded trace"
    };
    let seeds = match comparison.rows().iter().map(|row| row.cards.len()).max() {
        Some(0 | 1) | None => String::new(),
        Some(seeds) => format!(", {seeds} seeds (± is half the 95% interval)"),
    };
    let goal = match trace.goal {
        Some(goal) => format!("Goal: p95 wait of at most {}.", display_duration(goal)),
        None => "No goal for waiting is set.".to_owned(),
    };
    format!("{}: {source}{seeds}. {goal}", one_line(&trace.name))
}

fn table(comparison: &Comparison, look: Look) -> Table {
    let mut table = Table::new();
    table
        .load_style(STYLE)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(look.width)
        .force_no_tty();
    if look.colour {
        table.enforce_styling();
    }
    let heading = HEADING
        .iter()
        .filter(|heading| **heading != OVER_GOAL || comparison.trace.goal.is_some());
    table.set_header(heading.map(|heading| Cell::new(heading).add_attribute(Attribute::Bold)));
    let best = Best::of(comparison);
    for row in comparison.rows() {
        table.add_row(policy_cells(comparison, row, &best));
    }
    if let Some(card) = comparison.rows().first().map(|row| &row.cards[0]) {
        table.add_row([""]);
        table.add_row(bound_cells("bound: work", card.work_bound_usd, ""));
        table.add_row(bound_cells("bound: no wait", card.no_wait_bound_usd, "0s"));
        table.add_row(bound_cells(
            "bound: clairvoyant",
            card.clairvoyant_usd,
            "0s",
        ));
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        // The header's line already parts the columns by one.
        column.set_padding((0, 0));
        // Only the names may be broken over lines.
        if index != NAMES {
            column.set_cell_alignment(CellAlignment::Right);
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    table
}

/// The lowest figures, which are marked where policies differ in them.
struct Best {
    cost_usd: Option<f64>,
    wait_mean_s: Option<f64>,
    wait_p95_s: Option<f64>,
    wait_max_s: Option<f64>,
}

impl Best {
    fn of(comparison: &Comparison) -> Self {
        Self {
            cost_usd: lowest(comparison, |row| row.cost_usd.mean),
            wait_mean_s: lowest(comparison, |row| row.wait_mean_s.mean),
            wait_p95_s: lowest(comparison, |row| row.wait_p95_s.mean),
            wait_max_s: lowest(comparison, |row| row.wait_max_s.mean),
        }
    }
}

/// The lowest figure of the policies that finished; `None` where all have the same.
fn lowest(comparison: &Comparison, figure: fn(&Row) -> f64) -> Option<f64> {
    let figures: Vec<f64> = comparison.finished().map(figure).collect();
    let low = figures.iter().copied().min_by(f64::total_cmp)?;
    let high = figures.iter().copied().max_by(f64::total_cmp)?;
    (low < high).then_some(low)
}

fn policy_cells(comparison: &Comparison, row: &Row, best: &Best) -> Vec<Cell> {
    let wins = comparison
        .recommended()
        .is_some_and(|best| best.policy == row.policy);
    let (sign, name) = match (wins, comparison.is_dominated(row)) {
        (true, _) => (
            ">",
            Cell::new(&row.policy)
                .add_attribute(Attribute::Bold)
                .fg(Color::Green),
        ),
        (_, true) => ("†", Cell::new(&row.policy).add_attribute(Attribute::Dim)),
        _ => ("", Cell::new(&row.policy)),
    };
    let mut cells = vec![
        Cell::new(sign),
        name,
        ranked(row.cost_usd, usd, best.cost_usd),
        Cell::new(figure(row.idle_usd, usd, "")),
        ranked(row.wait_mean_s, wait, best.wait_mean_s),
        ranked(row.wait_p95_s, wait, best.wait_p95_s),
        ranked(row.wait_max_s, wait, best.wait_max_s),
    ];
    cells.extend(
        row.slo_miss_percent
            .map(|late| Cell::new(figure(late, |percent| format!("{percent:.1}%"), ""))),
    );
    cells.push(Cell::new(figure(row.resizes, count, "")));
    cells
}

/// A figure that is marked where it is the best of its column.
fn ranked(summary: Summary, words: fn(f64) -> String, best: Option<f64>) -> Cell {
    if best == Some(summary.mean) {
        Cell::new(figure(summary, words, MARK)).fg(Color::Green)
    } else {
        Cell::new(figure(summary, words, NO_MARK))
    }
}

const MARK: &str = "*";
/// As wide as the mark, so that digits are aligned; the table would trim an ordinary space.
const NO_MARK: &str = "\u{a0}";

/// The mean, with its uncertainty on a second line.
fn figure(summary: Summary, words: fn(f64) -> String, mark: &str) -> String {
    let mean = words(summary.mean);
    match summary.ci95_half_width {
        Some(half_width) => format!(
            "{mean}{mark}\n±{}{}",
            words(half_width),
            if mark.is_empty() { "" } else { NO_MARK }
        ),
        None => mean + mark,
    }
}

fn bound_cells(name: &str, cost_usd: f64, waiting: &str) -> Vec<Cell> {
    let cells = [
        "",
        name,
        &(usd(cost_usd) + NO_MARK),
        "",
        &format!("{waiting}{NO_MARK}"),
    ];
    cells.map(Cell::new).to_vec()
}

fn reruns(comparison: &Comparison) -> Option<String> {
    let mean = |row: &Row| {
        Summary::of(
            &row.cards
                .iter()
                .map(|card| card.tasks_rerun as f64)
                .collect::<Vec<_>>(),
        )
        .mean
    };
    let lost: Vec<(&str, f64)> = comparison
        .rows()
        .iter()
        .map(|row| (row.policy.as_str(), mean(row)))
        .filter(|(_, tasks)| *tasks > 0.0)
        .collect();
    let listed: Vec<String> = lost
        .iter()
        .map(|(policy, tasks)| format!("{policy} {}", count(*tasks)))
        .collect();
    (!listed.is_empty())
        .then(|| format!("Tasks that were lost and ran again: {}.", listed.join(", ")))
}

/// Explains the words and signs, in fewer columns than the table has.
fn legend(comparisons: &[Comparison], width: u16) -> String {
    let has = |kind| {
        comparisons
            .iter()
            .any(|comparison| comparison.trace.kind == kind)
    };
    let has_goal = comparisons
        .iter()
        .any(|comparison| comparison.trace.goal.is_some());
    let mut lines = vec![
        if has_goal {
            "> wins   * lowest of its column   p95: 95% of the work waits at most this long"
        } else {
            "* lowest of its column   p95: 95% of the work waits at most this long"
        },
        "† beaten: another policy is no worse in cost, mean and p95 wait, better in one",
    ];
    if has(Kind::Jobs) {
        lines.push("wait: of a task, from the moment it could run until its container starts");
    }
    if has(Kind::Observations) {
        lines.push("wait: of observed load, in a fluid FIFO queue, weighted by arriving memory");
    }
    lines.push(if has_goal {
        "over goal: share of the work that waits longer   idle: paid for, but not used"
    } else {
        "> recommended   idle: paid for, but not used"
    });
    lines.push("bounds: no policy costs less than work; the others are the least without waits");
    if comparisons
        .iter()
        .any(|comparison| comparison.trace.synthetic)
    {
        lines.push("synthetic: made by a generator, not recorded from a cluster");
    }
    lines.into_iter().map(|line| wrapped(line, width)).collect()
}

/// Breaks a text between words.
pub fn wrapped(text: &str, width: u16) -> String {
    let mut table = borderless(width);
    table.add_row([text]);
    if let Some(column) = table.column_mut(0) {
        column.set_padding((0, 0));
    }
    table.trim_fmt() + "\n"
}

fn borderless(width: u16) -> Table {
    let mut table = Table::new();
    table
        .load_style(TableStyle::new())
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width)
        .force_no_tty();
    table
}
