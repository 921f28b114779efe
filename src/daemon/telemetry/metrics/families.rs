//! One table of all metrics, with kind, labels and help text.

use prometheus::core::Collector;
use prometheus::{CounterVec, GaugeVec, HistogramOpts, HistogramVec, Opts, Registry};

/// From a call on the same machine to one that times out.
const LATENCY_BUCKETS_S: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// The description of a metric.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// The metric's name.
    pub name: &'static str,
    /// `gauge`, `counter` or `histogram`.
    pub kind: &'static str,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// Its help text.
    pub help: &'static str,
}

/// Defines the metrics: field, kind, name, labels, help text.
macro_rules! families {
    ($($field:ident: $kind:ident = $name:literal, [$($label:literal),*], $help:literal;)+) => {
        /// All metrics, registered.
        #[derive(Debug)]
        pub struct Families {
            $(#[doc = $help] pub $field: $kind),+
        }

        impl Families {
            /// The description of each metric, in the order of the documentation.
            pub const ALL: &'static [Family] =
                &[$(Family { name: $name, kind: <$kind as Kind>::NAME, labels: &[$($label),*], help: $help }),+];

            /// Registers all metrics.
            ///
            /// # Errors
            /// When two metrics have the same name, or Prometheus rejects a name or a label.
            pub fn register(registry: &Registry) -> prometheus::Result<Self> {
                let families = Self { $($field: <$kind as Kind>::create($name, $help, &[$($label),*])?),+ };
                $(registry.register(Box::new(families.$field.clone()))?;)+
                Ok(families)
            }

            /// Removes the series of all gauges, so that only what a tick sets remains.
            pub fn reset_gauges(&self) {
                $(self.$field.reset_gauge();)+
            }
        }
    };
}

families! {
    build_info: GaugeVec = "headroom_build_info", ["version"], "Always 1; the version of Headroom.";
    policy_info: GaugeVec = "headroom_policy_info", ["policy", "file"], "Always 1; the policy in force.";
    dry_run: GaugeVec = "headroom_dry_run", [], "1 in a dry run, which only records decisions; 0 while they are carried out.";
    poll_interval: GaugeVec = "headroom_poll_interval_seconds", [], "Time between two observations.";
    leader: GaugeVec = "headroom_leader", [], "1 while this daemon is the leader, 0 while it is a standby.";
    paused: GaugeVec = "headroom_paused", ["direction"], "1 while scaling in this direction (out, in) is paused.";
    ticks: CounterVec = "headroom_ticks_total", ["result"], "Ticks by result: ok, failed.";
    last_tick: GaugeVec = "headroom_last_tick_timestamp_seconds", [], "Start time of the last completed tick.";
    tick_duration: HistogramVec = "headroom_tick_duration_seconds", ["phase"], "Duration of each phase of a tick: observe, decide, journal, act.";
    signal: GaugeVec = "headroom_signal", ["signal"],
        "A signal as rules read it, by its name in the policy language, in the unit that the name implies. Absent while missing or stale.";
    yarn_memory: GaugeVec = "headroom_yarn_memory_bytes", ["state"], "YARN memory by state: total, available, allocated, reserved, pending.";
    data_age: GaugeVec = "headroom_data_age_seconds", ["source"], "Age of the newest data of a source.";
    data_allowance: GaugeVec = "headroom_data_allowance_seconds", ["source"], "Age from which the data of a source counts as stale; rules then ignore it.";
    source_up: GaugeVec = "headroom_source_up", ["source"], "1 if the source answered at the last tick, otherwise 0.";
    source_errors: CounterVec = "headroom_source_errors_total", ["source", "error"], "Ticks at which a source gave no usable answer, by kind of error.";
    cluster_state: GaugeVec = "headroom_cluster_state", ["state"], "1 for the state that EMR reports for the cluster.";
    group_info: GaugeVec = "headroom_group_info", ["group", "name", "role", "kind", "market"],
        "Always 1; one series for each instance group, and for each market of an instance fleet.";
    group_state: GaugeVec = "headroom_group_state", ["group", "state"], "1 for the state that EMR reports for the group.";
    requested: GaugeVec = "headroom_group_instances_requested", ["group"], "Instances that the group requests from EMR; for fleets, capacity units.";
    running: GaugeVec = "headroom_group_instances_running", ["group"], "Instances that run; for fleets, capacity units.";
    nodes: GaugeVec = "headroom_nodes", ["state"],
        "Instances that EMR runs, without the primary, by how YARN uses them: usable, draining, unhealthy, not_listed. Absent while not known.";
    limit_min: GaugeVec = "headroom_group_instances_min", ["group"], "Lower limit in force, schedules included.";
    limit_max: GaugeVec = "headroom_group_instances_max", ["group"], "Upper limit in force, schedules included.";
    decisions: CounterVec = "headroom_decisions_total", ["group", "action", "reason"],
        "Decisions by action (hold, grow, shrink) and reason: the hold reason, or rule, demand, below_minimum, above_maximum.";
    resizes: CounterVec = "headroom_resizes_total", ["group", "action", "outcome"],
        "Resizes by outcome of the call: accepted, throttled, access_denied, not_modifiable, other, unknown (no answer), not_sent (dry run).";
    runs_again: CounterVec = "headroom_stages_run_again_total", ["group"],
        "Stages of Spark applications that were submitted again, because shuffle output was gone, within an hour after a scale-in of the group.";
    shadow_decisions: CounterVec = "headroom_shadow_decisions_total", ["policy", "group", "action", "reason"],
        "Decisions of shadow policies, which are never carried out.";
    rule_state: GaugeVec = "headroom_rule_state", ["group", "rule", "state"],
        "1 for the state of the rule: unknown, inactive, pending, cooling_down, firing.";
    pending_since: GaugeVec = "headroom_rule_pending_since_timestamp_seconds", ["group", "rule"],
        "Time since which the condition of a pending rule has been true.";
    rule_for: GaugeVec = "headroom_rule_for_seconds", ["group", "rule"], "How long the condition must be true before the rule fires (`for`).";
    threshold: GaugeVec = "headroom_rule_threshold", ["group", "rule", "signal", "comparison"],
        "Constant that a rule compares a signal, or a window over a signal, with.";
    demand_units: GaugeVec = "headroom_demand_units", ["part"],
        "A demand in units: pending, served, remaining, for_remaining, needed, kept, forecast, others, desired; expected for applications that come back; usable and best for the work that applications say is left.";
    demand_patience: GaugeVec = "headroom_demand_patience_seconds", [], "How long pending work may wait for running containers to finish before units are added for it.";
    demand_provisioning: GaugeVec = "headroom_demand_provisioning_seconds", [], "Learned: time from the request of a unit until it runs.";
    demand_container_lifetime: GaugeVec = "headroom_demand_container_lifetime_seconds", [],
        "Learned: mean lifetime of a container. Absent while unknown.";
    demand_keep_idle: GaugeVec = "headroom_demand_keep_idle_seconds", [], "Learned: how long the last unit is kept while idle.";
    demand_days: GaugeVec = "headroom_demand_known_days", [], "Learned: number of days that the forecast by time of day is based on.";
    api_calls: CounterVec = "headroom_api_calls_total", ["operation", "result"], "Calls to YARN, HDFS and AWS by result: ok, or the kind of error.";
    api_duration: HistogramVec = "headroom_api_call_duration_seconds", ["operation"], "Duration of calls to YARN, HDFS and AWS.";
    cost_rate: GaugeVec = "headroom_cost_usd_per_hour", [],
        "Cost per hour of all running instances: EC2, EMR and EBS. Absent while a price is not known.";
    cost_total: CounterVec = "headroom_cost_usd_total", [], "Cost of the cluster since the daemon started.";
    journal_bytes: GaugeVec = "headroom_journal_bytes", [], "Size of the journal on disk.";
    resident_memory: GaugeVec = "process_resident_memory_bytes", [], "Resident memory size in bytes.";
    open_fds: GaugeVec = "process_open_fds", [], "Number of open file descriptors.";
    cpu_seconds: CounterVec = "process_cpu_seconds_total", [], "Total user and system CPU time spent in seconds.";
    start_time: GaugeVec = "process_start_time_seconds", [], "Start time of the process since the Unix epoch in seconds.";
}

/// A kind of metric: how to create it, and whether a tick resets it.
trait Kind: Collector + Clone + Sized {
    const NAME: &'static str;
    fn create(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<Self>;
    fn reset_gauge(&self) {}
}

impl Kind for GaugeVec {
    const NAME: &'static str = "gauge";

    fn create(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<Self> {
        Self::new(Opts::new(name, help), labels)
    }

    fn reset_gauge(&self) {
        self.reset();
    }
}

impl Kind for CounterVec {
    const NAME: &'static str = "counter";

    fn create(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<Self> {
        Self::new(Opts::new(name, help), labels)
    }
}

impl Kind for HistogramVec {
    const NAME: &'static str = "histogram";

    fn create(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<Self> {
        Self::new(
            HistogramOpts::new(name, help).buckets(LATENCY_BUCKETS_S.to_vec()),
            labels,
        )
    }
}
