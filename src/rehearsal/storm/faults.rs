//! What can go wrong, and what is known while it does.

use std::fmt;
use std::str::FromStr;

use crate::file::disk_fault::DiskFault;
use crate::units::Timestamp;

/// A fault during a part of a storm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    pub kind: Kind,
    /// In seconds since the beginning of the storm.
    pub from_s: u64,
    /// Exclusive.
    pub to_s: u64,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $name:literal,)*) => {
        /// A kind of fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind {
            $($(#[$doc])* $kind,)*
        }

        impl Kind {
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }
        }
    };
}

kinds! {
    /// YARN answers 503.
    YarnDown "yarn_down",
    /// YARN's answers end in the middle.
    YarnCut "yarn_cut",
    /// YARN answers with the page of a login.
    YarnLogin "yarn_login",
    /// The numbers of the load are text such as `NaN`.
    YarnNotANumber "yarn_not_a_number",
    /// The numbers of the load are negative.
    YarnNegative "yarn_negative",
    /// The load is that of a cluster that a thousandfold of this one could not hold.
    YarnHuge "yarn_huge",
    /// YARN's answers lack every other field.
    YarnHalf "yarn_half",
    /// The only ResourceManager is on standby.
    YarnStandby "yarn_standby",
    /// The ResourceManager has restarted: no node is registered, and no application runs.
    YarnRestarted "yarn_restarted",
    /// The ResourceManager has restarted, and every other node is registered.
    YarnRegistering "yarn_registering",
    /// The other of two ResourceManagers is the active one.
    YarnFailover "yarn_failover",
    /// Both ResourceManagers say that they are active. The second lists nothing.
    YarnTwoActive "yarn_two_active",
    /// Everything YARN answers is what it answered first.
    YarnStuck "yarn_stuck",
    /// YARN says that the cluster is idle, whatever runs.
    YarnSaysIdle "yarn_says_idle",
    /// The list of nodes cannot be read.
    NodesDown "nodes_down",
    /// The list of applications cannot be read.
    ApplicationsDown "applications_down",
    /// One node has joined under a name that EMR does not know.
    NodeRenamed "node_renamed",
    /// One node is lost.
    NodeLost "node_lost",
    /// One node is unhealthy.
    NodeUnhealthy "node_unhealthy",
    /// Every other node is unhealthy.
    NodesUnhealthy "nodes_unhealthy",
    /// One node is not listed.
    NodeMissing "node_missing",
    /// No application says what is left to do.
    WorkDown "work_down",
    /// Applications say that a millionfold is left to do.
    WorkHuge "work_huge",
    /// Applications say that nothing is left to do.
    WorkNothing "work_nothing",
    /// What applications say is negative.
    WorkNegative "work_negative",
    /// CloudWatch answers 503.
    MetricsDown "metrics_down",
    /// CloudWatch has no value of this time.
    MetricsMissing "metrics_missing",
    /// CloudWatch's values of this time are no numbers.
    MetricsNotANumber "metrics_not_a_number",
    /// HDFS answers 503.
    HdfsDown "hdfs_down",
    /// The blocks of HDFS are negative.
    HdfsNegative "hdfs_negative",
    /// EMR throttles what reads.
    EmrThrottled "emr_throttled",
    /// EMR denies what reads.
    EmrDenied "emr_denied",
    /// EMR answers 500 to what reads.
    EmrFails "emr_fails",
    /// EMR's answers end in the middle.
    EmrCut "emr_cut",
    /// EMR lists no instances.
    EmrListsNothing "emr_lists_nothing",
    /// EMR lists what it listed at the beginning of the fault.
    EmrStale "emr_stale",
    /// EMR says that the groups are suspended.
    EmrSuspended "emr_suspended",
    /// EMR says that the groups are arrested.
    EmrArrested "emr_arrested",
    /// Somebody has attached a policy of Amazon's own scaling to the groups.
    EmrScales "emr_scales",
    /// Somebody has turned on EMR's managed scaling.
    EmrManages "emr_manages",
    /// EMR throttles resizes.
    CallThrottled "call_throttled",
    /// EMR denies resizes.
    CallDenied "call_denied",
    /// EMR refuses resizes because of the state of the group.
    CallRefused "call_refused",
    /// Resizes have no effect, and no answer says so.
    CallLost "call_lost",
    /// Resizes take effect, and no answer says so.
    AnswerLost "answer_lost",
    /// Resizes take effect 40 seconds later, and no answer says so.
    CallLate "call_late",
    /// The daemon is killed as it calls EMR, before that takes effect.
    CrashBeforeCall "crash_before_call",
    /// The daemon is killed as it calls EMR, after that has taken effect.
    CrashAfterCall "crash_after_call",
    /// The daemon is killed as it observes, and starts again at the end.
    Crash "crash",
    /// The daemon is killed, the end of its journal is lost, and it starts again at the end.
    CrashTornJournal "crash_torn_journal",
    /// The daemon is killed as it observes, and starts again with another policy at the end.
    PolicyReplaced "policy_replaced",
    /// The disk is full when half of what the daemon writes is in the file.
    DiskFull "disk_full",
    /// The disk cannot sync what the daemon writes.
    DiskSyncFails "disk_sync_fails",
    /// An operator requests another size at the beginning.
    OperatorResizes "operator_resizes",
    /// Scaling is paused.
    Paused "paused",
    /// The clock is an hour ahead.
    ClockAhead "clock_ahead",
    /// The clock is an hour behind.
    ClockBehind "clock_behind",
}

