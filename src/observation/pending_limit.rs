//! Limits that keep pending work from starting, whatever room there is.
//!
//! YARN counts as pending what an application asked for, also beyond what its queue or user may have,
//! and in containers that no node can hold. More nodes start such work in part or not at all.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::units::{Mebibytes, Percent, VirtualCores};

/// Pending work under one limit. No work is under two limits of an observation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PendingLimit {
    /// What limits the work.
    pub by: LimitedBy,
    /// Memory that waits under the limit.
    #[serde(rename = "memory_pending_mib")]
    pub memory_pending: Mebibytes,
    /// Virtual cores that wait under the limit.
    pub vcores_pending: VirtualCores,
    /// Containers that wait under the limit.
    pub containers_pending: u64,
    /// Memory that running containers have under the limit.
    #[serde(rename = "memory_used_mib", default)]
    pub memory_used: Mebibytes,
    /// Virtual cores that running containers have under the limit.
    #[serde(default)]
    pub vcores_used: VirtualCores,
    /// The most that containers may have under the limit; `None` if the work cannot start on any number
    /// of nodes like the present ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<MostAllowed>,
}

/// The most that a limit allows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MostAllowed {
    /// A share of the cluster, which grows with it. Whether YARN applies it to virtual cores, too,
    /// depends on its resource calculator, which it does not report.
    #[serde(rename = "percent")]
    Share(Percent),
    /// An amount of memory, however large the cluster is.
    #[serde(rename = "mib")]
    Amount(Mebibytes),
}

/// What limits pending work, in YARN's terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "limit", rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "each variant's documentation says what its fields are"
)]
pub enum LimitedBy {
    /// The maximum capacity of a queue of the CapacityScheduler.
    QueueMaximum { queue: Arc<str> },
    /// The user limit of a queue, for all users together who have work pending in it.
    UserLimit { queue: Arc<str> },
    /// The share of a queue that application masters may have. The work is the masters of applications
    /// that wait to start.
    ApplicationMasterShare { queue: Arc<str> },
    /// No node has as much memory as one container asks for.
    LargerThanNodes {
        #[serde(rename = "container_mib")]
        container: Mebibytes,
    },
    /// No node has the label that the containers ask for.
    LabelWithoutNodes { label: Arc<str> },
}

impl LimitedBy {
    /// Who can change the limit, and how.
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::QueueMaximum { .. } => {
                "a YARN administrator can raise the queue's `maximum-capacity`"
            }
            Self::UserLimit { .. } => {
                "a YARN administrator can raise the queue's `user-limit-factor`"
            }
            Self::ApplicationMasterShare { .. } => {
                "a YARN administrator can raise `maximum-am-resource-percent`"
            }
            Self::LargerThanNodes { .. } => {
                "the application must ask for smaller containers, or the cluster needs a group of larger \
                 instances"
            }
            Self::LabelWithoutNodes { .. } => {
                "the application must ask for another node label, or nodes must get this one"
            }
        }
    }
}

/// `the maximum capacity of the queue adhoc`.
impl fmt::Display for LimitedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::QueueMaximum { queue } => write!(f, "the maximum capacity of the queue {queue}"),
            Self::UserLimit { queue } => write!(f, "the user limit of the queue {queue}"),
            Self::ApplicationMasterShare { queue } => {
                write!(f, "the share of application masters in the queue {queue}")
            }
            Self::LargerThanNodes { container } => {
                write!(f, "containers of {container} are larger than any node")
            }
            Self::LabelWithoutNodes { label } => write!(f, "no node has the label {label}"),
        }
    }
}

/// `13 containers (52.0 GiB) wait: the maximum capacity of the queue adhoc, 25% of the cluster`.
impl fmt::Display for PendingLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, memory) = (
            self.containers_pending,
            self.memory_pending.as_f64() / 1_024.0,
        );
        let (noun, verb) = if count == 1 {
            ("container", "waits")
        } else {
            ("containers", "wait")
        };
        write!(f, "{count} {noun} ({memory:.1} GiB) {verb}: {}", self.by)?;
        match self.most {
            Some(most) => write!(f, ", {most}"),
            None => Ok(()),
        }
    }
}

/// `25% of the cluster`, `12 GiB`.
impl fmt::Display for MostAllowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share(share) => write!(f, "{:.0}% of the cluster", share.get()),
            Self::Amount(amount) => amount.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_reads_as_what_waits_and_why() {
        let limit = PendingLimit {
            by: LimitedBy::QueueMaximum {
                queue: "adhoc".into(),
            },
            memory_pending: Mebibytes(52 * 1024),
            vcores_pending: VirtualCores(13),
            containers_pending: 13,
            memory_used: Mebibytes::ZERO,
            vcores_used: VirtualCores(0),
            most: Some(MostAllowed::Share(Percent(25.0))),
        };
        let text = "13 containers (52.0 GiB) wait: the maximum capacity of the queue adhoc, 25% of the cluster";
        assert_eq!(limit.to_string(), text);
        let larger = PendingLimit {
            by: LimitedBy::LargerThanNodes {
                container: Mebibytes(20 * 1024),
            },
            containers_pending: 1,
            most: None,
            ..limit
        };
        let text = "1 container (52.0 GiB) waits: containers of 20480 MiB are larger than any node";
        assert_eq!(larger.to_string(), text);
    }
}
