//! The advice, in plain words on one screen.

use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};
use serde::Serialize;

use super::{Advice, Ranked, Unseen};
use crate::evaluation::report::table::wrapped;
use crate::evaluation::report::wording::{compared, usd, wait};
use crate::evaluation::statistics::Summary;
use crate::policy::baselines::FIXED_MAX;
use crate::units::display_duration;

/// A policy that waits at most this many times as long waits little longer.
const LITTLE_LONGER: f64 = 1.25;
/// As many rows as fit on one screen.
const MOST_ROWS: usize = 8;
const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// Advice and the traces that it is for.
#[derive(Clone, Copy)]
pub struct Report<'a> {
    /// The alternatives in order.
    pub advice: &'a Advice,
    /// The names of the traces.
    pub traces: &'a [String],
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
            if !paragraph.is_empty() {
                text += &wrapped(&paragraph, width);
            }
        }
        text
    }

    fn title(&self) -> String {
        let goal = match self.advice.goal {
            Some(goal) => format!(
                "At least 95% of the work should wait no longer than {}.",
                display_duration(goal)
            ),
            None => "No goal for waiting is set.".to_owned(),
        };
        format!(
            "{}, {} policies tried. {goal}",
            self.traces.join(", "),
            self.advice.ranked.len()
        )
    }

    /// US dollars a day of work.
    fn a_day(&self, usd_in_all: f64) -> f64 {
        usd_in_all / self.span_days
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(STYLE).force_no_tty();
        let judged = match self.advice.goal {
            Some(_) => "keeps it",
            None => "beaten",
        };
        table.set_header(["", "policy", "USD a day", "p95 wait", judged]);
        let recommended = self.advice.recommended().map(|best| best.name.as_str());
        for ranked in self.advice.ranked.iter().take(MOST_ROWS) {
            let mark = if recommended == Some(&ranked.name) {
                ">"
            } else {
                ""
            };
            let (cost_usd, waits) = self.figures(ranked);
            let judged = yes_or_no(match self.advice.goal {
                Some(_) => ranked.keeps_goal,
                None => !ranked.is_unbeaten,
            });
            table.add_row([mark, &ranked.name, &cost_usd, &waits, judged]);
        }
        let reference = &self.advice.reference;
        if let (true, Some(goal)) = (reference.is_actual, self.advice.goal) {
            table.add_row([
                "=",
                "what ran",
                &usd(self.a_day(reference.cost_usd)),
                &wait(reference.wait_p95_s),
                yes_or_no(reference.wait_p95_s <= goal.as_secs_f64()),
            ]);
        }
        for column in table.column_iter_mut().skip(2) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }

    /// US dollars a day and the p95 wait.
    fn figures(&self, ranked: &Ranked) -> (String, String) {
        (
            usd(self.a_day(ranked.cost_usd.mean)),
            wait(ranked.wait_p95_s.mean),
        )
    }

    fn verdict(&self) -> String {
        let Some(best) = self.advice.recommended() else {
            return self.trade_off();
        };
        let reference = &self.advice.reference;
        let standing = match (self.advice.goal, best.keeps_goal) {
            (None, _) => format!(
                "No other policy costs less or waits less than {}",
                best.name
            ),
            (_, true) => format!("{} is the cheapest that keeps it", best.name),
            (_, false) => format!("No policy keeps it; {} waits least", best.name),
        };
        let against = if reference.is_actual {
            "what ran"
        } else {
            "always running the maximum"
        };
        let mut text = format!(
            "{standing}: {} USD a day with a p95 wait of {}. That is {} {against}, {} USD a day with {}.",
            usd(self.a_day(best.cost_usd.mean)),
            wait(best.wait_p95_s.mean),
            compared(best.cost_usd.mean, reference.cost_usd),
            usd(self.a_day(reference.cost_usd)),
            wait(reference.wait_p95_s),
        );
        if let Some(near) = self.nearly_as_good(best) {
            let (cost, waits) = self.figures(near);
            text += &format!(
                " {} waits little longer, {waits}, for {cost} USD a day.",
                near.name
            );
        }
        if !reference.is_actual {
            text += " The trace does not show what really ran.";
        }
        text
    }

    /// Without a goal: the two ends of the choice.
    fn trade_off(&self) -> String {
        let unbeaten = || {
            self.advice
                .ranked
                .iter()
                .filter(|ranked| ranked.is_unbeaten)
        };
        let (Some(cheapest), Some(fastest)) = (unbeaten().next(), unbeaten().next_back()) else {
            return "No policy finished all the work, so none is recommended.".to_owned();
        };
        let ((least_cost, long_wait), (most_cost, short_wait)) =
            (self.figures(cheapest), self.figures(fastest));
        format!(
            "No goal is set, so no policy is recommended (--wait-p95 TIME sets one, and values are searched for it). {} is the cheapest: \
             {least_cost} USD a day with a p95 wait of {long_wait}. {} waits least: {short_wait} for {most_cost} USD a day. {} of {} policies \
             are beaten by another that costs no more and waits no longer.",
            cheapest.name,
            fastest.name,
            self.advice.ranked.len() - unbeaten().count(),
            self.advice.ranked.len()
        )
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
        let has_goal = self.advice.goal.is_some();
        cheapest
            .filter(|near| has_goal && !best.keeps_goal && near.cost_usd.mean < best.cost_usd.mean)
    }

    fn certainty(&self) -> String {
        if self.advice.goal.is_none() {
            return String::new();
        }
        if !self.advice.reference.is_actual
            && self
                .advice
                .ranked
                .first()
                .is_some_and(|best| best.name == FIXED_MAX.name)
        {
            return "Nothing can be saved against always running the maximum.".to_owned();
        }
        let Some(unseen) = self.advice.unseen else {
            return "One day cannot show how sure that is. Record a week or more.".to_owned();
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
            _ => "It may save nothing",
        };
        format!(
            "{sure}: on days that the choice did not see (each of {days} left out once) it saved {} USD a day (95% interval {} to {}) and kept \
             the goal on {within_goal} of {days} days.",
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
            keeps_goal: self.advice.goal.map(|_| ranked.keeps_goal),
            is_unbeaten: ranked.is_unbeaten,
        };
        let document = Document {
            traces: self.traces,
            days: self.span_days,
            goal_wait_p95_s: self.advice.goal.map(|goal| goal.as_secs_f64()),
            reference: ReferenceRow {
                name: &reference.name,
                is_what_ran: reference.is_actual,
                cost_usd: reference.cost_usd,
                cost_usd_a_day: self.a_day(reference.cost_usd),
                wait_p95_s: reference.wait_p95_s,
            },
            policies: self.advice.ranked.iter().map(row).collect(),
            on_unseen_days: self.advice.unseen,
            policy: self.advice.recommended().map(|best| best.text.as_str()),
        };
        Ok(serde_json::to_string_pretty(&document)? + "\n")
    }
}

fn yes_or_no(answer: bool) -> &'static str {
    if answer { "yes" } else { "no" }
}

#[derive(Serialize)]
struct Document<'a> {
    traces: &'a [String],
    days: f64,
    /// `null` when no goal is set.
    goal_wait_p95_s: Option<f64>,
    reference: ReferenceRow<'a>,
    /// The best first.
    policies: Vec<Row>,
    on_unseen_days: Option<Unseen>,
    /// The policy file to run; `null` when none is recommended.
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
    /// `null` when no goal is set.
    keeps_goal: Option<bool>,
    is_unbeaten: bool,
}
