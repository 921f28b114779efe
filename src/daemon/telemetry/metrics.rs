//! The metrics that Prometheus scrapes; `docs/metrics.md` lists them.

mod demand;
mod families;
mod labels;
mod process;
mod thresholds;

use std::collections::BTreeSet;
use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{CounterVec, GaugeVec, Registry, TextEncoder};

pub use families::{Families, Family};

use crate::daemon::telemetry::report::{SourceReport, TickReport};
use crate::decision::{Action, Decision, Outcome, RuleState};
use crate::observation::node_use::NodeUse;
use crate::observation::{Direction, GroupStatus, Observation, Sampled, YarnLoad};
use crate::policy::signal::{Signal, SignalSource};
use crate::policy::{Policy, Target};
use crate::units::{Mebibytes, Timestamp};
use labels::{OUTCOMES, action_and_reason, action_of, group_label};
use process::ProcessUse;
use thresholds::{Threshold, thresholds};

const BYTES_PER_MEBIBYTE: f64 = 1_048_576.0;

/// The metrics of one daemon, each labelled with the id of its cluster.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    families: Families,
    policy: Policy,
    policy_file: String,
    is_dry_run: bool,
    started_at: Timestamp,
    /// When the newest data of each source was measured; its age is computed at each scrape.
    measured_at: Vec<(&'static str, Timestamp)>,
}

impl Metrics {
    /// Registers every metric and sets those that stay the same while the daemon runs.
    pub fn new(
        cluster_id: &str,
        policy: &Policy,
        policy_file: &str,
        is_dry_run: bool,
        started_at: Timestamp,
    ) -> Self {
        let cluster = [("cluster_id".to_owned(), cluster_id.to_owned())]
            .into_iter()
            .collect();
        let registered = Registry::new_custom(None, Some(cluster))
            .and_then(|registry| Ok((Families::register(&registry)?, registry)));
        let (families, registry) =
            registered.expect("names and labels are constants, and every test here registers them");
        let (policy, policy_file, measured_at) =
            (policy.clone(), policy_file.to_owned(), Vec::new());
        let metrics = Self {
            registry,
            families,
            policy,
            policy_file,
            is_dry_run,
            started_at,
            measured_at,
        };
        metrics.set_constants();
        metrics
    }

    /// Updates all metrics from a tick. A gauge that this tick does not set is absent afterwards.
    pub fn tick(&mut self, report: &TickReport) {
        self.families.reset_gauges();
        self.set_constants();
        self.set_observation(&report.observation);
        self.set_sources(&report.sources);
        let groups = &report.observation.cluster.value.groups;
        self.forget_other_groups(groups);
        groups.iter().for_each(|group| self.set_group(group));
        for (target, decision) in self.policy.targets().iter().zip(&report.decisions) {
            self.set_target(target, decision);
            self.count_decision(decision);
        }
        if let Some(demand) = report
            .decisions
            .iter()
            .find_map(|decision| decision.demand.as_deref())
        {
            demand::set_demand(&self.families, demand);
        }
        self.count_answers(report);
        self.count_shadows(report);
        let families = &self.families;
        for call in &report.calls {
            families
                .api_calls
                .with_label_values(&[call.operation, call.result])
                .inc();
            families
                .api_duration
                .with_label_values(&[call.operation])
                .observe(call.took.as_secs_f64());
        }
        let took = report.took;
        for (phase, took) in [
            ("observe", took.observe),
            ("decide", took.decide),
            ("journal", took.journal),
            ("act", took.act),
        ] {
            families
                .tick_duration
                .with_label_values(&[phase])
                .observe(took.as_secs_f64());
        }
        families.ticks.with_label_values(&["ok"]).inc();
        set(&families.last_tick, &[], epoch_s(report.observation.at));
        set(&families.journal_bytes, &[], report.journal_bytes as f64);
        if let Some(usd_per_hour) = report.cost.usd_per_hour {
            set(&families.cost_rate, &[], usd_per_hour);
        }
        raise(&families.cost_total, report.cost.total_usd.get());
    }

    /// Counts a failed tick.
    pub fn tick_failed(&self) {
        self.families.ticks.with_label_values(&["failed"]).inc();
    }

    /// Renders all metrics in Prometheus' text format, with the ages of data as of `now`.
    ///
    /// # Errors
    /// When the encoder rejects a metric, which would be a bug in this program.
    pub fn render(&self, now: Timestamp) -> prometheus::Result<String> {
        for (source, measured_at) in &self.measured_at {
            set(
                &self.families.data_age,
                &[source],
                now.seconds_since(*measured_at),
            );
        }
        let process = ProcessUse::now();
        let gauges = [
            (&self.families.resident_memory, process.resident_bytes),
            (&self.families.open_fds, process.open_fds),
        ];
        for (gauge, value) in gauges {
            value.into_iter().for_each(|value| set(gauge, &[], value));
        }
        process
            .cpu_s
            .into_iter()
            .for_each(|cpu_s| raise(&self.families.cpu_seconds, cpu_s));
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }

