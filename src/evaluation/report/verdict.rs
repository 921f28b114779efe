//! One plain sentence: which policy wins, by how much, and what it gives up.

use super::wording::{compared, usd, wait};
use super::{Comparison, FIXED_MAX, Row};
use crate::evaluation::scorecard::Scorecard;
use crate::evaluation::statistics::paired_difference;
use crate::units::display_duration;

/// The verdict on one trace. [`Comparison::winner`] defines what winning means.
pub fn verdict(comparison: &Comparison) -> String {
    let goal = display_duration(comparison.trace.slo_wait).to_string();
    let mut sentence = match (comparison.winner(), comparison.rows()) {
        (_, []) => "Nothing was simulated.".to_owned(),
        (None, _) => "No policy finished all the work, so none wins.".to_owned(),
        (Some((only, meets)), [_]) => alone(only, meets, &goal),
        (Some((winner, true)), _) => within_goal(comparison, winner, &goal),
        (Some((winner, false)), _) => beyond_goal(comparison, winner, &goal),
    };
    for row in comparison.rows().iter().filter(|row| row.unfinished() > 0) {
        let total: u64 = row.cards.iter().map(|card| card.tasks_total).sum();
        sentence += &format!(
            " {} left {} of {total} tasks undone and cannot win.",
            row.policy,
            row.unfinished()
        );
    }
    sentence
}

fn alone(only: &Row, meets: bool, goal: &str) -> String {
    let judged = if meets { "within" } else { "beyond" };
    let (cost, waits) = (cost(only), wait(only.wait_p95_s.mean));
    format!(
        "{} costs {cost} with p95 waiting of {waits}, {judged} the goal of {goal}; there is nothing to compare it with.",
        only.policy
    )
}

fn within_goal(comparison: &Comparison, winner: &Row, goal: &str) -> String {
    let others = || {
        comparison
            .rows()
            .iter()
            .filter(|row| row.policy != winner.policy && row.unfinished() == 0)
    };
    let within: Vec<&Row> = others().filter(|row| comparison.meets_goal(row)).collect();
    let standing = match within.len() {
        0 => "the only policy with".to_owned(),
        others => format!("the cheapest of {} policies with", others + 1),
    };
    let (cost, waits) = (cost(winner), wait(winner.wait_p95_s.mean));
    let mut sentence = format!(
        "{} wins: {cost}, {standing} p95 waiting ({waits}) within the goal of {goal}",
        winner.policy
    );
    let mut margins = Vec::new();
    // Rows come in the order of their cost: the first one is the next best.
    if let Some(next) = within.first() {
        let chance = chance(winner, next, |card| card.cost_usd);
        margins.push(format!(
            "{} the runner-up {}{chance}",
            compared(winner.cost_usd.mean, next.cost_usd.mean),
            next.policy
        ));
    }
    let next_is_fixed_max = within.first().is_some_and(|next| next.policy == FIXED_MAX);
    margins.extend(
        others()
            .find(|row| row.policy == FIXED_MAX && !next_is_fixed_max)
            .map(|row| margin(winner, row)),
    );
    if !margins.is_empty() {
        sentence += &format!("; {}", margins.join(" and "));
    }
    if let Some(cheapest) = others().find(|row| row.cost_usd.mean < winner.cost_usd.mean) {
        sentence += &format!("; {}", alternative(winner, cheapest));
    }
    sentence + "."
}

fn beyond_goal(comparison: &Comparison, winner: &Row, goal: &str) -> String {
    let others = || {
        comparison
            .rows()
            .iter()
            .filter(|row| row.policy != winner.policy && row.unfinished() == 0)
    };
    let (cost, waits) = (cost(winner), wait(winner.wait_p95_s.mean));
    let next = others().min_by(|a, b| super::order(&a.by_waiting(), &b.by_waiting()));
    let chance = next.map_or(String::new(), |next| {
        chance(winner, next, |card| card.wait_p95_s)
    });
    let mut sentence = format!(
        "{} wins only by waiting least: p95 waiting of {waits} against a goal of {goal}, which no policy meets{chance}; it costs {cost}",
        winner.policy
    );
    if let Some(fixed_max) = others().find(|row| row.policy == FIXED_MAX) {
        sentence += &format!(", {}", margin(winner, fixed_max));
    }
    match others().find(|row| row.cost_usd.mean < winner.cost_usd.mean) {
        Some(cheapest) => sentence += &format!("; {}", alternative(winner, cheapest)),
        None => sentence += ", the lowest cost of all",
    }
    sentence + "."
}

/// What the cheapest policy would save, and what that costs in waiting.
fn alternative(winner: &Row, cheaper: &Row) -> String {
    let (saves, waits) = (
        compared(cheaper.cost_usd.mean, winner.cost_usd.mean),
        wait(cheaper.wait_p95_s.mean),
    );
    format!(
        "{} would cost {saves} {} but wait {waits} (p95)",
        cheaper.policy, winner.policy
    )
}

fn margin(winner: &Row, other: &Row) -> String {
    format!(
        "{} {}",
        compared(winner.cost_usd.mean, other.cost_usd.mean),
        other.policy
    )
}

fn cost(row: &Row) -> String {
    match row.cost_usd.ci95_half_width {
        Some(half_width) => format!("{} ± {} USD", usd(row.cost_usd.mean), usd(half_width)),
        None => format!("{} USD", usd(row.cost_usd.mean)),
    }
}

/// A remark where the difference between two policies, taken in pairs of the same seed, is not
/// significant at 95 %.
fn chance(a: &Row, b: &Row, figure: fn(&Scorecard) -> f64) -> String {
    let summary = paired_difference(&b.cards, &a.cards, figure);
    if summary.excludes_zero() == Some(false) {
        format!(" (with {} seeds, that may be chance)", summary.n)
    } else {
        String::new()
    }
}
