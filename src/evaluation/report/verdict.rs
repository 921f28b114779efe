//! The verdict in plain sentences: which policy wins, by how much, and what it gives up; or why
//! none does.

use super::wording::{compared, usd, wait};
use super::{Comparison, FIXED_MAX, Row};
use crate::evaluation::cut_off::CutOff;
use crate::evaluation::scorecard::Scorecard;
use crate::evaluation::shortage::Shortage;
use crate::evaluation::statistics::paired_difference;
use crate::units::display_duration;

/// The verdict on one trace. [`Comparison::winner`] and [`Comparison::recommended`] define what
/// winning and recommending mean.
pub fn verdict(comparison: &Comparison) -> String {
    let mut sentence = judgement(comparison);
    for row in comparison.rows().iter().filter(|row| row.unfinished() > 0) {
        let total: u64 = row.cards.iter().map(|card| card.tasks_total).sum();
        sentence += &format!(
            " {} left {} of {total} tasks undone and cannot win.",
            row.policy,
            row.unfinished()
        );
    }
    if let Some(cut_off) = &comparison.trace.cut_off {
        sentence += &ended_early(cut_off);
    }
    sentence
}

/// The figures of such a run are those of its first days only.
fn ended_early(cut_off: &CutOff) -> String {
    let policies: Vec<&str> = cut_off.policies.iter().map(String::as_str).collect();
    format!(
        " The simulation of {} ended after {} days, before the work was done: its figures are those of these days. \
         Raise `--max-days`, or the limits if the cluster cannot keep up.",
        listed(&policies),
        cut_off.max_days
    )
}

fn judgement(comparison: &Comparison) -> String {
    if comparison.rows().is_empty() {
        return "Nothing was simulated.".to_owned();
    }
    if let Some(shortage) = &comparison.trace.shortage {
        return too_small(comparison, shortage);
    }
    if comparison.finished().next().is_none() {
        return "No policy finished all the work, so none wins.".to_owned();
    }
    let Some(goal) = comparison.trace.goal else {
        return trade_off(comparison);
    };
    let goal = display_duration(goal).to_string();
    match (comparison.winner(), comparison.rows()) {
        (Some((only, meets)), [_]) => alone(only, meets, &goal),
        (Some((winner, true)), _) => within_goal(comparison, winner, &goal),
        (Some((winner, false)), _) => beyond_goal(comparison, winner, &goal),
        (None, _) => "No policy wins.".to_owned(),
    }
}

/// The cluster is too small, so comparing policies would compare the lengths of their queues.
fn too_small(comparison: &Comparison, shortage: &Shortage) -> String {
    let Shortage {
        max_nodes,
        late_s,
        enough_nodes,
    } = shortage;
    let late = wait(*late_s);
    let remedy = match enough_nodes {
        Some(nodes) => format!("about {nodes} nodes would do"),
        None => "more nodes alone do not help".to_owned(),
    };
    let how = if comparison.trace.chosen_cluster.is_some() {
        "describe the cluster in a scenario (--scenario FILE)"
    } else {
        "raise `limits.max` in the scenario"
    };
    format!(
        "The cluster is too small for this work, so no policy wins: with all {max_nodes} nodes of the scaled group running all the time, \
         the work still ends {late} later than it could. {}; {how}.",
        capitalised(&remedy)
    )
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + letters.as_str()
    })
}

