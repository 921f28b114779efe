//! What is random about the nodes of a scenario: delays, failed launches and spot interruptions.

use statrs::distribution::{ContinuousCDF, Exp, LogNormal};

use crate::observation::Market;
use crate::sim::random::{Purpose, RandomStreams};
use crate::sim::scenario::Scenario;

/// Draws for the nodes of each group, by the ordinal of their launch.
#[derive(Debug)]
pub(super) struct Chance<'a> {
    scenario: &'a Scenario,
    random: RandomStreams,
}

impl<'a> Chance<'a> {
    /// The draws of a seed.
    pub fn new(scenario: &'a Scenario, seed: u64) -> Self {
        Self {
            scenario,
            random: RandomStreams::new(seed),
        }
    }

    /// Milliseconds from the launch of a node until YARN can use it.
    pub fn provisioning_ms(&self, group: usize, ordinal: u64) -> i64 {
        /// The standard normal distribution's 95th percentile.
        const Z_95: f64 = 1.644_853_626_951_472_2;
        let (median_s, p95_s) = (
            self.scenario.provisioning.median.as_secs_f64(),
            self.scenario.provisioning.p95.as_secs_f64(),
        );
        let sigma = if median_s > 0.0 {
            (p95_s / median_s).ln() / Z_95
        } else {
            0.0
        };
        let seconds = match LogNormal::new(median_s.ln(), sigma) {
            Ok(distribution) if sigma > 0.0 => distribution.inverse_cdf(self.random.draw(
                Purpose::ProvisioningDelay,
                group,
                ordinal,
            )),
            _ => median_s,
        };
        (seconds * 1e3).round() as i64
    }

    /// Whether the launch of a node fails.
    pub fn launch_fails(&self, group: usize, ordinal: u64) -> bool {
        let failure = self.scenario.provisioning.failure.get() / 100.0;
        failure != 0.0
            && self
                .random
                .draw(Purpose::ProvisioningFailure, group, ordinal)
                < failure
    }

    /// Milliseconds from the start of a node until its spot notice; `None` if EC2 never interrupts
    /// it.
    pub fn spot_life_ms(&self, group: usize, ordinal: u64) -> Option<i64> {
        if self.scenario.groups[group].market != Market::Spot {
            return None;
        }
        let lifetime_h = Exp::new(self.scenario.spot.interruptions_per_hour).ok()?;
        let life_h = lifetime_h.inverse_cdf(self.random.draw(Purpose::SpotLife, group, ordinal));
        Some((life_h * 3.6e6) as i64)
    }
}
