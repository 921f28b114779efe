//! Learns how long an idle level is worth keeping from the lengths of its idle gaps.
//!
//! This is ski rental with a known past: keeping an idle level for a time `T` costs `min(gap, T)` per
//! gap, plus the price of launching a unit again for each gap longer than `T`. The best `T` is the one
//! that would have cost least over the gaps so far (Karlin et al., "Competitive
//! randomized algorithms for nonuniform problems", 1994, on ski rental against a distribution).

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::levels::Gap;

/// Bins of gap lengths: from [`SHORTEST_S`] up, each longer by [`GROWTH`]; the last one ends beyond
/// two weeks.
const BINS: usize = 72;
const SHORTEST_S: f64 = 30.0;
const GROWTH: f64 = 1.16;
/// Levels are pooled in bands, each higher by a tenth: 50 bands up to level 150, 100 up to level
/// 20,000.
const BAND_WIDTH: f64 = 0.1;
/// How much neighbouring bands count: the standard deviation of their weight, in the logarithm of the
/// level.
const POOLING: f64 = 0.3;
/// Before gaps are observed, all lengths up to a day are assumed equally likely on a logarithmic
/// scale. The assumption has the weight of this many gaps.
const PRIOR_GAPS: f64 = 3.0;
const PRIOR_LONGEST_S: f64 = 86_400.0;
/// How many gaps a band remembers, about: when it has more, the weight of all is halved.
const MEMORY: f64 = 2_000.0;

/// Idle gaps by band of levels, and what follows from them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Gaps by bin, with their weight.
    bands: Vec<Vec<(u8, f64)>>,
    /// The best times computed since the last gap, by band and for one price.
    #[serde(skip)]
    known: Known,
}

#[derive(Clone, Debug, Default)]
struct Known {
    price_s: f64,
    keep_s: Vec<Option<f64>>,
}

impl PartialEq for Retention {
    fn eq(&self, other: &Self) -> bool {
        self.bands == other.bands
    }
}

impl Retention {
    pub fn learn(&mut self, gap: Gap) {
        let bin = bin(gap.idle.as_secs_f64());
        for (band, levels) in bands(gap.levels) {
            if self.bands.len() <= band {
                self.bands.resize(band + 1, Vec::new());
            }
            add(&mut self.bands[band], bin as u8, f64::from(levels));
        }
        self.known.keep_s.clear();
    }

    /// How long `level` is kept while idle, if launching a unit again costs as much as keeping one for
    /// `price`.
    pub fn keep_for(&mut self, level: u32, price: Duration) -> Duration {
        self.keep_band_for(band(level.max(1)), price)
    }

    /// How many of these levels are worth keeping after the time `idle`.
    pub fn worth(&mut self, levels: RangeInclusive<u32>, idle: Duration, price: Duration) -> u32 {
        bands(levels)
            .filter(|(band, _)| idle < self.keep_band_for(*band, price))
            .map(|(_, levels)| levels)
            .sum()
    }

    fn keep_band_for(&mut self, band: usize, price: Duration) -> Duration {
        let price_s = price.as_secs_f64();
        if self.known.price_s != price_s {
            self.known = Known {
                price_s,
                keep_s: Vec::new(),
            };
        }
        if self.known.keep_s.len() <= band {
            self.known.keep_s.resize(band + 1, None);
        }
        let keep_s = self.known.keep_s[band].unwrap_or_else(|| best_s(&self.pooled(band), price_s));
        self.known.keep_s[band] = Some(keep_s);
        Duration::from_secs_f64(keep_s)
    }

    /// The gaps of a band and its neighbours, with the assumed ones.
    fn pooled(&self, band: usize) -> [f64; BINS] {
        let longest = bin(PRIOR_LONGEST_S);
        let mut pooled = [0.0; BINS];
        pooled[..=longest].fill(PRIOR_GAPS / (longest + 1) as f64);
        for (other, gaps) in self.bands.iter().enumerate() {
            let distance = other.abs_diff(band) as f64 * BAND_WIDTH / POOLING;
            if distance <= 3.0 {
                let weight = (-0.5 * distance * distance).exp();
                gaps.iter().for_each(|(bin, gaps)| {
                    pooled[usize::from(*bin).min(BINS - 1)] += weight * gaps
                });
            }
        }
        pooled
    }
}

