//! What `demand:` is to reach, and whether it does.

use serde::{Deserialize, Serialize};

use super::envelope::Frontier;
use super::{DEFAULT_INDEX, DemandPoint, Hindsight, Point, Survey};

/// The p95 waiting times at which costs are compared, in seconds.
pub const WAITS_S: [f64; 4] = [60.0, 120.0, 300.0, 600.0];
/// Shown beside them, and no part of any aim: where a scenario's maximum is small, even it waits
/// longer than [`WAITS_S`].
pub const LONGER_WAITS_S: [f64; 2] = [1_800.0, 3_600.0];

const ABOVE_FRONTIER_PERCENT_MAX: f64 = 5.0;
const ON_AVERAGE_PERCENT_MAX: f64 = -10.0;
const SAVING_PERCENT_MIN: f64 = 30.0;
const FIFTH: f64 = 0.2;
const OF_CLAIRVOYANT_MAX: f64 = 1.5;
const THIRD: f64 = 1.0 / 3.0;
const DEARER_FACTOR: f64 = 1.05;
/// Where the work is many containers so short that new nodes come too late for them.
const SHORT_CONTAINERS: &str = "short-containers";
/// Where what comes every night comes at once.
const NIGHTLY_BATCH: &str = "nightly-batch";

/// One waiting time on one trace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell<'a> {
    pub wait_s: f64,
    /// The cheapest baseline setting that waits no longer.
    pub frontier: Option<&'a Point>,
    /// The cheapest `demand:` that waits no longer.
    pub demand: Option<&'a DemandPoint>,
}

impl Cell<'_> {
    /// How much more `demand:` costs than the frontier, in percent; negative where it costs less.
    pub fn difference_percent(&self) -> Option<f64> {
        Some(percent_over(
            self.demand?.point.cost_usd,
            self.frontier?.cost_usd,
        ))
    }

    /// The frontier gets there, and `demand:` does not.
    fn is_not_reached(&self) -> bool {
        self.frontier.is_some() && self.demand.is_none()
    }
}

/// `demand:` beside a baseline as people run it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AgainstDefault<'a> {
    pub default: &'a Point,
    /// The cheapest that waits no longer.
    pub no_slower: Option<&'a DemandPoint>,
    /// The one with the least waiting that costs no more.
    pub no_dearer: Option<&'a DemandPoint>,
}

impl AgainstDefault<'_> {
    /// What `demand:` saves at no more waiting, in percent.
    pub fn saving_percent(&self) -> Option<f64> {
        self.no_slower
            .map(|found| -percent_over(found.point.cost_usd, self.default.cost_usd))
    }

    /// The share of the waiting that `demand:` has at no more cost.
    pub fn waiting_ratio(&self) -> Option<f64> {
        self.no_dearer
            .and_then(|found| ratio(found.point.wait_p95_s, self.default.wait_p95_s))
    }

    fn is_met(&self) -> bool {
        self.saving_percent()
            .is_some_and(|saving| saving >= SAVING_PERCENT_MIN)
            || self.waiting_ratio().is_some_and(|ratio| ratio <= FIFTH)
    }
}

impl Survey {
    /// One cell for each waiting time.
    pub fn cells(&self, waits_s: &[f64]) -> Vec<Cell<'_>> {
        let frontier = self.hindsight.frontier();
        waits_s
            .iter()
            .map(|wait_s| Cell {
                wait_s: *wait_s,
                frontier: frontier.at(*wait_s),
                demand: self.cheapest_demand(*wait_s),
            })
            .collect()
    }

    /// One for each baseline as people run it.
    pub fn against_defaults(&self) -> Vec<AgainstDefault<'_>> {
        let against = |default| AgainstDefault {
            default,
            no_slower: self.cheapest_demand(default.wait_p95_s),
            no_dearer: self.fastest_demand(default.cost_usd),
        };
        self.hindsight.defaults.iter().map(against).collect()
    }

    /// The cheapest `demand:` whose p95 waiting is at most `wait_s`.
    fn cheapest_demand(&self, wait_s: f64) -> Option<&DemandPoint> {
        let waits_no_longer = self
            .finished_demand()
            .filter(|found| found.point.wait_p95_s <= wait_s);
        waits_no_longer.min_by(|a, b| a.point.cost_usd.total_cmp(&b.point.cost_usd))
    }

    /// The `demand:` with the least p95 waiting that costs at most `cost_usd`.
    fn fastest_demand(&self, cost_usd: f64) -> Option<&DemandPoint> {
        let costs_no_more = self
            .finished_demand()
            .filter(|found| found.point.cost_usd <= cost_usd);
        costs_no_more.min_by(|a, b| a.point.wait_p95_s.total_cmp(&b.point.wait_p95_s))
    }

    fn finished_demand(&self) -> impl Iterator<Item = &DemandPoint> {
        self.demand.iter().filter(|found| found.point.is_finished())
    }
}

impl Hindsight {
    /// Of all settings, the defaults included.
    pub fn frontier(&self) -> Frontier<'_> {
        Frontier::of(self.swept.iter().chain(&self.defaults))
    }
}

