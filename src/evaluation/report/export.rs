//! Results for other programs: JSON and CSV, with the field names of [`Scorecard`].

use std::collections::BTreeMap;

use serde::Serialize;

use super::verdict::verdict;
use super::{Comparison, LeftOut};
use crate::evaluation::cut_off::CutOff;
use crate::evaluation::default_cluster::ChosenCluster;
use crate::evaluation::scorecard::Scorecard;
use crate::evaluation::shortage::Shortage;
use crate::evaluation::statistics::Summary;
use crate::safe_text::one_line;

/// `{"traces": [...], "runs": [...], "summaries": [...]}`: what each trace ran on and the verdict on
/// it, every run in the given order, then each policy of each trace over its seeds.
///
/// # Errors
/// None that a scorecard can cause; a figure that is not a number becomes `null`.
pub fn json(comparisons: &[Comparison], cards: &[Scorecard]) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Document<'a> {
        traces: Vec<TraceVerdict<'a>>,
        runs: &'a [Scorecard],
        summaries: Vec<PolicySummary>,
    }
    let mut text = serde_json::to_string_pretty(&Document {
        traces: comparisons.iter().map(TraceVerdict::of).collect(),
        runs: cards,
        summaries: summaries(cards)?,
    })?;
    text.push('\n');
    Ok(text)
}

/// A heading and one line a run. A figure that does not exist for a run is empty.
///
/// # Errors
/// None that a scorecard can cause.
pub fn csv(cards: &[Scorecard]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for card in cards {
        let mut card = card.clone();
        (card.trace, card.policy) = (cell(&card.trace), cell(&card.policy));
        writer.serialize(card)?;
    }
    writer
        .into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))
}

/// A name as a cell. A spreadsheet would run one that begins like a formula.
pub(super) fn cell(name: &str) -> String {
    let name = one_line(name);
    if name.starts_with(['=', '+', '-', '@']) {
        format!("'{name}")
    } else {
        name.into_owned()
    }
}

/// What a reader of the table learns beside its figures.
#[derive(Serialize)]
struct TraceVerdict<'a> {
    trace: &'a str,
    /// `null` when no goal is set.
    goal_wait_p95_s: Option<f64>,
    /// `null` when a scenario describes the cluster.
    chosen_cluster: Option<&'a ChosenCluster>,
    /// `null` when the cluster is large enough for the work.
    too_small: Option<Shortage>,
    /// `null` when every simulation ended with its work.
    cut_off: Option<&'a CutOff>,
    /// Policies that do not fit the cluster; others of their document do.
    left_out: &'a [LeftOut],
    /// The policy that wins or, without a goal, that no other policy beats in anything.
    recommended: Option<&'a str>,
    /// Policies that no other policy dominates, the cheapest first.
    unbeaten: Vec<&'a str>,
    verdict: String,
}

impl<'a> TraceVerdict<'a> {
    fn of(comparison: &'a Comparison) -> Self {
        let trace = &comparison.trace;
        Self {
            trace: &trace.name,
            goal_wait_p95_s: trace.goal.map(|goal| goal.as_secs_f64()),
            chosen_cluster: trace.chosen_cluster.as_ref(),
            too_small: trace.shortage,
            cut_off: trace.cut_off.as_ref(),
            left_out: &trace.left_out,
            recommended: comparison.recommended().map(|row| row.policy.as_str()),
            unbeaten: comparison
                .unbeaten()
                .map(|row| row.policy.as_str())
                .collect(),
            verdict: verdict(comparison),
        }
    }
}

/// One policy on one trace.
#[derive(Serialize)]
struct PolicySummary {
    trace: String,
    policy: String,
    seeds: usize,
    /// By field name; a field without a number in any run is left out.
    #[serde(flatten)]
    figures: BTreeMap<String, Summary>,
}

fn summaries(cards: &[Scorecard]) -> serde_json::Result<Vec<PolicySummary>> {
    let mut groups: Vec<Vec<&Scorecard>> = Vec::new();
    for card in cards {
        match groups
            .iter_mut()
            .find(|group| group[0].trace == card.trace && group[0].policy == card.policy)
        {
            Some(group) => group.push(card),
            None => groups.push(vec![card]),
        }
    }
    groups.iter().map(|group| summary(group)).collect()
}

/// Reads the figures from the serialised scorecards, so that a new field cannot be forgotten here.
fn summary(group: &[&Scorecard]) -> serde_json::Result<PolicySummary> {
    let mut values: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for card in group {
        let serde_json::Value::Object(fields) = serde_json::to_value(card)? else {
            continue;
        };
        for (name, value) in fields {
            if let Some(number) = value.as_f64().filter(|_| name != "seed") {
                values.entry(name).or_default().push(number);
            }
        }
    }
    let figures = values
        .into_iter()
        .map(|(name, values)| (name, Summary::of(&values)))
        .collect();
    Ok(PolicySummary {
        trace: group[0].trace.clone(),
        policy: group[0].policy.clone(),
        seeds: group.len(),
        figures,
    })
}
