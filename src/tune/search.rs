//! The search: first points that fill the space evenly, then rounds of points near those that
//! no other has beaten so far.

use std::collections::BTreeSet;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::evaluator::{Evaluator, Figures};
use super::frontier::{Judged, best, frontier};
use super::parameter::Value;
use super::search_space::SearchSpace;
use crate::policy::Policy;
use crate::sim::SimError;

/// This share of the candidates fills the space, whatever they turn out to be.
const DESIGNED_SHARE: f64 = 0.5;
const ROUNDS: usize = 6;
/// How far from its parent a candidate of the first round is, at most, in each coordinate; less
/// with each further round.
const FIRST_REACH: f64 = 0.35;
const REACH_FACTOR: f64 = 0.65;
/// So many neighbours on either side of the best candidate so far have more children than the rest
/// of the frontier.
const NEIGHBOURS: usize = 3;
/// A point that has been tried is drawn again, at most so often.
const MOST_DRAWS: usize = 20;
/// The Sobol sequence that is used has no more points.
pub const CANDIDATES_MAX: usize = 1 << 16;

/// How to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// How many policies are tried, at most [`CANDIDATES_MAX`].
    pub candidates: usize,
    /// Seeds the randomness of the simulations and of the search.
    pub seed: u64,
}

/// A policy that was tried.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// One for each parameter; none for the written policy.
    pub values: Vec<Value>,
    /// What it did with the first seed.
    pub figures: Figures,
    /// It was chosen before any result was known.
    pub is_designed: bool,
    /// Where in the space it is; nowhere for the written policy.
    point: Vec<f64>,
}

impl Candidate {
    /// A policy that was not searched for.
    pub fn given(figures: Figures) -> Self {
        Self {
            values: Vec::new(),
            figures,
            is_designed: true,
            point: Vec::new(),
        }
    }

    /// The figures by which candidates are compared.
    pub fn judged(&self) -> Judged {
        Judged {
            cost_usd: self.figures.cost_usd(),
            wait_s: self.figures.wait_p95_s(),
            finished: self.figures.unfinished() == 0,
        }
    }
}

/// Tries policies of a space. The first candidate is the written policy. The result
/// depends on nothing but the arguments, whatever the number of threads; `advance` is called after
/// each.
///
/// # Errors
/// When the policies do not fit a cluster.
pub fn search(
    evaluator: &Evaluator<'_>,
    space: &SearchSpace,
    start: &Policy,
    effort: Effort,
    advance: impl Fn() + Sync,
) -> Result<Vec<Candidate>, SimError> {
    let mut searched = Searched {
        evaluator,
        space,
        effort,
        advance: &advance,
        candidates: Vec::new(),
        tried: BTreeSet::new(),
    };
    let figures = evaluator.run(start, effort.seed)?;
    advance();
    searched.candidates.push(Candidate::given(figures));
    let total = effort.candidates.min(CANDIDATES_MAX);
    let designed = ((total as f64 * DESIGNED_SHARE) as usize).max(1);
    let dimensions = space.parameters().len() as u32;
    let points = (0..designed as u32)
        .map(|index| sobol_point(index, dimensions, effort.seed))
        .collect();
    searched.try_points(points, true)?;
    let mut luck = ChaCha8Rng::seed_from_u64(effort.seed);
    for round in 0..ROUNDS {
        let left = total.saturating_sub(designed) * (round + 1) / ROUNDS
            - total.saturating_sub(designed) * round / ROUNDS;
        let points = searched.children(
            left,
            FIRST_REACH * REACH_FACTOR.powi(round as i32),
            &mut luck,
        );
        searched.try_points(points, false)?;
    }
    Ok(searched.candidates)
}

