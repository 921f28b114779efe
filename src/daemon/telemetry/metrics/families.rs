//! Every metric with its kind, labels and meaning, in one table.

use prometheus::core::Collector;
use prometheus::{CounterVec, GaugeVec, HistogramOpts, HistogramVec, Opts, Registry};

/// From a call on loopback to a timeout.
const LATENCY_BUCKETS_S: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// What the documentation says of a metric.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    pub name: &'static str,
    pub kind: &'static str,
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

/// Defines the metrics: field, kind, name, labels, meaning.
macro_rules! families {
    ($($field:ident: $kind:ident = $name:literal, [$($label:literal),*], $help:literal;)+) => {
        /// The metrics, registered.
        #[derive(Debug)]
        pub struct Families {
            $(pub $field: $kind),+
        }

        impl Families {
            pub const ALL: &'static [Family] =
                &[$(Family { name: $name, kind: <$kind as Kind>::NAME, labels: &[$($label),*], help: $help }),+];

            /// # Errors
            /// When two metrics share a name, or a name or label is not one that Prometheus takes.
            pub fn register(registry: &Registry) -> prometheus::Result<Self> {
                let families = Self { $($field: <$kind as Kind>::create($name, $help, &[$($label),*])?),+ };
                $(registry.register(Box::new(families.$field.clone()))?;)+
                Ok(families)
            }

            /// Gauges tell how things are now: what is not set again at a tick is not so any more.
            pub fn reset_gauges(&self) {
                $(self.$field.forget_the_present();)+
            }
        }
    };
}