/// Without a goal: what less cost and less waiting take from each other.
fn trade_off(comparison: &Comparison) -> String {
    let unbeaten: Vec<&Row> = comparison.unbeaten().collect();
    let [cheapest, ..] = unbeaten[..] else {
        return "No policy finished all the work, so none wins.".to_owned();
    };
    if comparison.rows().len() == 1 {
        return format!(
            "{}; there is nothing to compare it with.",
            figures(cheapest)
        );
    }
    if let Some(best) = comparison.recommended() {
        let mut sentence = format!(
            "{} is recommended: no other policy costs less or waits less. {}",
            best.policy,
            figures(best)
        );
        if let Some(fixed_max) = comparison
            .finished()
            .find(|row| row.policy == FIXED_MAX && row.policy != best.policy)
        {
            sentence += &format!(", {}", margin(best, fixed_max));
        }
        return sentence + ".";
    }
    let fastest = unbeaten
        .iter()
        .min_by(|a, b| super::order(&a.by_waiting(), &b.by_waiting()))
        .unwrap_or(&cheapest);
    if cheapest.by_cost() == fastest.by_cost() {
        let equal: Vec<&str> = unbeaten
            .iter()
            .filter(|row| row.by_cost() == cheapest.by_cost())
            .map(|row| row.policy.as_str())
            .collect();
        return format!(
            "{} do equally well, and no other policy costs less or waits less: {}.",
            listed(&equal),
            figures(cheapest)
        );
    }
    let mut sentence = format!(
        "No goal is set, so no policy wins (--wait-p95 TIME sets one). Cheapest: {}. Shortest waits: {}.",
        figures(cheapest),
        figures(fastest)
    );
    let between: Vec<String> = unbeaten
        .iter()
        .filter(|row| row.policy != cheapest.policy && row.policy != fastest.policy)
        .map(|row| {
            let (cost, waits) = (usd(row.cost_usd.mean), wait(row.wait_p95_s.mean));
            format!("{} ({cost} USD, {waits})", row.policy)
        })
        .collect();
    if !between.is_empty() {
        sentence += &format!(" Between them: {}.", between.join(", "));
    }
    for (winner, beaten) in dominated_by(comparison, &unbeaten) {
        sentence += &format!(" {winner} beats {}.", listed(&beaten));
    }
    sentence
}

/// Each dominated policy under the unbeaten policy that dominates most.
fn dominated_by<'a>(
    comparison: &'a Comparison,
    unbeaten: &[&'a Row],
) -> Vec<(&'a str, Vec<&'a str>)> {
    let mut left: Vec<&Row> = comparison
        .finished()
        .filter(|row| comparison.is_dominated(row))
        .collect();
    let mut groups = Vec::new();
    while !left.is_empty() {
        let beaten_by = |row: &Row| left.iter().filter(|other| row.dominates(other)).count();
        let Some(most) = unbeaten.iter().rev().max_by_key(|row| beaten_by(row)) else {
            break;
        };
        let (beaten, rest): (Vec<&Row>, Vec<&Row>) =
            left.iter().partition(|other| most.dominates(other));
        if beaten.is_empty() {
            break;
        }
        let names = beaten.iter().map(|row| row.policy.as_str()).collect();
        groups.push((most.policy.as_str(), names));
        left = rest;
    }
    groups
}

/// `a`, `a and b`, `a, b and c`.
fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [others @ .., last] => format!("{} and {last}", others.join(", ")),
    }
}

fn figures(row: &Row) -> String {
    format!(
        "{} costs {} with a p95 wait of {}",
        row.policy,
        cost(row),
        wait(row.wait_p95_s.mean)
    )
}

fn alone(only: &Row, meets: bool, goal: &str) -> String {
    let judged = if meets { "within" } else { "beyond" };
    format!(
        "{}, {judged} the goal of {goal}; there is nothing to compare it with.",
        figures(only)
    )
}

fn within_goal(comparison: &Comparison, winner: &Row, goal: &str) -> String {
    let others = || {
        comparison
            .finished()
            .filter(|row| row.policy != winner.policy)
    };
    let within: Vec<&Row> = others().filter(|row| comparison.meets_goal(row)).collect();
    let standing = match within.len() {
        0 => "the only policy with".to_owned(),
        others => format!("the cheapest of {} policies with", others + 1),
    };
    let (cost, waits) = (cost(winner), wait(winner.wait_p95_s.mean));
    let mut sentence = format!(
        "{} wins: {cost}, {standing} a p95 wait ({waits}) within the goal of {goal}",
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
            .finished()
            .filter(|row| row.policy != winner.policy)
    };
    let (cost, waits) = (cost(winner), wait(winner.wait_p95_s.mean));
    let next = others().min_by(|a, b| super::order(&a.by_waiting(), &b.by_waiting()));
    let chance = next.map_or(String::new(), |next| {
        chance(winner, next, |card| card.wait_p95_s)
    });
    let mut sentence = format!(
        "{} wins only by waiting least: a p95 wait of {waits} against a goal of {goal}, which no policy meets{chance}; it costs {cost}",
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
/// significant at 95%.
fn chance(a: &Row, b: &Row, figure: fn(&Scorecard) -> f64) -> String {
    let summary = paired_difference(&b.cards, &a.cards, figure);
    if summary.excludes_zero() == Some(false) {
        format!(" (with {} seeds, that may be chance)", summary.n)
    } else {
        String::new()
    }
}