/// Owen-scrambled Sobol points (B. Burley, "Practical Hash-based Owen Scrambling", JCGT 9(4),
/// 2020); beyond the dimensions of the sequence other scramblings of the same.
fn sobol_point(index: u32, dimensions: u32, seed: u64) -> Vec<f64> {
    let coordinate = |dimension: u32| {
        let scrambling = (seed ^ (seed >> 32)) as u32 ^ (dimension / sobol_burley::NUM_DIMENSIONS);
        f64::from(sobol_burley::sample(
            index,
            dimension % sobol_burley::NUM_DIMENSIONS,
            scrambling,
        ))
    };
    (0..dimensions).map(coordinate).collect()
}

struct Searched<'a, A> {
    evaluator: &'a Evaluator<'a>,
    space: &'a SearchSpace,
    effort: Effort,
    advance: &'a A,
    candidates: Vec<Candidate>,
    /// The values of every candidate, as text.
    tried: BTreeSet<Vec<String>>,
}

impl<A: Fn() + Sync> Searched<'_, A> {
    /// Tries points, on all cores. Points whose values have been tried, or make no policy together,
    /// are passed over.
    fn try_points(&mut self, points: Vec<Vec<f64>>, is_designed: bool) -> Result<(), SimError> {
        let (space, evaluator, effort, advance) =
            (self.space, self.evaluator, self.effort, self.advance);
        let new: Vec<(Vec<f64>, Vec<Value>)> = points
            .into_iter()
            .map(|point| (space.values(&point), point))
            .filter(|(values, _)| self.tried.insert(as_text(values)))
            .map(|(values, point)| (point, values))
            .collect();
        let trial = |(point, values): (Vec<f64>, Vec<Value>)| {
            let figures = space
                .policy(&values)
                .ok()
                .map(|policy| evaluator.run(&policy, effort.seed));
            advance();
            Ok(figures.transpose()?.map(|figures| Candidate {
                values,
                figures,
                is_designed,
                point,
            }))
        };
        let tried = new
            .into_par_iter()
            .with_max_len(1)
            .map(trial)
            .collect::<Result<Vec<Option<Candidate>>, SimError>>()?;
        self.candidates.extend(tried.into_iter().flatten());
        Ok(())
    }

    /// Points near the frontier: every other one near the best candidate so far, the others along
    /// the whole frontier.
    fn children(&self, count: usize, reach: f64, luck: &mut ChaCha8Rng) -> Vec<Vec<f64>> {
        let judged: Vec<Judged> = self.candidates.iter().map(Candidate::judged).collect();
        let mut parents = frontier(&judged);
        parents.retain(|index| !self.candidates[*index].point.is_empty());
        if parents.is_empty() {
            return Vec::new();
        }
        let chosen = best(&judged, self.evaluator.goal().as_secs_f64());
        let middle = parents
            .iter()
            .position(|index| Some(*index) == chosen)
            .unwrap_or(parents.len() / 2);
        let near =
            &parents[middle.saturating_sub(NEIGHBOURS)..parents.len().min(middle + NEIGHBOURS + 1)];
        let mut new = BTreeSet::new();
        let mut points = Vec::new();
        for number in 0..count {
            let parents = if number.is_multiple_of(2) {
                near
            } else {
                &parents
            };
            for _ in 0..MOST_DRAWS {
                let point = self.child(parents, reach, luck);
                let text = as_text(&self.space.values(&point));
                if !self.tried.contains(&text) && new.insert(text) {
                    points.push(point);
                    break;
                }
            }
        }
        points
    }

    /// A parent, changed in about two coordinates.
    fn child(&self, parents: &[usize], reach: f64, luck: &mut ChaCha8Rng) -> Vec<f64> {
        let parent = &self.candidates[parents[below(parents.len(), luck)]].point;
        let always = below(parent.len(), luck);
        let chance = 1.0 / parent.len() as f64;
        let changed = |(dimension, place): (usize, &f64)| {
            let is_changed = uniform(luck) < chance || dimension == always;
            // The sum of two is near zero more often than far from it.
            let step = uniform(luck) + uniform(luck) - 1.0;
            if is_changed {
                reflected(place + reach * step)
            } else {
                *place
            }
        };
        parent.iter().enumerate().map(changed).collect()
    }
}