families! {
    build_info: GaugeVec = "headroom_build_info", ["version"], "Always 1; the version of the program.";
    policy_info: GaugeVec = "headroom_policy_info", ["policy", "file"], "Always 1; the policy that decides.";
    dry_run: GaugeVec = "headroom_dry_run", [], "1 while decisions are only written down, 0 while they are carried out.";
    poll_interval: GaugeVec = "headroom_poll_interval_seconds", [], "Time between two observations.";
    leader: GaugeVec = "headroom_leader", [], "1 while this instance may act, 0 while another one does.";
    paused: GaugeVec = "headroom_paused", ["direction"], "1 while someone has paused this direction (out, in).";
    ticks: CounterVec = "headroom_ticks_total", ["result"], "Ticks that came to their end (ok) or were broken off (failed).";
    last_tick: GaugeVec = "headroom_last_tick_timestamp_seconds", [], "When the last tick that came to its end had begun.";
    tick_duration: HistogramVec = "headroom_tick_duration_seconds", ["phase"], "How long each part of a tick took: observe, decide, journal, act.";
    signal: GaugeVec = "headroom_signal", ["signal"],
        "A signal as rules read it, under its name in the policy language and in the unit that the name says. Absent while missing or stale.";
    yarn_memory: GaugeVec = "headroom_yarn_memory_bytes", ["state"], "YARN's memory by state: total, available, allocated, reserved, pending.";
    data_age: GaugeVec = "headroom_data_age_seconds", ["source"], "How long ago what is known from a source was measured.";
    data_allowance: GaugeVec = "headroom_data_allowance_seconds", ["source"], "How old that may be before rules cannot be judged by it.";
    source_up: GaugeVec = "headroom_source_up", ["source"], "1 if the source answered at the last tick, 0 if not.";
    source_errors: CounterVec = "headroom_source_errors_total", ["source", "error"], "Ticks at which a source gave no answer that could be used.";
    cluster_state: GaugeVec = "headroom_cluster_state", ["state"], "1 for the state that EMR says the cluster is in.";
    group_info: GaugeVec = "headroom_group_info", ["group", "name", "role", "kind", "market"],
        "Always 1; each instance group, or market of a fleet, of the cluster.";
    group_state: GaugeVec = "headroom_group_state", ["group", "state"], "1 for the state that EMR says the group is in.";
    requested: GaugeVec = "headroom_group_instances_requested", ["group"], "Instances (of fleets: capacity units) that EMR was asked for.";
    running: GaugeVec = "headroom_group_instances_running", ["group"], "Instances (of fleets: capacity units) that run.";
    limit_min: GaugeVec = "headroom_group_instances_min", ["group"], "The lower limit in force.";
    limit_max: GaugeVec = "headroom_group_instances_max", ["group"], "The upper limit in force.";
    decisions: CounterVec = "headroom_decisions_total", ["group", "action", "reason"],
        "Decisions by action (hold, grow, shrink) and reason: why it held, or rule, demand, below_minimum, above_maximum.";
    resizes: CounterVec = "headroom_resizes_total", ["group", "action", "outcome"],
        "Resizes by what became of the call: accepted, throttled, access_denied, not_modifiable, other, unknown (no answer), not_sent (dry run).";
    shadow_decisions: CounterVec = "headroom_shadow_decisions_total", ["policy", "group", "action", "reason"],
        "What shadow policies would have decided.";
    rule_state: GaugeVec = "headroom_rule_state", ["group", "rule", "state"],
        "1 for how a rule stands: unknown, not_true, holding, cooling_down, ready.";
    hold_since: GaugeVec = "headroom_rule_hold_since_timestamp_seconds", ["group", "rule"],
        "Since when the rule's condition has been true, while that is not yet long enough.";
    hold_for: GaugeVec = "headroom_rule_hold_for_seconds", ["group", "rule"], "For how long the rule's condition must be true.";
    threshold: GaugeVec = "headroom_rule_threshold", ["group", "rule", "signal", "comparison"],
        "The constant that a rule compares a signal, or a window over one, with.";
    demand_units: GaugeVec = "headroom_demand_units", ["part"],
        "A demand in units: pending, served, remaining, for_remaining, needed, kept, forecast, others, wanted.";
    demand_patience: GaugeVec = "headroom_demand_patience_seconds", [], "How long work may wait for containers to finish before units are added for it.";
    demand_provisioning: GaugeVec = "headroom_demand_provisioning_seconds", [], "Learned: from the request of a unit until it runs.";
    demand_container_lifetime: GaugeVec = "headroom_demand_container_lifetime_seconds", [],
        "Learned: the mean life of a container. Absent while it is not known.";
    demand_keep_idle: GaugeVec = "headroom_demand_keep_idle_seconds", [], "Learned: for how long the highest unit is kept while idle.";
    demand_days: GaugeVec = "headroom_demand_known_days", [], "Learned: days that the forecast by time of day knows.";
    api_calls: CounterVec = "headroom_api_calls_total", ["operation", "result"], "Calls to YARN, HDFS and AWS, by result: ok, or the kind of error.";
    api_duration: HistogramVec = "headroom_api_call_duration_seconds", ["operation"], "How long calls to YARN, HDFS and AWS took.";
    cost_rate: GaugeVec = "headroom_cost_usd_per_hour", [],
        "What runs now costs in an hour: EC2, EMR and EBS of all groups. Absent while a price is not known.";
    cost_total: CounterVec = "headroom_cost_usd_total", [], "What the cluster has cost since the daemon started.";
    journal_bytes: GaugeVec = "headroom_journal_bytes", [], "Size of the journal on disk.";
    resident_memory: GaugeVec = "process_resident_memory_bytes", [], "Resident memory size in bytes.";
    open_fds: GaugeVec = "process_open_fds", [], "Number of open file descriptors.";
    cpu_seconds: CounterVec = "process_cpu_seconds_total", [], "Total user and system CPU time spent in seconds.";
    start_time: GaugeVec = "process_start_time_seconds", [], "Start time of the process since the Unix epoch in seconds.";
}

/// How a kind of metric is made, and what of it belongs to one tick only.
trait Kind: Collector + Clone + Sized {
    const NAME: &'static str;
    fn create(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<Self>;
    fn forget_the_present(&self) {}
}

impl Kind for GaugeVec {
    const NAME: &'static str = "gauge";

    fn create(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<Self> {
        Self::new(Opts::new(name, help), labels)
    }

    fn forget_the_present(&self) {
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
