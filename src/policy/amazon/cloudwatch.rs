//! The vocabulary of CloudWatch alarms, and what each word means here.

pub const EMR_NAMESPACE: &str = "AWS/ElasticMapReduce";
pub const CLUSTER_DIMENSION: &str = "JobFlowId";
pub const AMAZONS_CLUSTER_ID: &str = "${emr.clusterId}";
pub const CLUSTER_ID: &str = "${cluster_id}";
/// What EMR publishes besides the metrics that built-in signals stand for (EMR Management Guide,
/// "Monitoring Amazon EMR metrics with CloudWatch").
pub const OTHER_METRICS: [&str; 36] = [
    "AppsCompleted",
    "AppsFailed",
    "AppsKilled",
    "AppsSubmitted",
    "CapacityRemainingGB",
    "CoreNodesPending",
    "CoreNodesRunning",
    "CorruptBlocks",
    "DfsPendingReplicationBlocks",
    "HDFSBytesRead",
    "HDFSBytesWritten",
    "HbaseBackupFailed",
    "IsIdle",
    "JobsFailed",
    "JobsRunning",
    "LiveDataNodes",
    "LiveTaskTrackers",
    "MRRebootedNodes",
    "MRTotalNodes",
    "MapSlotsOpen",
    "MapTasksRemaining",
    "MapTasksRunning",
    "MostRecentBackupDuration",
    "MultiMasterInstanceGroupNodesRequested",
    "MultiMasterInstanceGroupNodesRunning",
    "MultiMasterInstanceGroupNodesRunningPercentage",
    "PendingDeletionBlocks",
    "ReduceSlotsOpen",
    "ReduceTasksRemaining",
    "ReduceTasksRunning",
    "S3BytesRead",
    "S3BytesWritten",
    "TaskNodesPending",
    "TaskNodesRunning",
    "TimeSinceLastSuccessfulBackup",
    "TotalLoad",
];
/// CloudWatch's comparisons, and ours.
pub const OPERATORS: [(&str, &str); 4] = [
    ("GREATER_THAN_OR_EQUAL", ">="),
    ("GREATER_THAN", ">"),
    ("LESS_THAN", "<"),
    ("LESS_THAN_OR_EQUAL", "<="),
];

/// A statistic of CloudWatch.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Statistic {
    pub ours: &'static str,
    /// The function that computes it from a signal's samples.
    pub window: Option<&'static str>,
}

/// The statistic of an alarm that names none.
pub const AVERAGE: Statistic = Statistic {
    ours: "average",
    window: Some("avg"),
};
/// CloudWatch's statistics.
pub const STATISTICS: [(&str, Statistic); 5] = [
    (
        "SAMPLE_COUNT",
        Statistic {
            ours: "samplecount",
            window: None,
        },
    ),
    ("AVERAGE", AVERAGE),
    (
        "SUM",
        Statistic {
            ours: "sum",
            window: None,
        },
    ),
    (
        "MINIMUM",
        Statistic {
            ours: "minimum",
            window: Some("min"),
        },
    ),
    (
        "MAXIMUM",
        Statistic {
            ours: "maximum",
            window: Some("max"),
        },
    ),
];

/// CloudWatch's units, and those of ours that mean the same.
pub const UNITS: [(&str, Option<&str>); 27] = [
    ("NONE", Some("number")),
    ("SECONDS", Some("seconds")),
    ("MICRO_SECONDS", None),
    ("MILLI_SECONDS", None),
    ("BYTES", None),
    ("KILO_BYTES", None),
    ("MEGA_BYTES", None),
    ("GIGA_BYTES", None),
    ("TERA_BYTES", None),
    ("BITS", None),
    ("KILO_BITS", None),
    ("MEGA_BITS", None),
    ("GIGA_BITS", None),
    ("TERA_BITS", None),
    ("PERCENT", Some("percent")),
    ("COUNT", Some("number")),
    ("BYTES_PER_SECOND", None),
    ("KILO_BYTES_PER_SECOND", None),
    ("MEGA_BYTES_PER_SECOND", None),
    ("GIGA_BYTES_PER_SECOND", None),
    ("TERA_BYTES_PER_SECOND", None),
    ("BITS_PER_SECOND", None),
    ("KILO_BITS_PER_SECOND", None),
    ("MEGA_BITS_PER_SECOND", None),
    ("GIGA_BITS_PER_SECOND", None),
    ("TERA_BITS_PER_SECOND", None),
    ("COUNT_PER_SECOND", Some("per_second")),
];