/// Returns the `T` with the least `sum(min(gap, T)) + count(gap > T) * price`, among the ends of the bins.
fn best_s(gaps: &[f64; BINS], price_s: f64) -> f64 {
    let mut longer: f64 = gaps.iter().sum();
    let (mut best_s, mut least) = (0.0, longer * price_s);
    let mut shorter_s = 0.0;
    for (bin, gaps) in gaps.iter().enumerate() {
        longer = (longer - gaps).max(0.0);
        shorter_s += gaps * end_s(bin) / GROWTH.sqrt();
        let cost = shorter_s + longer * (end_s(bin) + price_s);
        if cost < least {
            (best_s, least) = (end_s(bin), cost);
        }
    }
    best_s
}

fn add(gaps: &mut Vec<(u8, f64)>, bin: u8, count: f64) {
    match gaps.binary_search_by_key(&bin, |(bin, _)| *bin) {
        Ok(position) => gaps[position].1 += count,
        Err(position) => gaps.insert(position, (bin, count)),
    }
    if gaps.iter().map(|(_, count)| count).sum::<f64>() > MEMORY {
        gaps.iter_mut().for_each(|(_, count)| *count /= 2.0);
    }
}

fn bin(seconds: f64) -> usize {
    ((seconds / SHORTEST_S).ln() / GROWTH.ln())
        .ceil()
        .clamp(0.0, (BINS - 1) as f64) as usize
}

fn end_s(bin: usize) -> f64 {
    SHORTEST_S * GROWTH.powi(bin as i32)
}

fn band(level: u32) -> usize {
    (f64::from(level).ln() / BAND_WIDTH) as usize
}

/// Returns the bands of these levels, each with the number of levels in it.
fn bands(levels: RangeInclusive<u32>) -> impl Iterator<Item = (usize, u32)> {
    let (mut next, last) = (Some(*levels.start()), *levels.end());
    std::iter::from_fn(move || {
        let first = next.filter(|first| *first <= last)?;
        let band = band(first);
        let end = last_of(band).min(last);
        next = end.checked_add(1);
        Some((band, end - first + 1))
    })
}

/// Returns the highest level of a band.
fn last_of(band: usize) -> u32 {
    let mut level = ((band + 1) as f64 * BAND_WIDTH)
        .exp()
        .clamp(1.0, f64::from(u32::MAX)) as u32;
    while level > 1 && self::band(level) > band {
        level -= 1;
    }
    level
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(levels: std::ops::RangeInclusive<u32>, idle_s: u64, times: usize) -> Retention {
        let mut retention = Retention::default();
        (0..times).for_each(|_| {
            retention.learn(Gap {
                levels: levels.clone(),
                idle: Duration::from_secs(idle_s),
            })
        });
        retention
    }

    fn keep_s(retention: &mut Retention, level: u32, price_s: u64) -> f64 {
        retention
            .keep_for(level, Duration::from_secs(price_s))
            .as_secs_f64()
    }

    #[test]
    fn a_level_is_kept_across_gaps_that_are_cheaper_than_its_price_and_let_go_before_longer_ones() {
        let mut short = seen(5..=5, 300, 50);
        let kept_s = keep_s(&mut short, 5, 900);
        assert!(
            (300.0..420.0).contains(&kept_s),
            "gaps of 300 s, a price of 900 s: {kept_s}"
        );
        assert!(keep_s(&mut short, 5, 100) < 300.0, "a price of 100 s");
        let mut long = seen(5..=5, 7_200, 50);
        assert!(keep_s(&mut long, 5, 900) < 60.0, "gaps of two hours");
    }

    #[test]
    fn what_one_level_teaches_counts_for_its_neighbours_and_not_for_distant_ones() {
        let mut retention = seen(20..=20, 7_200, 50);
        let distant_s = keep_s(&mut Retention::default(), 1, 3_600);
        assert!(keep_s(&mut retention, 22, 3_600) < distant_s / 2.0);
        assert_eq!(keep_s(&mut retention, 1, 3_600), distant_s);
    }

    #[test]
    fn a_higher_price_never_shortens_the_time() {
        let mut retention = seen(3..=30, 700, 7);
        retention.learn(Gap {
            levels: 2..=12,
            idle: Duration::from_secs(5_000),
        });
        let times: Vec<f64> = [0, 60, 300, 900, 3_600, 86_400, 10_000_000]
            .map(|price_s| keep_s(&mut retention, 9, price_s))
            .to_vec();
        assert!(times.is_sorted(), "{times:?}");
    }

    #[test]
    fn every_level_has_its_band_and_bands_follow_each_other() {
        for level in (1..3_000).chain([u32::MAX - 1, u32::MAX]) {
            assert!(last_of(band(level)) >= level, "level {level}");
            assert_eq!(band(last_of(band(level))), band(level), "level {level}");
        }
        let mut retention = Retention::default();
        retention.learn(Gap {
            levels: 1..=u32::MAX,
            idle: Duration::from_secs(60),
        });
    }
}
