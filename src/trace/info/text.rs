//! The summary of a trace as text of 80 columns.

use std::fmt;
use std::time::Duration;

use super::{Contents, Curve, Info, JobTotals, ObservationTotals};
use crate::trace::Header;
use crate::units::{Resources, Timestamp, display_duration};

const WIDTH: usize = 80;
const PICTURE_ROWS: usize = 8;
/// The width of the vertical axis with its labels.
const MARGIN: usize = 9;
const LABEL: usize = 12;
/// Eighths of a character cell, from the bottom.
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

impl fmt::Display for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.path.display())?;
        let made = if self.header.synthetic {
            "synthetic"
        } else {
            "recorded"
        };
        line(
            f,
            "kind",
            format_args!("{}, {made}", self.header.kind.as_str()),
        )?;
        if !self.header.source.is_empty() {
            wrapped(f, "source", &self.header.source)?;
        }
        line(f, "start", start(&self.header))?;
        match &self.contents {
            Contents::Jobs(totals) => jobs(f, totals)?,
            Contents::Observations(totals) => observations(f, totals)?,
        }
        if let Some(torn) = &self.torn_tail {
            line(
                f,
                "torn tail",
                format_args!(
                    "line {} is incomplete and not counted ({} bytes)",
                    torn.line, torn.bytes
                ),
            )?;
        }
        let what = match self.contents {
            Contents::Jobs(_) => "Memory that tasks would take if nothing waited",
            Contents::Observations(_) => "Memory allocated and pending",
        };
        picture(f, what, &self.demand, &self.header)
    }
}

/// One line, for the result of an import.
impl fmt::Display for JobTotals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let span = coarse(
            self.last_submit
                .saturating_sub(self.first_submit.unwrap_or_default()),
        );
        let (jobs, tasks) = (counted(self.jobs, "job"), counted(self.tasks, "task"));
        write!(
            f,
            "{jobs}, {tasks}, {:.2} core-hours, {:.1} GiB-hours, submitted over {span}",
            self.core_hours, self.gib_hours
        )
    }
}

fn jobs(f: &mut fmt::Formatter<'_>, totals: &JobTotals) -> fmt::Result {
    let first = totals.first_submit.unwrap_or_default();
    line(
        f,
        "jobs",
        format_args!(
            "{}, submitted from {} to {}",
            grouped(totals.jobs),
            coarse(first),
            coarse(totals.last_submit)
        ),
    )?;
    line(
        f,
        "without wait",
        format_args!(
            "the last task would end at {}",
            coarse(totals.unhindered_end)
        ),
    )?;
    if totals.spark_applications > 0 {
        let applications = grouped(totals.spark_applications);
        let text =
            format_args!("Spark's, of {applications} jobs; they hold more than their tasks do");
        line(f, "executors", text)?;
    }
    line(f, "stages", grouped(totals.stages))?;
    line(f, "tasks", grouped(totals.tasks))?;
    let quantile = |share| {
        display_duration(totals.task_lengths.quantile(share).unwrap_or_default()).to_string()
    };
    line(
        f,
        "durations",
        format_args!(
            "p50 {}, p95 {}, max {}",
            quantile(0.5),
            quantile(0.95),
            quantile(1.0)
        ),
    )?;
    line(
        f,
        "work",
        format_args!(
            "{:.2} core-hours, {:.1} GiB-hours",
            totals.core_hours, totals.gib_hours
        ),
    )?;
    line(
        f,
        "largest",
        format_args!("{} for a container", size(totals.largest)),
    )?;
    line(
        f,
        "peak",
        format_args!("{} if nothing waited", size(totals.peak)),
    )
}

fn observations(f: &mut fmt::Formatter<'_>, totals: &ObservationTotals) -> fmt::Result {
    let last = totals
        .last
        .map(|(at, _)| at)
        .or(totals.first)
        .unwrap_or_default();
    let span = coarse(last.since(totals.first.unwrap_or_default()));
    let every = display_duration(totals.intervals.quantile(0.5).unwrap_or_default()).to_string();
    line(
        f,
        "records",
        format_args!(
            "{} over {span}, usually every {every}",
            counted(totals.observations, "observation")
        ),
    )?;
    observations_without(f, totals.without_yarn, "YARN")?;
    line(
        f,
        "",
        format_args!(
            "{}, {}",
            counted(totals.decisions, "decision"),
            counted(totals.outcomes, "outcome")
        ),
    )?;
    match totals.gaps() {
        Some((count, widest)) => line(
            f,
            "gaps",
            format_args!(
                "{} longer than three intervals, the longest {}",
                grouped(count),
                coarse(widest)
            ),
        )?,
        None => line(f, "gaps", "none")?,
    }
    observations_without(f, totals.without_vcores, "vcores")?;
    observed_work(f, totals)
}

/// How many observations have no values of YARN, or of vcores; nothing where all have them.
fn observations_without(f: &mut fmt::Formatter<'_>, number: u64, what: &str) -> fmt::Result {
    if number == 0 {
        return Ok(());
    }
    let observations = counted(number, "observation");
    line(f, "", format_args!("{observations} without {what}"))
}

/// The work and the peak of observations; without cores where no observation has them.
fn observed_work(f: &mut fmt::Formatter<'_>, totals: &ObservationTotals) -> fmt::Result {
    if totals.without_yarn + totals.without_vcores == totals.observations {
        line(
            f,
            "work",
            format_args!("{:.1} GiB-hours allocated", totals.gib_hours),
        )?;
        return line(
            f,
            "peak",
            format_args!(
                "{} GiB allocated and pending",
                gib(totals.peak.memory.as_f64() / 1024.0)
            ),
        );
    }
    line(
        f,
        "work",
        format_args!(
            "{:.2} core-hours, {:.1} GiB-hours allocated",
            totals.core_hours, totals.gib_hours
        ),
    )?;
    line(
        f,
        "peak",
        format_args!("{} allocated and pending", size(totals.peak)),
    )
}

