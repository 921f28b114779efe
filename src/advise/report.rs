//! The advice, in plain words on one screen.

use std::time::Duration;

use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};
use serde::Serialize;

use super::{Advice, Ranked, Unseen};
use crate::evaluation::report::table::wrapped;
use crate::evaluation::report::wording::{compared, usd, wait};
use crate::evaluation::statistics::Summary;
use crate::policy::baselines::FIXED_MAX;
use crate::units::display_duration;

/// Who waits at most so many times as long waits little longer.
const LITTLE_LONGER: f64 = 1.25;
/// One screen has no room for all.
const MOST_ROWS: usize = 8;
const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// Advice and what it was about.
#[derive(Clone, Copy)]
pub struct Report<'a> {
    pub advice: &'a Advice,
    pub traces: &'a [String],
    pub goal: Duration,
    /// How long work came, over all traces.
    pub span_days: f64,
    /// Where the policy was written, if it was.
    pub out: Option<&'a str>,
}

impl Report<'_> {
    /// A page of `width` columns.
    pub fn text(&self, width: u16) -> String {
        let mut text = wrapped(&self.title(), width);
        text += "\n";
        text += &self.table().trim_fmt();
        text += "\n\n";
        for paragraph in [self.verdict(), self.certainty(), self.what_to_do()] {
            text += &wrapped(&paragraph, width);
        }
        text
    }

    fn title(&self) -> String {
        format!(
            "{}, {} policies tried. At least 95 % of the work should wait no longer than {}.",
            self.traces.join(", "),
            self.advice.ranked.len(),
            display_duration(self.goal)
        )
    }

    /// US dollars a day of work.
    fn a_day(&self, usd_in_all: f64) -> f64 {
        usd_in_all / self.span_days
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(STYLE).force_no_tty();
        table.set_header(["", "policy", "USD a day", "p95 wait", "keeps it"]);
        for (place, ranked) in self.advice.ranked.iter().take(MOST_ROWS).enumerate() {
            let mark = if place == 0 { ">" } else { "" };
            let keeps = if ranked.keeps_goal { "yes" } else { "no" };
            let (cost_usd, waits) = (
                usd(self.a_day(ranked.cost_usd.mean)),
                wait(ranked.wait_p95_s.mean),
            );
            table.add_row([mark, &ranked.name, &cost_usd, &waits, keeps]);
        }
        let reference = &self.advice.reference;
        if reference.is_actual {
            let keeps = if reference.wait_p95_s <= self.goal.as_secs_f64() {
                "yes"
            } else {
                "no"
            };
            table.add_row([
                "=",
                "what ran",
                &usd(self.a_day(reference.cost_usd)),
                &wait(reference.wait_p95_s),
                keeps,
            ]);
        }
        for column in table.column_iter_mut().skip(2) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }

    fn verdict(&self) -> String {
        let Some(best) = self.advice.ranked.first() else {
            return "Nothing was tried.".to_owned();
        };
        let reference = &self.advice.reference;
        let standing = if best.keeps_goal {
            format!("{} is the cheapest that keeps it", best.name)
        } else {
            format!("No policy keeps it; {} waits least", best.name)
        };
        let against = if reference.is_actual {
            "what ran"
        } else {
            "always running the maximum"
        };
        let mut text = format!(
            "{standing}: {} USD a day with p95 waiting of {}. That is {} {against}, {} USD a day with {}.",
            usd(self.a_day(best.cost_usd.mean)),
            wait(best.wait_p95_s.mean),
            compared(best.cost_usd.mean, reference.cost_usd),
            usd(self.a_day(reference.cost_usd)),
            wait(reference.wait_p95_s),
        );
        if let Some(near) = self.nearly_as_good(best) {
            let (cost, waits) = (
                usd(self.a_day(near.cost_usd.mean)),
                wait(near.wait_p95_s.mean),
            );
            text += &format!(
                " {} waits little longer, {waits}, for {cost} USD a day.",
                near.name
            );
        }
        if !reference.is_actual {
            text += " What really ran is not known here.";
        }
        text
    }

    /// Where nothing keeps the goal: the cheapest that waits hardly longer than the one that waits
    /// least, if it is another one.
    fn nearly_as_good(&self, best: &Ranked) -> Option<&Ranked> {
        let is_near =
            |ranked: &&Ranked| ranked.wait_p95_s.mean <= LITTLE_LONGER * best.wait_p95_s.mean;
        let cheapest = self
            .advice
            .ranked
            .iter()
            .filter(is_near)
            .min_by(|one, other| one.cost_usd.mean.total_cmp(&other.cost_usd.mean));
        cheapest.filter(|near| !best.keeps_goal && near.cost_usd.mean < best.cost_usd.mean)
    }

    fn certainty(&self) -> String {
        if !self.advice.reference.is_actual
            && self
                .advice
                .ranked
                .first()
                .is_some_and(|best| best.name == FIXED_MAX.name)
        {
            return "There is nothing to save against the maximum: it is the maximum.".to_owned();
        }
        let Some(unseen) = self.advice.unseen else {
            return "How sure that is cannot be told from one day. Record a week or more."
                .to_owned();
        };
        let Unseen {
            days,
            within_goal,
            saved_usd_a_day,
            saved_usd_a_day_low,
            saved_usd_a_day_high,
        } = unseen;
        let sure = match (saved_usd_a_day_low > 0.0, saved_usd_a_day_high < 0.0) {
            (true, _) => "It saves",
            (_, true) => "It costs more",
            _ => "Whether it saves anything is not sure",
        };
        format!(
            "{sure}: on days that the choice did not see (each of {days} left out once) {} USD a day were saved, 95 % interval {} to {}, and p95 \
             waiting was kept on {within_goal} of {days} days.",
            usd(saved_usd_a_day),
            usd(saved_usd_a_day_low),
            usd(saved_usd_a_day_high),
        )
    }

    fn what_to_do(&self) -> String {
        match self.out {
            Some(path) => format!(
                "\nTo try it without touching the cluster: headroom run --policy {path} --dry-run"
            ),
            None => {
                "\nAdd --out FILE to get the policy as a file that is ready to deploy.".to_owned()
            }
        }
    }

    /// For other programs.
    ///
    /// # Errors
    /// None that advice can cause; a figure that is not a number becomes `null`.
    pub fn json(&self) -> serde_json::Result<String> {
        let reference = &self.advice.reference;
        let row = |ranked: &Ranked| Row {
            policy: ranked.name.clone(),
            cost_usd: ranked.cost_usd,
            cost_usd_a_day: self.a_day(ranked.cost_usd.mean),
            wait_p95_s: ranked.wait_p95_s,
            keeps_goal: ranked.keeps_goal,
        };
        let document = Document {
            traces: self.traces,
            days: self.span_days,
            goal_wait_p95_s: self.goal.as_secs_f64(),
            reference: ReferenceRow {
                name: &reference.name,
                is_what_ran: reference.is_actual,
                cost_usd: reference.cost_usd,
                cost_usd_a_day: self.a_day(reference.cost_usd),
                wait_p95_s: reference.wait_p95_s,
            },
            policies: self.advice.ranked.iter().map(row).collect(),
            on_unseen_days: self.advice.unseen,
            policy: self.advice.ranked.first().map(|best| best.text.as_str()),
        };
        Ok(serde_json::to_string_pretty(&document)? + "\n")
    }
}

#[derive(Serialize)]
struct Document<'a> {
    traces: &'a [String],
    days: f64,
    goal_wait_p95_s: f64,
    reference: ReferenceRow<'a>,
    /// The best first.
    policies: Vec<Row>,
    on_unseen_days: Option<Unseen>,
    /// The file of the best.
    policy: Option<&'a str>,
}

#[derive(Serialize)]
struct ReferenceRow<'a> {
    name: &'a str,
    is_what_ran: bool,
    cost_usd: f64,
    cost_usd_a_day: f64,
    wait_p95_s: f64,
}

#[derive(Serialize)]
struct Row {
    policy: String,
    cost_usd: Summary,
    cost_usd_a_day: f64,
    wait_p95_s: Summary,
    keeps_goal: bool,
}