fn as_text(values: &[Value]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

/// Between 0 and 1, both excluded.
fn uniform(luck: &mut ChaCha8Rng) -> f64 {
    ((luck.next_u64() >> 12) as f64 + 0.5) * f64::EPSILON
}

fn below(count: usize, luck: &mut ChaCha8Rng) -> usize {
    ((uniform(luck) * count as f64) as usize).min(count.saturating_sub(1))
}

/// Back into the unit interval, whose upper end is excluded.
fn reflected(place: f64) -> f64 {
    let folded = if place < 0.0 { -place } else { place };
    if folded >= 1.0 {
        (2.0 - folded).clamp(0.0, 1.0 - f64::EPSILON)
    } else {
        folded
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::generate::{self, SyntheticWorkload};
    use crate::policy::parse::parse;
    use crate::sim::job_work::JobWork;
    use crate::sim::scenario::Scenario;
    use crate::sim::trace_work::TraceWork;

    const RULES: &str = include_str!("../../policies/available-memory.yaml");

    fn morning() -> TraceWork {
        let model = SyntheticWorkload::OfficeDay
            .workload(Some(0.5), 0.5)
            .expect("valid");
        TraceWork::Jobs(
            JobWork::from_jobs(model.start, &generate::generate(&model, 1)).expect("valid jobs"),
        )
    }

    fn searched(effort: Effort, vary: &[&str]) -> Vec<Candidate> {
        let (workload, scenario) = (morning(), Scenario::default());
        let vary: Vec<String> = vary.iter().map(|&text| text.to_owned()).collect();
        let space = SearchSpace::new(RULES, "rules.yaml", &vary).expect("a space");
        let start = parse(RULES, "rules.yaml").expect("a policy");
        let evaluator = Evaluator::new(
            [("morning".to_owned(), &workload, &scenario)],
            Duration::from_secs(300),
        );
        search(&evaluator, &space, &start, effort, || ()).expect("simulates")
    }

    #[test]
    fn the_search_depends_on_its_seed_and_not_on_threads() {
        let effort = Effort {
            candidates: 40,
            seed: 3,
        };
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .expect("threads");
            pool.install(|| searched(effort, &[]))
        };
        let alone = with(1);
        assert!(alone == with(3), "one thread and three");
        assert_ne!(alone, searched(Effort { seed: 4, ..effort }, &[]));
    }

    #[test]
    fn refining_finds_what_the_design_did_not() {
        let candidates = searched(
            Effort {
                candidates: 120,
                seed: 1,
            },
            &[],
        );
        assert_eq!(candidates.len(), 121);
        let cost_usd = |pool: &[&Candidate]| {
            let judged: Vec<Judged> = pool.iter().map(|candidate| candidate.judged()).collect();
            best(&judged, 300.0)
                .map(|index| judged[index].cost_usd)
                .expect("some finish")
        };
        let designed: Vec<&Candidate> = candidates
            .iter()
            .filter(|candidate| candidate.is_designed)
            .collect();
        let all: Vec<&Candidate> = candidates.iter().collect();
        assert!(
            cost_usd(&all) < cost_usd(&designed),
            "{} of {}",
            cost_usd(&all),
            cost_usd(&designed)
        );
        assert!(
            cost_usd(&designed) < candidates[0].figures.cost_usd()
                || candidates[0].judged().wait_s > 300.0
        );
    }

    #[test]
    fn a_small_space_is_searched_once() {
        let candidates = searched(
            Effort {
                candidates: 50,
                seed: 1,
            },
            &["rules.memory-short.then.grow=1|5|9"],
        );
        let mut values: Vec<String> = candidates
            .iter()
            .flat_map(|candidate| as_text(&candidate.values))
            .collect();
        values.sort();
        assert_eq!(values, ["1", "5", "9"]);
    }
}
