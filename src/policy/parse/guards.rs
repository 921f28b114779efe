//! Limits, guards and schedule windows.

use std::time::Duration;

use jiff::civil::Time;
use jiff::tz::TimeZone;

use super::reader::Reader;
use crate::observation::Direction;
use crate::policy::diagnostic::{Diagnostic, nearest};
use crate::policy::document::{
    BudgetDocument, DayText, HdfsDocument, LimitsDocument, ProvisioningDocument, ScheduleDocument,
    StepDocument, TargetDocument,
};
use crate::policy::guards::{Budget, FlipBudget, Guards, HdfsGuard};
use crate::policy::limits::Limits;
use crate::policy::scalar;
use crate::policy::schedule::{Freeze, ScheduleWindow};
use crate::policy::yaml::At;
use crate::units::Instances;

/// More copies of each block are a slip.
const MOST_REPLICAS: u32 = 512;
const DAYS: [(&str, usize); 7] = [
    ("mon", 0),
    ("tue", 1),
    ("wed", 2),
    ("thu", 3),
    ("fri", 4),
    ("sat", 5),
    ("sun", 6),
];
const FREEZES: [(&str, Freeze); 3] = [
    ("out", Freeze::Out),
    ("in", Freeze::In),
    ("both", Freeze::Both),
];

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

    fn step(
        &mut self,
        document: Option<&At<StepDocument>>,
    ) -> Option<(Option<Instances>, Option<Instances>)> {
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
        let mut cap = |at: &Option<_>| {
            at.as_ref()
                .map(|at| self.take(at, |text| scalar::positive(text, "a step")))
                .map(|cap| cap.map(Instances))
        };
        let (grow, shrink) = (cap(grow), cap(shrink));
        Some((grow.flatten(), shrink.flatten()))
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
        for (direction, at) in [(Direction::Out, grow), (Direction::In, shrink)] {
            let Some(at) = at else { continue };
            if let (Some(instances), Some(per)) = (
                self.take(at, |text| scalar::positive(text, "a budget")),
                per,
            ) {
                budgets.push(Budget {
                    direction,
                    instances: Instances(instances),
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

    pub(super) fn schedule(
        &mut self,
        documents: &[ScheduleDocument],
    ) -> Option<Vec<ScheduleWindow>> {
        let windows: Vec<Option<ScheduleWindow>> = documents
            .iter()
            .map(|document| self.window(document))
            .collect();
        for (position, document) in documents.iter().enumerate() {
            if documents[..position]
                .iter()
                .any(|earlier| earlier.name.value == document.name.value)
            {
                let message = format!(
                    "this target already has a window `{}`",
                    document.name.value.0
                );
                self.error(
                    Diagnostic::error(document.name.span.clone(), message)
                        .help("give each window its own name"),
                );
            }
        }
        windows.into_iter().collect()
    }

    fn window(&mut self, document: &ScheduleDocument) -> Option<ScheduleWindow> {
        let name = self.name(&document.name);
        let days = document
            .days
            .as_ref()
            .map_or(Some([true; 7]), |days| self.days(days));
        let (from, to) = (
            self.take(&document.from, time_of_day),
            self.take(&document.to, time_of_day),
        );
        let time_zone = document
            .time_zone
            .as_ref()
            .map_or(Some(TimeZone::UTC), |at| self.time_zone(at));
        let limits = document.limits.as_ref().map(|at| self.limits(at));
        let freeze = document.freeze.as_ref().map(|at| self.one_of(at, &FREEZES));
        if limits.is_none() && freeze.is_none() {
            let error =
                Diagnostic::error(document.name.span.clone(), "this window changes nothing");
            self.error(error.help("add `limits: { min: .., max: .. }` or `freeze: in`"));
        }
        Some(ScheduleWindow {
            name: name?.into(),
            days: days?,
            from: from?,
            to: to?,
            time_zone: time_zone?,
            limits: limits.flatten(),
            freeze: freeze.flatten(),
        })
    }

    fn days(&mut self, at: &At<Vec<At<DayText>>>) -> Option<[bool; 7]> {
        if at.value.is_empty() {
            return self.refuse(
                Diagnostic::error(
                    at.span.clone(),
                    "`days` is empty, so this window never opens",
                )
                .help("leave `days` out for every day"),
            );
        }
        let mut days = [false; 7];
        let read: Vec<Option<usize>> = at.value.iter().map(|day| self.one_of(day, &DAYS)).collect();
        for day in read {
            days[day?] = true;
        }
        Some(days)
    }

    fn time_zone<S: AsRef<str>>(&mut self, at: &At<S>) -> Option<TimeZone> {
        let name = at.value.as_ref().trim();
        if let Ok(time_zone) = TimeZone::get(name) {
            return Some(time_zone);
        }
        let names: Vec<String> = jiff::tz::db()
            .available()
            .map(|name| name.to_string())
            .collect();
        let help = match nearest(name, names.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "write an IANA name such as `Europe/Berlin` or `UTC`".to_owned(),
        };
        self.refuse(
            Diagnostic::error(at.span.clone(), format!("there is no time zone `{name}`"))
                .help(help),
        )
    }

    fn duration_or<S: AsRef<str>>(
        &mut self,
        at: Option<&At<S>>,
        default: Duration,
    ) -> Option<Duration> {
        at.map_or(Some(default), |at| self.take(at, scalar::duration))
    }
}

fn time_of_day(text: &str) -> Result<Time, Diagnostic> {
    let digits = |part: &str| (part.len() == 2).then(|| part.parse::<i8>().ok()).flatten();
    let time = text
        .split_once(':')
        .and_then(|(hour, minute)| Time::new(digits(hour)?, digits(minute)?, 0, 0).ok());
    let help = if text.starts_with("24") {
        "write `00:00` for midnight"
    } else {
        "write hours and minutes, as in `08:00` or `17:30`"
    };
    time.ok_or_else(|| {
        Diagnostic::error(0..text.len(), format!("`{text}` is not a time of day")).help(help)
    })
}
