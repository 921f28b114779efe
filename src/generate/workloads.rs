//! The parameters of the workloads.
//!
//! They are sized for the cluster of the scenario files under `simulations/`: 2 core nodes and up
//! to 20 task nodes of m5.xlarge, with 12,288 MiB and 4 vcores each. A test checks that.

mod plans;
mod spark_day;

use super::model::{
    Bursts, Choice, JobShape, LogNormal, Plan, Recurring, Size, StagePlan, Stream,
    SyntheticWorkload, WorkloadModel,
};
use crate::units::Timestamp;
use plans::{HOUR, JOIN, JOIN_AGGREGATE, OFFICE_HOURS, STAR};

/// Monday 2 March 2026, 00:00 UTC.
const START: Timestamp = Timestamp::from_millis(1_772_409_600_000);

pub(super) fn parameters(workload: SyntheticWorkload) -> WorkloadModel {
    let (span, streams, recurring) = match workload {
        SyntheticWorkload::OfficeDay => (
            24 * HOUR,
            vec![office_query(), office_batch(), office_maintenance()],
            Vec::new(),
        ),
        SyntheticWorkload::NightlyBatch => {
            (14 * 24 * HOUR, vec![daytime_trickle()], nightly_jobs())
        }
        SyntheticWorkload::ShortContainers => (8 * HOUR, vec![flood(), flood_base()], Vec::new()),
        SyntheticWorkload::SpotStorm => (12 * HOUR, vec![storm_medium(), storm_long()], Vec::new()),
        SyntheticWorkload::SparkDay => (24 * HOUR, spark_day::streams(), spark_day::recurring()),
    };
    WorkloadModel {
        start: START,
        span,
        streams,
        recurring,
    }
}

const ALWAYS: [f64; 24] = [1.0; 24];

/// From 22 to 5.
#[rustfmt::skip]
const NIGHT_HOURS: [f64; 24] = [
    1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0,
];

/// From 7 to 20.
#[rustfmt::skip]
const DAY_HOURS: [f64; 24] = [
    0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 1.0, 1.0, 1.0, 1.0,
    1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.0, 0.0, 0.0, 0.0,
];

const MAP_REDUCE: Plan = &[
    StagePlan {
        after: &[],
        share: 0.75,
    },
    StagePlan {
        after: &[0],
        share: 0.25,
    },
];
const MAP_ONLY: Plan = &[StagePlan {
    after: &[],
    share: 1.0,
}];

const SMALL_MASTERS: &[Choice] = &[
    Choice {
        memory_gib: 1,
        vcores: 1,
        weight: 0.7,
    },
    Choice {
        memory_gib: 2,
        vcores: 1,
        weight: 0.3,
    },
];
const LARGE_MASTERS: &[Choice] = &[Choice {
    memory_gib: 2,
    vcores: 1,
    weight: 1.0,
}];

const QUERY_CONTAINERS: &[Choice] = &[
    Choice {
        memory_gib: 2,
        vcores: 1,
        weight: 0.4,
    },
    Choice {
        memory_gib: 3,
        vcores: 1,
        weight: 0.3,
    },
    Choice {
        memory_gib: 4,
        vcores: 1,
        weight: 0.2,
    },
    Choice {
        memory_gib: 6,
        vcores: 2,
        weight: 0.1,
    },
];
const BATCH_CONTAINERS: &[Choice] = &[
    Choice {
        memory_gib: 3,
        vcores: 1,
        weight: 0.5,
    },
    Choice {
        memory_gib: 4,
        vcores: 1,
        weight: 0.3,
    },
    Choice {
        memory_gib: 6,
        vcores: 2,
        weight: 0.15,
    },
    Choice {
        memory_gib: 8,
        vcores: 2,
        weight: 0.05,
    },
];
const MAP_CONTAINERS: &[Choice] = &[Choice {
    memory_gib: 3,
    vcores: 1,
    weight: 1.0,
}];

fn office_query() -> Stream {
    Stream {
        class: "query",
        jobs_per_hour: 90.0,
        by_hour: OFFICE_HOURS,
        bursts: Some(Bursts {
            per_hour: 0.8,
            length_mean_s: 600.0,
            factor: 3.0,
        }),
        shape: JobShape {
            work: Size::BoundedPareto {
                min_s: 60.0,
                max_s: 20_000.0,
                alpha: 0.95,
            },
            task: LogNormal {
                median: 12.0,
                sigma: 0.6,
            },
            task_sigma: 0.4,
            task_max_s: 900.0,
            tasks_max: 32,
            plans: &[JOIN, JOIN_AGGREGATE, STAR],
            containers: QUERY_CONTAINERS,
            masters: SMALL_MASTERS,
            spark: None,
        },
    }
}

fn office_batch() -> Stream {
    Stream {
        class: "batch",
        jobs_per_hour: 7.0,
        by_hour: OFFICE_HOURS,
        bursts: None,
        shape: JobShape {
            work: Size::BoundedPareto {
                min_s: 2_400.0,
                max_s: 60_000.0,
                alpha: 1.0,
            },
            task: LogNormal {
                median: 90.0,
                sigma: 0.5,
            },
            task_sigma: 0.4,
            task_max_s: 1_800.0,
            tasks_max: 36,
            plans: &[MAP_REDUCE, MAP_ONLY],
            containers: BATCH_CONTAINERS,
            masters: LARGE_MASTERS,
            spark: None,
        },
    }
}

