//! A day of Spark applications: SQL with adaptive execution, notebooks that idle, and a nightly ETL
//! with wide and narrow stages.

use std::time::Duration;

use super::super::model::{
    Choice, JobShape, LogNormal, Plan, Recurring, Size, SparkShape, StagePlan, Stream,
};
use super::plans::{HOUR, JOIN, JOIN_AGGREGATE, OFFICE_HOURS, STAR};
use crate::trace::{DynamicAllocation, ExecutorAllocation, ExecutorSize};
use crate::units::{Mebibytes, VirtualCores};

/// Two of them fit a node of m5.xlarge. YARN counts one core for each container where it schedules by
/// memory only, as it does on EMR.
const EXECUTOR: ExecutorSize = ExecutorSize {
    memory: Mebibytes(5_120),
    vcores: VirtualCores(1),
    slots: 2,
};
const DRIVER: &[Choice] = &[Choice {
    memory_gib: 2,
    vcores: 1,
    weight: 1.0,
}];

/// EMR's defaults, which are Spark's with an external shuffle service, up to `max` executors.
const fn dynamic(max: u32) -> ExecutorAllocation {
    ExecutorAllocation::Dynamic(DynamicAllocation {
        initial: 0,
        min: 0,
        max: Some(max),
        idle_timeout: Duration::from_secs(60),
        cached_idle_timeout: None,
        shuffle_tracking: false,
    })
}

const fn spark(max: u32, pause: LogNormal) -> SparkShape {
    SparkShape {
        executor: EXECUTOR,
        allocation: dynamic(max),
        executor_start: Duration::from_secs(8),
        pause,
        has_job_per_stage: true,
        caches: false,
    }
}

/// Six cells, one after the other, of which the first loads most of the data.
const CELLS: Plan = &[
    StagePlan {
        after: &[],
        share: 0.4,
    },
    StagePlan {
        after: &[0],
        share: 0.12,
    },
    StagePlan {
        after: &[1],
        share: 0.12,
    },
    StagePlan {
        after: &[2],
        share: 0.12,
    },
    StagePlan {
        after: &[3],
        share: 0.12,
    },
    StagePlan {
        after: &[4],
        share: 0.12,
    },
];

/// Two wide stages, each followed by a narrow one, and a wide one that writes.
const WIDE_AND_NARROW: Plan = &[
    StagePlan {
        after: &[],
        share: 0.35,
    },
    StagePlan {
        after: &[0],
        share: 0.01,
    },
    StagePlan {
        after: &[1],
        share: 0.4,
    },
    StagePlan {
        after: &[2],
        share: 0.01,
    },
    StagePlan {
        after: &[3],
        share: 0.23,
    },
];

pub fn streams() -> Vec<Stream> {
    vec![sql(), notebook()]
}

pub fn recurring() -> Vec<Recurring> {
    let etl = |name, at, median_h: f64| Recurring {
        name,
        at,
        jitter_s: 120.0,
        shape: JobShape {
            work: Size::LogNormal(LogNormal {
                median: median_h * 3_600.0,
                sigma: 0.1,
            }),
            task: LogNormal {
                median: 90.0,
                sigma: 0.2,
            },
            task_sigma: 0.4,
            task_max_s: 900.0,
            tasks_max: 600,
            plans: &[WIDE_AND_NARROW],
            containers: &[],
            masters: DRIVER,
            spark: Some(SparkShape {
                has_job_per_stage: false,
                ..spark(
                    60,
                    LogNormal {
                        median: 20.0,
                        sigma: 0.3,
                    },
                )
            }),
        },
    };
    vec![
        etl("etl-orders", HOUR, 40.0),
        etl("etl-clicks", HOUR * 3, 70.0),
    ]
}

fn sql() -> Stream {
    Stream {
        class: "sql",
        jobs_per_hour: 60.0,
        by_hour: OFFICE_HOURS,
        bursts: None,
        shape: JobShape {
            work: Size::BoundedPareto {
                min_s: 120.0,
                max_s: 40_000.0,
                alpha: 1.0,
            },
            task: LogNormal {
                median: 10.0,
                sigma: 0.5,
            },
            task_sigma: 0.5,
            task_max_s: 300.0,
            tasks_max: 200,
            plans: &[JOIN, JOIN_AGGREGATE, STAR],
            containers: &[],
            masters: DRIVER,
            spark: Some(spark(
                20,
                LogNormal {
                    median: 1.5,
                    sigma: 0.5,
                },
            )),
        },
    }
}

fn notebook() -> Stream {
    Stream {
        class: "notebook",
        jobs_per_hour: 3.0,
        by_hour: OFFICE_HOURS,
        bursts: None,
        shape: JobShape {
            work: Size::BoundedPareto {
                min_s: 200.0,
                max_s: 6_000.0,
                alpha: 1.0,
            },
            task: LogNormal {
                median: 8.0,
                sigma: 0.5,
            },
            task_sigma: 0.5,
            task_max_s: 300.0,
            tasks_max: 48,
            plans: &[CELLS],
            containers: &[],
            masters: DRIVER,
            spark: Some(SparkShape {
                caches: true,
                ..spark(
                    6,
                    LogNormal {
                        median: 180.0,
                        sigma: 0.9,
                    },
                )
            }),
        },
    }
}
