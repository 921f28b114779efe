//! Results for other programs: JSON and CSV, with the field names of [`Scorecard`].

use std::collections::BTreeMap;

use serde::Serialize;

use crate::evaluation::scorecard::Scorecard;
use crate::evaluation::statistics::Summary;

/// `{"runs": [...], "summaries": [...]}`: every run as it was given, then each policy of each trace
/// over its seeds.
///
/// # Errors
/// None that a scorecard can cause; a figure that is not a number becomes `null`.
pub fn json(cards: &[Scorecard]) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Document<'a> {
        runs: &'a [Scorecard],
        summaries: Vec<PolicySummary>,
    }
    let mut text = serde_json::to_string_pretty(&Document {
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
        writer.serialize(card)?;
    }
    writer
        .into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))
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