    fn set_constants(&self) {
        let families = &self.families;
        set(&families.build_info, &[env!("CARGO_PKG_VERSION")], 1.0);
        set(
            &families.policy_info,
            &[self.policy.name(), &self.policy_file],
            1.0,
        );
        set(&families.dry_run, &[], flag(self.is_dry_run));
        set(
            &families.poll_interval,
            &[],
            self.policy.poll().as_secs_f64(),
        );
        set(&families.start_time, &[], epoch_s(self.started_at));
        for result in ["ok", "failed"] {
            families.ticks.with_label_values(&[result]);
        }
    }

    fn set_observation(&self, observation: &Observation) {
        let (at, control) = (observation.at, &observation.control);
        for (signal, value) in self.signals(observation) {
            set(&self.families.signal, &[signal.name()], value);
        }
        let allowance = self.policy.poll() * 3;
        if let Some(yarn) = observation
            .yarn
            .as_ref()
            .filter(|yarn| is_fresh(yarn, at, allowance))
        {
            for (state, memory) in memory_by_state(&yarn.value) {
                set(
                    &self.families.yarn_memory,
                    &[state],
                    memory.as_f64() * BYTES_PER_MEBIBYTE,
                );
            }
        }
        for (state, nodes) in NodeUse::of(observation).iter().flat_map(NodeUse::by_state) {
            set(&self.families.nodes, &[state], f64::from(nodes));
        }
        set(
            &self.families.cluster_state,
            &[observation.cluster.value.state.as_str()],
            1.0,
        );
        set(&self.families.leader, &[], flag(control.leader));
        for (name, direction) in [("out", Direction::Out), ("in", Direction::In)] {
            let pause = control.pause.filter(|pause| {
                at < pause.until && pause.direction.is_none_or(|paused| paused == direction)
            });
            set(&self.families.paused, &[name], flag(pause.is_some()));
        }
    }

    /// The signals of the whole cluster that are fresh enough for rules to use. Without YARN, those
    /// that need it are not known.
    fn signals(&self, observation: &Observation) -> Vec<(SignalSource, f64)> {
        let Some(any_group) = observation.cluster.value.groups.first() else {
            return Vec::new();
        };
        let built_in = Signal::ALL
            .iter()
            .filter(|signal| !signal.is_of_group())
            .filter(|signal| self.policy.uses_yarn() || !signal.needs_yarn())
            .map(|signal| SignalSource::BuiltIn(*signal));
        let declared = self
            .policy
            .metrics()
            .iter()
            .map(|metric| SignalSource::Metric {
                id: metric.id.clone(),
                allowance: metric.allowance(),
            });
        let read = |source: SignalSource| {
            let sample = source.read(observation, any_group, None)?;
            let known = is_fresh(
                &sample,
                observation.at,
                source.allowance(self.policy.poll()),
            );
            known.then_some((source, sample.value))
        };
        built_in.chain(declared).filter_map(read).collect()
    }

    fn set_sources(&mut self, sources: &[SourceReport]) {
        self.measured_at = sources
            .iter()
            .filter_map(|report| Some((report.source.label(), report.measured_at?)))
            .collect();
        for report in sources {
            let source = report.source.label();
            set(
                &self.families.data_allowance,
                &[source],
                report.allowance.as_secs_f64(),
            );
            set(
                &self.families.source_up,
                &[source],
                flag(report.error.is_none()),
            );
            if let Some(error) = &report.error {
                self.families
                    .source_errors
                    .with_label_values(&[source, error.label()])
                    .inc();
            }
        }
    }

    fn set_group(&self, group: &GroupStatus) {
        let (id, name) = (group.id.as_str(), group.name.as_deref().unwrap_or_default());
        let info = [
            id,
            name,
            group.role.as_str(),
            group.kind.as_str(),
            group.market.as_str(),
        ];
        set(&self.families.group_info, &info, 1.0);
        set(&self.families.group_state, &[id, group.state.as_str()], 1.0);
        set(&self.families.requested, &[id], group.requested.as_f64());
        set(&self.families.running, &[id], group.running.as_f64());
    }

    fn set_target(&self, target: &Target, decision: &Decision) {
        let Some(group) = decision.group.as_ref().map(|group| group.as_str()) else {
            return;
        };
        let limits = target.limits_at(decision.at);
        set(&self.families.limit_min, &[group], limits.min().as_f64());
        set(&self.families.limit_max, &[group], limits.max().as_f64());
        for rule in &target.rules {
            set(
                &self.families.rule_for,
                &[group, rule.name.as_str()],
                rule.for_duration.as_secs_f64(),
            );
            for Threshold {
                signal,
                comparison,
                value,
            } in thresholds(&rule.when, target)
            {
                set(
                    &self.families.threshold,
                    &[group, rule.name.as_str(), &signal, comparison],
                    value,
                );
            }
        }
        for report in &decision.rules {
            let rule = report.rule.as_str();
            set(
                &self.families.rule_state,
                &[group, rule, report.state.label()],
                1.0,
            );
            if let RuleState::Pending { since, .. } = report.state {
                set(&self.families.pending_since, &[group, rule], epoch_s(since));
            }
        }
    }

