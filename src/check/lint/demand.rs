//! Demand that cannot be followed.

use super::warning::{About, Lint};
use crate::policy::Policy;
use crate::policy::demand::{Demand, DemandUnits};

/// Whether `demand` leaves something to decide within the limits of its targets.
pub fn lint(demand: &Demand, policy: &Policy) -> Option<Lint> {
    let Demand {
        min, max, units, ..
    } = *demand;
    if min == max {
        let message =
            format!("`min` equals `max` ({max} {units}), so the size never follows demand");
        return Some(Lint {
            about: About::Demand,
            message,
            help: "raise `max`, or lower `min`".to_owned(),
        });
    }
    let targets = || policy.targets().iter().map(|target| target.limits);
    let (least, most) = (
        targets().map(|limits| limits.min().as_f64()).sum::<f64>(),
        targets().map(|limits| limits.max().as_f64()).sum::<f64>(),
    );
    if units == DemandUnits::Vcpu {
        return None;
    }
    if most < f64::from(min) {
        let message = format!(
            "the limits of all targets together allow at most {most} {units}, which is below `min: {min}`"
        );
        return Some(Lint {
            about: About::Demand,
            message,
            help: "raise `max` in the limits of the targets".to_owned(),
        });
    }
    if least > f64::from(max) {
        let message = format!(
            "the limits of all targets together need at least {least} {units}, which is above `max: {max}`"
        );
        return Some(Lint {
            about: About::Demand,
            message,
            help: "lower `min` in the limits of the targets".to_owned(),
        });
    }
    None
}