impl Kind {
    /// Whether YARN's load or nodes cannot be known: nothing may scale in.
    pub fn hides_load(self) -> bool {
        matches!(
            self,
            Self::YarnDown
                | Self::YarnCut
                | Self::YarnLogin
                | Self::YarnNotANumber
                | Self::YarnNegative
                | Self::YarnHalf
                | Self::YarnStandby
                | Self::YarnRestarted
                | Self::YarnRegistering
                | Self::YarnTwoActive
                | Self::NodesDown
                | Self::ApplicationsDown
                | Self::NodeRenamed
        )
    }

    /// Whether what YARN says is wrong in a way that nobody can know.
    pub fn lies(self) -> bool {
        matches!(self, Self::YarnStuck | Self::YarnSaysIdle | Self::YarnHuge)
    }

    /// Whether YARN says something else of some nodes than the others know.
    pub fn is_about_nodes(self) -> bool {
        matches!(
            self,
            Self::NodeLost
                | Self::NodeUnhealthy
                | Self::NodesUnhealthy
                | Self::NodeMissing
                | Self::NodeRenamed
        )
    }

    /// Whether what EMR says of the groups is not what they are.
    pub fn hides_groups(self) -> bool {
        matches!(
            self,
            Self::EmrThrottled
                | Self::EmrDenied
                | Self::EmrFails
                | Self::EmrCut
                | Self::EmrListsNothing
                | Self::EmrStale
        )
    }

    /// Whether no group may be resized while EMR says this.
    pub fn forbids_resizes(self) -> bool {
        matches!(self, Self::EmrArrested | Self::EmrScales | Self::EmrManages)
    }

    /// Whether the daemon's clock is wrong.
    pub fn is_of_clock(self) -> bool {
        matches!(self, Self::ClockAhead | Self::ClockBehind)
    }

    /// Whether the daemon is killed.
    pub fn kills(self) -> bool {
        matches!(
            self,
            Self::Crash
                | Self::CrashTornJournal
                | Self::CrashBeforeCall
                | Self::CrashAfterCall
                | Self::PolicyReplaced
        )
    }

    /// How the daemon's disk fails.
    pub fn of_disk(self) -> Option<DiskFault> {
        match self {
            Self::DiskFull => Some(DiskFault::Full),
            Self::DiskSyncFails => Some(DiskFault::SyncFails),
            _ => None,
        }
    }
}

impl Fault {
    /// Whether the fault is there so long after the beginning of the storm.
    pub fn is_at(&self, storm_s: u64) -> bool {
        (self.from_s..self.to_s).contains(&storm_s)
    }

    /// When it begins and ends.
    pub fn span(&self, start: Timestamp) -> (Timestamp, Timestamp) {
        let at = |s: u64| start + std::time::Duration::from_secs(s);
        (at(self.from_s), at(self.to_s))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{} {}", self.from_s, self.to_s, self.kind.name())
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (span, name) = text.split_once(' ').ok_or("`FROM..TO NAME` is expected")?;
        let (from, to) = span.split_once("..").ok_or("`FROM..TO` is expected")?;
        let second = |text: &str| text.parse().map_err(|_| format!("`{text}` is no second"));
        let kind = Kind::ALL.iter().find(|kind| kind.name() == name.trim());
        Ok(Self {
            kind: *kind.ok_or_else(|| format!("there is no fault `{name}`"))?,
            from_s: second(from)?,
            to_s: second(to)?,
        })
    }
}
