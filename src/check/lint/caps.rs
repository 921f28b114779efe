//! Step caps and budgets in percent that hardly do what was meant.

use super::warning::About;
use crate::observation::Direction;
use crate::policy::{Cap, Target};
use crate::units::{Instances, display_duration};

/// What is wrong with a cap.
pub struct Finding {
    pub about: About,
    pub message: String,
    pub help: String,
}

/// The caps of this target that allow everything, or one instance only where the group is small.
pub fn lint(target: &Target, position: usize) -> Vec<Finding> {
    let guards = &target.guards;
    let step = |direction, cap: Option<Cap>| cap.map(|cap| (direction, cap));
    let steps = [
        step(Direction::Out, guards.step_grow),
        step(Direction::In, guards.step_shrink),
    ];
    let steps = steps.into_iter().flatten().map(|(direction, cap)| {
        let about = About::Step(position);
        (about, "step", "resize".to_owned(), direction, cap)
    });
    let budgets = guards.budgets.iter().map(|budget| {
        let per = display_duration(budget.per).to_string();
        let about = About::Budget(position);
        (about, "budget", per, budget.direction, budget.cap)
    });
    let caps = steps.chain(budgets);
    caps.filter_map(|(about, field, each, direction, cap)| {
        let finding = |message, help| Finding {
            about,
            message,
            help,
        };
        match (direction, cap) {
            (Direction::In, Cap::Percent(percent)) if percent.get() >= 100.0 => Some(finding(
                format!("`shrink: {percent}` allows every scale-in"),
                format!("leave `shrink` out of `{field}`, or write less than 100%"),
            )),
            (Direction::Out, Cap::Percent(percent)) => {
                let min = target.limits.min();
                let enough = first_size_with_one(cap).filter(|_| cap.is_below_one(min))?;
                Some(finding(
                    format!(
                        "{percent} of {min} is less than one instance: up to a size of {enough}, the group grows by 1 per {each}"
                    ),
                    format!("write a number of instances, or raise `min` to {enough}"),
                ))
            }
            _ => None,
        }
    })
    .collect()
}

/// The smallest size of which the share is an instance.
fn first_size_with_one(cap: Cap) -> Option<Instances> {
    let Cap::Percent(percent) = cap else {
        return None;
    };
    let size = (100.0 / percent.get()).ceil();
    (size <= f64::from(u32::MAX)).then_some(Instances(size as u32))
}

#[cfg(test)]
mod tests {
    use crate::check::lint::testing::warnings;

    /// What is said of the guards of a group with at least `min` instances, and where.
    fn said(min: u32, guards: &str) -> Vec<String> {
        let source = format!(
            "name: p\ntargets:\n  - group: {{ role: task }}\n    limits: {{ min: {min}, max: 50 }}\n    {guards}\n"
        );
        warnings(&source)
    }

    #[test]
    fn a_share_that_is_less_than_an_instance_of_the_smallest_size_is_found() {
        assert_eq!(
            said(2, "step: { grow: 20%, shrink: 20% }"),
            [
                "{: 20% of 2 is less than one instance: up to a size of 5, the group grows by 1 per resize"
            ]
        );
        assert_eq!(
            said(0, "budget: { grow: 50%, per: 1h }"),
            [
                "{: 50% of 0 is less than one instance: up to a size of 2, the group grows by 1 per 1h"
            ]
        );
        assert_eq!(said(5, "step: { grow: 20% }"), [""; 0]);
        assert_eq!(said(0, "step: { grow: 2, shrink: 1 }"), [""; 0]);
    }

    #[test]
    fn a_cap_that_allows_every_scale_in_is_found() {
        assert_eq!(
            said(5, "step: { shrink: 100% }"),
            ["{: `shrink: 100%` allows every scale-in"]
        );
        assert_eq!(said(5, "budget: { shrink: 99%, per: 1h }"), [""; 0]);
    }
}