/// Compaction, backups, statistics.
fn office_maintenance() -> Stream {
    Stream {
        class: "maintenance",
        jobs_per_hour: 4.0,
        by_hour: NIGHT_HOURS,
        bursts: None,
        shape: JobShape {
            work: Size::LogNormal(LogNormal {
                median: 9_000.0,
                sigma: 0.8,
            }),
            task: LogNormal {
                median: 120.0,
                sigma: 0.4,
            },
            task_sigma: 0.3,
            task_max_s: 1_800.0,
            tasks_max: 32,
            plans: &[MAP_ONLY],
            containers: BATCH_CONTAINERS,
            masters: LARGE_MASTERS,
            spark: None,
        },
    }
}

fn nightly_jobs() -> Vec<Recurring> {
    let job = |name, hour: f64, plan: &'static [Plan], task_hours: f64, task_s: f64| Recurring {
        name,
        at: HOUR.mul_f64(hour),
        jitter_s: 120.0,
        shape: JobShape {
            work: Size::LogNormal(LogNormal {
                median: task_hours * 3_600.0,
                sigma: 0.1,
            }),
            task: LogNormal {
                median: task_s,
                sigma: 0.05,
            },
            task_sigma: 0.3,
            task_max_s: 3_600.0,
            tasks_max: 240,
            plans: plan,
            containers: MAP_CONTAINERS,
            masters: LARGE_MASTERS,
            spark: None,
        },
    };
    vec![
        job("ingest", 1.0, &[MAP_REDUCE], 55.0, 600.0),
        job("transform", 2.5, &[STAR], 65.0, 600.0),
        job("aggregate", 4.0, &[JOIN_AGGREGATE], 80.0, 600.0),
    ]
}

fn daytime_trickle() -> Stream {
    Stream {
        class: "adhoc",
        jobs_per_hour: 9.0,
        by_hour: DAY_HOURS,
        bursts: None,
        shape: JobShape {
            work: Size::BoundedPareto {
                min_s: 120.0,
                max_s: 9_000.0,
                alpha: 1.1,
            },
            task: LogNormal {
                median: 60.0,
                sigma: 0.5,
            },
            task_sigma: 0.4,
            task_max_s: 900.0,
            tasks_max: 24,
            plans: &[MAP_ONLY, MAP_REDUCE],
            containers: QUERY_CONTAINERS,
            masters: SMALL_MASTERS,
            spark: None,
        },
    }
}

/// Thousands of maps over small files, as Hive and Pig make them.
fn flood() -> Stream {
    Stream {
        class: "flood",
        jobs_per_hour: 2.0,
        by_hour: ALWAYS,
        bursts: None,
        shape: JobShape {
            work: Size::BoundedPareto {
                min_s: 16_000.0,
                max_s: 48_000.0,
                alpha: 1.0,
            },
            task: LogNormal {
                median: 10.0,
                sigma: 0.25,
            },
            task_sigma: 0.35,
            task_max_s: 29.0,
            tasks_max: 4_000,
            plans: &[MAP_ONLY],
            containers: MAP_CONTAINERS,
            masters: LARGE_MASTERS,
            spark: None,
        },
    }
}

fn flood_base() -> Stream {
    Stream {
        class: "base",
        jobs_per_hour: 30.0,
        by_hour: ALWAYS,
        bursts: None,
        shape: JobShape {
            work: Size::BoundedPareto {
                min_s: 200.0,
                max_s: 6_000.0,
                alpha: 1.1,
            },
            task: LogNormal {
                median: 20.0,
                sigma: 0.5,
            },
            task_sigma: 0.4,
            task_max_s: 600.0,
            tasks_max: 40,
            plans: &[MAP_REDUCE, JOIN],
            containers: QUERY_CONTAINERS,
            masters: SMALL_MASTERS,
            spark: None,
        },
    }
}

fn storm_medium() -> Stream {
    Stream {
        class: "medium",
        jobs_per_hour: 10.0,
        by_hour: ALWAYS,
        bursts: None,
        shape: JobShape {
            work: Size::LogNormal(LogNormal {
                median: 4_500.0,
                sigma: 0.6,
            }),
            task: LogNormal {
                median: 420.0,
                sigma: 0.4,
            },
            task_sigma: 0.3,
            task_max_s: 3_600.0,
            tasks_max: 32,
            plans: &[MAP_REDUCE, JOIN],
            containers: BATCH_CONTAINERS,
            masters: LARGE_MASTERS,
            spark: None,
        },
    }
}

/// A task of half an hour that is lost after 25 minutes starts again from nothing.
fn storm_long() -> Stream {
    Stream {
        class: "long",
        jobs_per_hour: 1.0,
        by_hour: ALWAYS,
        bursts: None,
        shape: JobShape {
            work: Size::LogNormal(LogNormal {
                median: 28_000.0,
                sigma: 0.5,
            }),
            task: LogNormal {
                median: 1_500.0,
                sigma: 0.3,
            },
            task_sigma: 0.25,
            task_max_s: 5_400.0,
            tasks_max: 32,
            plans: &[MAP_ONLY, MAP_REDUCE],
            containers: BATCH_CONTAINERS,
            masters: LARGE_MASTERS,
            spark: None,
        },
    }
}