    fn count_decision(&self, decision: &Decision) {
        let group = group_label(decision);
        // `increase()` misses the first event of a counter that did not exist before it.
        for action in ["grow", "shrink"] {
            for reason in ["rule", "below_minimum", "above_maximum"] {
                self.families
                    .decisions
                    .with_label_values(&[group, action, reason]);
            }
            for outcome in OUTCOMES {
                self.families
                    .resizes
                    .with_label_values(&[group, action, outcome]);
            }
        }
        let (action, reason) = action_and_reason(&decision.action);
        self.families
            .decisions
            .with_label_values(&[group, action, reason])
            .inc();
        let again = decision
            .runs_again
            .as_deref()
            .map_or(0, |again| again.stages);
        let counter = self.families.runs_again.with_label_values(&[group]);
        counter.inc_by(f64::from(again));
    }

    fn count_answers(&self, report: &TickReport) {
        let resizes = report
            .decisions
            .iter()
            .filter_map(|decision| match &decision.action {
                Action::Resize(resize) => Some((decision.group.as_ref()?, resize)),
                Action::Hold(_) => None,
            });
        for (group, resize) in resizes {
            let answer = report.answers.iter().find(|answer| answer.group == *group);
            let outcome = answer
                .map_or(Outcome::Unknown, |answer| answer.outcome)
                .label();
            self.families
                .resizes
                .with_label_values(&[group.as_str(), action_of(resize.direction()), outcome])
                .inc();
        }
    }

    fn count_shadows(&self, report: &TickReport) {
        for shadow in &report.shadows {
            for decision in &shadow.decisions {
                let (action, reason) = action_and_reason(&decision.action);
                let labels = [
                    shadow.policy.as_str(),
                    group_label(decision),
                    action,
                    reason,
                ];
                self.families
                    .shadow_decisions
                    .with_label_values(&labels)
                    .inc();
            }
        }
    }

    /// Removes the counters of groups that the cluster no longer has.
    fn forget_other_groups(&self, groups: &[GroupStatus]) {
        let present: BTreeSet<&str> = groups
            .iter()
            .map(|group| group.id.as_str())
            .chain([""])
            .collect();
        for counters in [
            &self.families.decisions,
            &self.families.resizes,
            &self.families.shadow_decisions,
            &self.families.runs_again,
        ] {
            let names: Vec<String> = counters
                .desc()
                .into_iter()
                .flat_map(|desc| desc.variable_labels.clone())
                .collect();
            for metric in counters
                .collect()
                .iter()
                .flat_map(|family| family.get_metric())
            {
                let value_of = |name: &str| {
                    metric
                        .get_label()
                        .iter()
                        .find(|pair| pair.name() == name)
                        .map_or("", |pair| pair.value())
                };
                if !present.contains(value_of("group")) {
                    let labels: Vec<&str> = names.iter().map(|name| value_of(name)).collect();
                    // The series was listed just above, so removing it cannot fail.
                    let _ = counters.remove_label_values(&labels);
                }
            }
        }
    }
}

fn set(gauge: &GaugeVec, labels: &[&str], value: f64) {
    gauge.with_label_values(labels).set(value);
}

/// Raises a counter to a total that is kept elsewhere and never falls.
fn raise(counter: &CounterVec, total: f64) {
    let counter = counter.with_label_values::<&str>(&[]);
    counter.inc_by((total - counter.get()).max(0.0));
}

fn flag(on: bool) -> f64 {
    f64::from(u8::from(on))
}

fn epoch_s(at: Timestamp) -> f64 {
    at.seconds_since(Timestamp::EPOCH)
}

/// Whether the engine would use the sample: it is neither older than the allowance, nor further in
/// the future than that, which would mean that a clock is wrong.
fn is_fresh<T>(sample: &Sampled<T>, at: Timestamp, allowance: Duration) -> bool {
    at.since(sample.measured_at) <= allowance && sample.measured_at.since(at) <= allowance
}

fn memory_by_state(yarn: &YarnLoad) -> [(&'static str, Mebibytes); 5] {
    [
        ("total", yarn.memory_total),
        ("available", yarn.memory_available),
        ("allocated", yarn.memory_allocated),
        ("reserved", yarn.memory_reserved),
        ("pending", yarn.memory_pending),
    ]
}

#[cfg(test)]
mod tests;