fn line(f: &mut fmt::Formatter<'_>, label: &str, value: impl fmt::Display) -> fmt::Result {
    writeln!(f, "  {label:<LABEL$}  {value}")
}

/// Writes a long text over several lines, wrapped between words.
fn wrapped(f: &mut fmt::Formatter<'_>, label: &str, text: &str) -> fmt::Result {
    let room = WIDTH - LABEL - 4;
    let mut current = String::new();
    let mut label = label;
    for word in text.split_whitespace() {
        if !current.is_empty() && current.chars().count() + 1 + word.chars().count() > room {
            line(f, label, &current)?;
            label = "";
            current.clear();
        }
        if !current.is_empty() {
            current.push(' ');
        }
        current.push_str(word);
    }
    line(f, label, current)
}

/// Draws a chart of block characters with a title; memory is on the vertical axis, time on the
/// horizontal.
fn picture(f: &mut fmt::Formatter<'_>, what: &str, demand: &Curve, header: &Header) -> fmt::Result {
    let width = WIDTH - MARGIN;
    let columns = demand.columns(width);
    let highest_gib = columns
        .iter()
        .flatten()
        .fold(0.0_f64, |highest, mib| highest.max(mib / 1024.0));
    if highest_gib <= 0.0 {
        return Ok(());
    }
    let top_gib = round_up(highest_gib);
    writeln!(
        f,
        "\n  {what} (GiB, mean of each {})",
        coarse(demand.end() / width as u32)
    )?;
    for row in (0..PICTURE_ROWS).rev() {
        let label = match row {
            _ if row == PICTURE_ROWS - 1 => short(top_gib),
            _ if row + 1 == PICTURE_ROWS / 2 => short(top_gib / 2.0),
            0 => "0".to_owned(),
            _ => String::new(),
        };
        let bars: String = columns
            .iter()
            .map(|mib| block(mib.map(|mib| mib / 1024.0 / top_gib), row))
            .collect();
        writeln!(
            f,
            "{label:>width$} ┤{}",
            bars.trim_end(),
            width = MARGIN - 2
        )?;
    }
    writeln!(
        f,
        "{:>width$} └{}",
        "",
        "─".repeat(width),
        width = MARGIN - 2
    )?;
    let format = if demand.end() < Duration::from_secs(3_600) {
        "%F %T"
    } else {
        "%F %H:%M"
    };
    let [left, middle, right] = [Duration::ZERO, demand.end() / 2, demand.end()]
        .map(|elapsed| instant(header, elapsed, format));
    let half = width.saturating_sub(middle.chars().count()) / 2;
    let labels = format!("{left:<half$}{middle}");
    writeln!(
        f,
        "{:>MARGIN$}{labels}{right:>rest$}",
        "",
        rest = width.saturating_sub(labels.chars().count())
    )
}

/// The part of a bar in this row of the chart; a dot in the lowest row where the demand is unknown.
fn block(share: Option<f64>, row: usize) -> char {
    let Some(share) = share else {
        return if row == 0 { '·' } else { ' ' };
    };
    let eighths = (share * (8 * PICTURE_ROWS) as f64).round() as usize;
    // A small demand is still visible.
    let eighths = if share > 0.0 { eighths.max(1) } else { 0 };
    BLOCKS[eighths.saturating_sub(8 * row).min(8)]
}

/// The next larger number that is, like its half, easy to read.
fn round_up(value: f64) -> f64 {
    let magnitude = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    steps
        .into_iter()
        .map(|step| step * magnitude)
        .find(|candidate| *candidate >= value)
        .unwrap_or(10.0 * magnitude)
}

/// A number in at most six characters.
fn short(value: f64) -> String {
    match value {
        _ if value >= 1e7 => format!("{value:.0e}"),
        _ if value >= 1e4 => format!("{:.0}k", value / 1e3),
        _ if value >= 10.0 || value.fract() == 0.0 => format!("{value:.0}"),
        _ => format!("{value:.2}"),
    }
}

fn size(each: Resources) -> String {
    format!(
        "{} GiB, {}",
        gib(each.memory.as_f64() / 1024.0),
        counted(each.vcores.get(), "vcore")
    )
}

fn counted(number: u64, what: &str) -> String {
    format!(
        "{} {what}{}",
        grouped(number),
        if number == 1 { "" } else { "s" }
    )
}

fn gib(value: f64) -> String {
    if value.fract() == 0.0 {
        grouped(value as u64)
    } else {
        format!("{value:.2}")
    }
}

/// Digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A duration without parts that are small compared to its size.
fn coarse(duration: Duration) -> impl fmt::Display {
    let unit_s = match duration.as_secs() {
        0 => return display_duration(duration).to_string(),
        1..7_200 => 1,
        7_200..172_800 => 60,
        _ => 3_600,
    };
    display_duration(Duration::from_secs(duration.as_secs() / unit_s * unit_s)).to_string()
}

/// A time on the axis: a date and time if the trace has a start, otherwise the time since its start.
fn instant(header: &Header, elapsed: Duration, format: &str) -> String {
    if header.start == Timestamp::EPOCH {
        return coarse(elapsed).to_string();
    }
    (header.start + elapsed)
        .to_jiff()
        .strftime(format)
        .to_string()
}

fn start(header: &Header) -> String {
    if header.start == Timestamp::EPOCH {
        "unknown; times count from 0".to_owned()
    } else {
        header.start.to_string()
    }
}