/// How far an aim was reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Aim {
    /// What is aimed at, after a letter by which it is known.
    pub aim: String,
    /// What was reached.
    pub figure: String,
    /// `None` where nothing was there to try it on.
    pub met: Option<bool>,
}

/// All aims over all traces.
pub fn aims(surveys: &[Survey]) -> Vec<Aim> {
    let cells: Vec<(&str, Cell<'_>)> = surveys
        .iter()
        .flat_map(|survey| {
            survey
                .cells(&WAITS_S)
                .into_iter()
                .map(|cell| (name(survey), cell))
        })
        .collect();
    vec![
        never_far_above(&cells),
        below_on_average(surveys),
        better_than_defaults(surveys),
        near_clairvoyant(surveys),
        not_to_the_maximum(surveys),
        ready_for_the_night(surveys),
        monotone(surveys),
    ]
}

fn never_far_above(cells: &[(&str, Cell<'_>)]) -> Aim {
    let missing = cells
        .iter()
        .filter(|(_, cell)| cell.is_not_reached())
        .count();
    let differences = cells
        .iter()
        .filter_map(|(trace, cell)| Some((cell.difference_percent()?, *trace, cell.wait_s)));
    let worst = differences.max_by(|a, b| a.0.total_cmp(&b.0));
    let figure = worst
        .map(|(percent, trace, wait_s)| format!("at most {percent:+.1} % ({trace} at {wait_s} s)"));
    Aim {
        aim: "(a) never more than 5 % above the hindsight frontier".into(),
        figure: figure.unwrap_or_else(|| "nothing to compare".into()) + &not_reached(missing),
        met: worst
            .map(|(percent, ..)| percent <= ABOVE_FRONTIER_PERCENT_MAX && missing == 0)
            .or((missing > 0).then_some(false)),
    }
}

fn below_on_average(surveys: &[Survey]) -> Aim {
    let missing = surveys
        .iter()
        .flat_map(|survey| survey.cells(&WAITS_S))
        .filter(Cell::is_not_reached)
        .count();
    let of_trace = |survey: &Survey| {
        mean(
            survey
                .cells(&WAITS_S)
                .iter()
                .filter_map(Cell::difference_percent),
        )
    };
    let average = mean(surveys.iter().filter_map(of_trace));
    Aim {
        aim: "(b) on average over traces at least 10 % below it".into(),
        figure: average.map_or_else(
            || "nothing to compare".into(),
            |percent| format!("{percent:+.1} %"),
        ) + &not_reached(missing),
        met: average
            .map(|percent| percent <= ON_AVERAGE_PERCENT_MAX && missing == 0)
            .or((missing > 0).then_some(false)),
    }
}

fn better_than_defaults(surveys: &[Survey]) -> Aim {
    let (mut all, mut met) = (0, 0);
    let mut missed: Vec<String> = Vec::new();
    for survey in surveys {
        let against = survey.against_defaults();
        let not: Vec<&str> = against
            .iter()
            .filter(|against| !against.is_met())
            .map(|against| against.default.policy.as_str())
            .collect();
        all += against.len();
        met += against.len() - not.len();
        if !not.is_empty() {
            missed.push(format!("{} ({})", name(survey), not.join(", ")));
        }
    }
    let short = if missed.is_empty() {
        String::new()
    } else {
        format!("; not on {}", missed.join(", "))
    };
    Aim {
        aim: "(c) than each baseline as people run it: 30 % cheaper at no more waiting, or a fifth of the waiting at no more cost".into(),
        figure: format!("{met} of {all}{short}"),
        met: (all > 0).then_some(met == all),
    }
}

fn near_clairvoyant(surveys: &[Survey]) -> Aim {
    let at_a_minute = |survey: &Survey| {
        survey
            .cells(&WAITS_S)
            .first()
            .map(|cell| (cell.is_not_reached(), survey.of_clairvoyant(cell)))
    };
    let reached: Vec<(bool, Option<f64>)> = surveys.iter().filter_map(at_a_minute).collect();
    let missing = reached
        .iter()
        .filter(|(is_not_reached, _)| *is_not_reached)
        .count();
    let ratios = surveys
        .iter()
        .zip(&reached)
        .filter_map(|(survey, (_, ratio))| Some((name(survey), (*ratio)?)));
    let worst = ratios.max_by(|a, b| a.1.total_cmp(&b.1));
    let figure = worst.map(|(trace, ratio)| format!("at most {ratio:.2} times ({trace})"));
    Aim {
        aim: "(d) at 60 s within 1.5 times the clairvoyant who pays for provisioning".into(),
        figure: figure.unwrap_or_else(|| "no trace gets to 60 s".into()) + &not_reached(missing),
        met: worst
            .map(|(_, ratio)| ratio <= OF_CLAIRVOYANT_MAX && missing == 0)
            .or((missing > 0).then_some(false)),
    }
}

fn not_to_the_maximum(surveys: &[Survey]) -> Aim {
    let found = surveys
        .iter()
        .find(|survey| name(survey) == SHORT_CONTAINERS);
    let default = found.and_then(|survey| Some((survey, survey.at_index(DEFAULT_INDEX)?)));
    let figure = |(survey, default): (&Survey, &DemandPoint)| {
        let max = survey.hindsight.max_nodes;
        let below = survey
            .demand
            .iter()
            .take_while(|found| found.point.peak_nodes < max)
            .last();
        let range = below.map_or("at no index".to_owned(), |found| {
            format!("up to index {}", found.performance_index)
        });
        format!(
            "index {DEFAULT_INDEX} reaches {} of {max}; below the maximum {range}",
            default.point.peak_nodes
        )
    };
    Aim {
        aim: format!("(e) on {SHORT_CONTAINERS} it does not run to the maximum"),
        figure: default.map_or_else(
            || format!("{SHORT_CONTAINERS} is not among the traces"),
            figure,
        ),
        met: default.map(|(survey, default)| default.point.peak_nodes < survey.hindsight.max_nodes),
    }
}

fn ready_for_the_night(surveys: &[Survey]) -> Aim {
    let found = surveys.iter().find(|survey| name(survey) == NIGHTLY_BATCH);
    let against = |survey: &Survey| -> Vec<(String, Option<f64>)> {
        let share = |default: &Point| {
            let fastest = survey.fastest_demand(DEARER_FACTOR * default.cost_usd);
            (
                default.policy.clone(),
                fastest.and_then(|found| ratio(found.point.wait_p95_s, default.wait_p95_s)),
            )
        };
        survey.hindsight.defaults.iter().map(share).collect()
    };
    let shares = found.map(against);
    let words = |(policy, share): &(String, Option<f64>)| match share {
        Some(share) => format!("{policy} {share:.2}"),
        None => format!("{policy} at no such cost"),
    };
    Aim {
        aim: format!(
            "(f) on {NIGHTLY_BATCH} at most a third of any reactive policy's p95 waiting for at most 5 % more cost"
        ),
        figure: shares.as_ref().map_or_else(
            || format!("{NIGHTLY_BATCH} is not among the traces"),
            |shares| {
                format!(
                    "shares: {}",
                    shares.iter().map(words).collect::<Vec<_>>().join(", ")
                )
            },
        ),
        met: shares.map(|shares| {
            shares
                .iter()
                .all(|(_, share)| share.is_some_and(|share| share <= THIRD))
        }),
    }
}

fn monotone(surveys: &[Survey]) -> Aim {
    let falls = surveys.iter().flat_map(|survey| {
        survey
            .falls()
            .into_iter()
            .map(|fall| format!("{fall} on {}", name(survey)))
    });
    let falls: Vec<String> = falls.collect();
    let tried = surveys
        .iter()
        .map(|survey| survey.monotony_seeds)
        .min()
        .filter(|_| surveys.iter().any(|survey| !survey.monotony.is_empty()));
    let figure = |seeds: u64| {
        if falls.is_empty() {
            format!("mean of {seeds} seeds: everywhere")
        } else {
            falls.join(", ")
        }
    };
    Aim {
        aim: "(g) over performance_index 1, 25, 50, 75, 100 cost never falls and p95 waiting never rises".into(),
        figure: tried.map_or_else(|| "not tried".into(), figure),
        met: tried.map(|_| falls.is_empty()),
    }
}

impl Survey {
    /// What `demand:` costs in clairvoyants.
    pub fn of_clairvoyant(&self, cell: &Cell<'_>) -> Option<f64> {
        ratio(cell.demand?.point.cost_usd, self.hindsight.clairvoyant_usd)
    }

    fn at_index(&self, index: u8) -> Option<&DemandPoint> {
        self.demand
            .iter()
            .find(|found| found.performance_index == index)
    }

    /// Where cost falls or waiting rises between two neighbouring indexes.
    fn falls(&self) -> Vec<String> {
        let mut falls = Vec::new();
        for pair in self.monotony.windows(2) {
            let [low, high] = [&pair[0], &pair[1]];
            let range = format!("{} to {}", low.performance_index, high.performance_index);
            if high.point.cost_usd < low.point.cost_usd {
                falls.push(format!("cost falls {range}"));
            }
            if high.point.wait_p95_s > low.point.wait_p95_s {
                falls.push(format!("waiting rises {range}"));
            }
        }
        falls
    }
}

fn name(survey: &Survey) -> &str {
    &survey.hindsight.trace
}

fn not_reached(cells: usize) -> String {
    match cells {
        0 => String::new(),
        1 => "; 1 cell not reached".to_owned(),
        _ => format!("; {cells} cells not reached"),
    }
}

/// How much more `value` is than `other`.
pub fn percent_over(value: f64, other: f64) -> f64 {
    (value / other - 1.0) * 100.0
}

/// `None` where there is nothing to have a share of.
fn ratio(value: f64, of: f64) -> Option<f64> {
    (of > 0.0).then(|| value / of)
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests;
