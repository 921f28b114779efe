//! The compact notation of a signal over time, one sample a tick, in the manner of promtool.

use crate::observation::ClusterState;
use crate::policy::scalar::finite;

/// Longer series are slips.
const MOST_SAMPLES: usize = 100_000;

/// What one tick sees of a signal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sample {
    /// `_`: nothing was measured.
    Missing,
    /// `stale`: the last sample again, measured when it was.
    Stale,
    Value(f64),
    /// A state of the cluster, for `emr_cluster_state`.
    State(ClusterState),
}

/// Reads `50x4 10 20+5x3 _x2 nan stale`: words with spaces between them, each a sample, `x` and how
/// many of it there are; `a+bxN` and `a-bxN` are N samples that begin at `a`, each `b` above or
/// below the one before.
///
/// # Errors
/// The first word that is none of these, and what would be right.
pub fn parse(text: &str) -> Result<Vec<Sample>, String> {
    let mut samples = Vec::new();
    for word in text.split_whitespace() {
        let (what, count) = match word.rsplit_once('x') {
            Some((what, count)) => (
                what,
                count.parse::<usize>().map_err(|_| not_a_sample(word))?,
            ),
            None => (word, 1),
        };
        if count == 0 || count > MOST_SAMPLES - samples.len() {
            return Err(format!(
                "`{word}`: a series has between 1 and {MOST_SAMPLES} samples"
            ));
        }
        let (first, step) = first_and_step(what).ok_or_else(|| not_a_sample(word))?;
        samples.extend((0..count).map(|position| match first {
            Sample::Value(value) => Sample::Value(value + step * position as f64),
            other => other,
        }));
    }
    Ok(samples)
}

fn first_and_step(text: &str) -> Option<(Sample, f64)> {
    let sample = match text {
        "_" => Sample::Missing,
        "stale" => Sample::Stale,
        "nan" => Sample::Value(f64::NAN),
        _ => match ClusterState::ALL
            .iter()
            .find(|state| state.as_str() == text)
        {
            Some(state) => Sample::State(*state),
            None => return number_and_step(text),
        },
    };
    Some((sample, 0.0))
}

fn number_and_step(text: &str) -> Option<(Sample, f64)> {
    if let Some(value) = finite(text) {
        return Some((Sample::Value(value), 0.0));
    }
    let sign = 1 + text.get(1..)?.find(['+', '-'])?;
    let step = finite(text[sign..].strip_prefix('+').unwrap_or(&text[sign..]))?;
    Some((Sample::Value(finite(&text[..sign])?), step))
}

fn not_a_sample(word: &str) -> String {
    format!(
        "`{word}` is not a sample: write `50`, `50x4`, `50+5x4`, `50-5x4`, `_`, `nan` or `stale`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_the_number_of_samples() {
        let values = |text: &str| -> Vec<f64> {
            let of = |sample: &Sample| {
                if let Sample::Value(value) = sample {
                    *value
                } else {
                    f64::NEG_INFINITY
                }
            };
            parse(text).expect(text).iter().map(of).collect()
        };
        assert_eq!(values("50x2 10"), [50.0, 50.0, 10.0]);
        assert_eq!(values("20+5x3"), [20.0, 25.0, 30.0]);
        assert_eq!(values("-1-0.5x2"), [-1.0, -1.5]);
        assert_eq!(
            parse("_ stalex2"),
            Ok(vec![Sample::Missing, Sample::Stale, Sample::Stale])
        );
        assert_eq!(
            parse("WAITING"),
            Ok(vec![Sample::State(ClusterState::Waiting)])
        );
    }

    #[test]
    fn what_is_no_sample_is_refused() {
        for text in [
            "50x",
            "x4",
            "ten",
            "50x0",
            "50x100001",
            "1+",
            "+",
            "inf",
            "5x-1",
            "é",
            "1é",
            "50x99999x99999",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
