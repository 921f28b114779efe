//! Limits and guards.

use std::time::Duration;

use super::reader::Reader;
use crate::observation::Direction;
use crate::policy::diagnostic::Diagnostic;
use crate::policy::document::{
    BudgetDocument, DurationText, HdfsDocument, LimitsDocument, ProvisioningDocument, StepDocument,
    TargetDocument,
};
use crate::policy::guards::{Budget, Cap, FlipBudget, Guards, HdfsGuard};
use crate::policy::limits::Limits;
use crate::policy::scalar::{self, Way};
use crate::policy::yaml::At;
use crate::units::Instances;

/// More copies of each block are a slip.
const MOST_REPLICAS: u32 = 512;

impl Reader<'_> {
    pub(super) fn limits(&mut self, at: &At<LimitsDocument>) -> Option<Limits> {
        let (min, max) = (
            self.take(&at.value.min, scalar::count),
            self.take(&at.value.max, scalar::count),
        );
        let (min, max) = (min?, max?);
        let limits = Limits::new(Instances(min), Instances(max));
        if limits.is_none() {
            let error = Diagnostic::error(
                at.value.min.span.clone(),
                format!("`min: {min}` is above `max: {max}`"),
            );
            self.error(error.help(format!(
                "write `min: {max}, max: {min}`, if they were swapped"
            )));
        }
        limits
    }

    pub(super) fn guards(&mut self, document: &TargetDocument) -> Option<Guards> {
        let defaults = Guards::default();
        let (step_grow, step_shrink) = self.step(document.step.as_ref())?;
        let budgets = self.budget(document.budget.as_ref());
        let flips = match &document.flips {
            None => Some(None),
            Some(flips) => {
                let max = self.take(&flips.max, |text| scalar::positive(text, "a flip budget"));
                let per = self.some_time(&flips.per);
                max.zip(per).map(|(max, per)| Some(FlipBudget { max, per }))
            }
        };
        let reversal = self.duration_or(document.reversal.as_ref(), defaults.reversal);
        let stabilization =
            self.duration_or(document.stabilization.as_ref(), defaults.stabilization);
        let yield_to_operator = self.duration_or(
            document.yield_to_operator.as_ref(),
            defaults.yield_to_operator,
        );
        let provisioning = self.provisioning(document.provisioning.as_ref(), &defaults);
        let hdfs = self.hdfs(document.hdfs.as_ref());
        let keep_application_masters =
            self.keep_application_masters(document.keep_application_masters.as_ref());
        let keep_shuffle_output = self.keep_shuffle_output(document.keep_shuffle_output.as_ref());
        let (provision_timeout, quarantine, quarantine_max) = provisioning?;
        Some(Guards {
            step_grow,
            step_shrink,
            budgets: budgets?,
            flips: flips?,
            reversal: reversal?,
            stabilization: stabilization?,
            provision_timeout,
            quarantine,
            quarantine_max,
            yield_to_operator: yield_to_operator?,
            keep_application_masters: keep_application_masters?,
            keep_shuffle_output: keep_shuffle_output?,
            hdfs: hdfs?,
        })
    }

    fn keep_application_masters(&mut self, document: Option<&At<bool>>) -> Option<bool> {
        match document {
            Some(at) if at.value && !self.uses_yarn => {
                let message = "only YARN shows where application masters run, and this policy has `uses_yarn: false`";
                self.refuse(
                    Diagnostic::error(at.span.clone(), message)
                        .help("remove `keep_application_masters`, or `uses_yarn: false`"),
                )
            }
            Some(at) => Some(at.value),
            None => Some(self.uses_yarn && Guards::default().keep_application_masters),
        }
    }

    fn keep_shuffle_output(&mut self, document: Option<&At<DurationText>>) -> Option<Duration> {
        let kept = self.duration_or(document, Guards::default().keep_shuffle_output)?;
        match document {
            Some(at) if !kept.is_zero() && !self.uses_yarn => {
                let message = "only the applications on YARN say which nodes store shuffle output, and this policy has `uses_yarn: false`";
                self.refuse(
                    Diagnostic::error(at.span.clone(), message)
                        .help("remove `keep_shuffle_output`, or `uses_yarn: false`"),
                )
            }
            _ => Some(if self.uses_yarn { kept } else { Duration::ZERO }),
        }
    }

    fn step(&mut self, document: Option<&At<StepDocument>>) -> Option<(Option<Cap>, Option<Cap>)> {
        let Some(At {
            value: StepDocument { grow, shrink },
            span,
        }) = document
        else {
            return Some((None, None));
        };
        if grow.is_none() && shrink.is_none() {
            return self.refuse(
                Diagnostic::error(span.clone(), "`step` needs at least one cap")
                    .help("write `grow`, `shrink`, or both"),
            );
        }
        let mut cap = |at: &Option<_>, way| {
            at.as_ref()
                .and_then(|at| self.take(at, |text| scalar::cap(text, way, "a step")))
        };
        Some((cap(grow, Way::Grow), cap(shrink, Way::Shrink)))
    }

    fn budget(&mut self, document: Option<&At<BudgetDocument>>) -> Option<Vec<Budget>> {
        let Some(At {
            value: BudgetDocument { grow, shrink, per },
            span,
        }) = document
        else {
            return Some(Vec::new());
        };
        if grow.is_none() && shrink.is_none() {
            self.error(
                Diagnostic::error(span.clone(), "`budget` needs at least one cap")
                    .help("write `grow`, `shrink`, or both"),
            );
        }
        let per = self.some_time(per);
        let mut budgets = Vec::new();
        for (direction, way, at) in [
            (Direction::Out, Way::Grow, grow),
            (Direction::In, Way::Shrink, shrink),
        ] {
            let Some(at) = at else { continue };
            let cap = self.take(at, |text| scalar::cap(text, way, "a budget"));
            if let Some((cap, per)) = cap.zip(per) {
                budgets.push(Budget {
                    direction,
                    cap,
                    per,
                });
            }
        }
        Some(budgets)
    }

    fn provisioning(
        &mut self,
        document: Option<&ProvisioningDocument>,
        defaults: &Guards,
    ) -> Option<(Duration, Duration, Duration)> {
        let Some(ProvisioningDocument {
            timeout,
            quarantine,
            quarantine_max,
        }) = document
        else {
            return Some((
                defaults.provision_timeout,
                defaults.quarantine,
                defaults.quarantine_max,
            ));
        };
        let timeout = timeout
            .as_ref()
            .map_or(Some(defaults.provision_timeout), |at| self.some_time(at));
        let least = self.duration_or(quarantine.as_ref(), defaults.quarantine);
        let most = self.duration_or(quarantine_max.as_ref(), defaults.quarantine_max);
        let (timeout, least, most) = (timeout?, least?, most?);
        if least > most {
            let place = quarantine
                .as_ref()
                .or(quarantine_max.as_ref())
                .map_or(0..0, |at| at.span.clone());
            return self.refuse(
                Diagnostic::error(place, "`quarantine` is longer than `quarantine_max`")
                    .help("raise `quarantine_max`"),
            );
        }
        Some((timeout, least, most))
    }

    fn hdfs(&mut self, document: Option<&HdfsDocument>) -> Option<HdfsGuard> {
        let defaults = HdfsGuard::default();
        let Some(HdfsDocument {
            replication,
            max_used,
        }) = document
        else {
            return Some(defaults);
        };
        let replication = replication.as_ref().map(|at| {
            let replicas = self.take(at, |text| scalar::positive(text, "a replication"))?;
            if replicas > MOST_REPLICAS {
                return self.refuse(Diagnostic::error(
                    at.span.clone(),
                    format!("`replication` is above {MOST_REPLICAS}"),
                ));
            }
            Some(replicas)
        });
        let max_used = max_used
            .as_ref()
            .map_or(Some(defaults.max_used), |at| self.take(at, scalar::percent));
        Some(HdfsGuard {
            replication: replication.flatten(),
            max_used: max_used?,
        })
    }

    fn duration_or<S: AsRef<str>>(
        &mut self,
        at: Option<&At<S>>,
        default: Duration,
    ) -> Option<Duration> {
        at.map_or(Some(default), |at| self.take(at, scalar::duration))
    }
}
