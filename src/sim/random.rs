//! Random draws. Each is a pure function of the seed, of its purpose, and of the group and launch
//! that it concerns, so that two policies on one seed get the same draws wherever they do the same
//! thing.

use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The purpose of a draw; each has ChaCha8 streams of its own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    ProvisioningDelay = 1,
    ProvisioningFailure = 2,
    SpotLife = 3,
    MetricLoss = 4,
}

/// All streams of one seed.
#[derive(Clone, Debug)]
pub(super) struct RandomStreams(ChaCha8Rng);

impl RandomStreams {
    pub(super) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// The `ordinal`-th draw for this purpose and group, uniform between 0 and 1, both excluded.
    pub(super) fn draw(&self, purpose: Purpose, group: usize, ordinal: u64) -> f64 {
        let mut generator = self.0.clone();
        generator.set_stream((purpose as u64) << 32 | group as u64);
        generator.set_word_pos(u128::from(ordinal) * 2);
        // The middle of one of 2^52 equal cells: every such number has an exact f64, and neither
        // end is reached.
        ((generator.next_u64() >> 12) as f64 + 0.5) * f64::EPSILON
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_depends_on_seed_purpose_group_and_ordinal_and_on_nothing_else() {
        let streams = RandomStreams::new(7);
        let base = streams.draw(Purpose::SpotLife, 1, 5);
        assert_eq!(base, RandomStreams::new(7).draw(Purpose::SpotLife, 1, 5));
        for other in [
            streams.draw(Purpose::ProvisioningDelay, 1, 5),
            streams.draw(Purpose::SpotLife, 2, 5),
            streams.draw(Purpose::SpotLife, 1, 6),
            RandomStreams::new(8).draw(Purpose::SpotLife, 1, 5),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn draws_are_spread_evenly_between_zero_and_one() {
        let streams = RandomStreams::new(1);
        let draws: Vec<f64> = (0..4_000)
            .map(|ordinal| streams.draw(Purpose::MetricLoss, 0, ordinal))
            .collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        assert!(draws.iter().all(|draw| 0.0 < *draw && *draw < 1.0));
        assert!((mean - 0.5).abs() < 0.02, "mean {mean}");
    }
}
