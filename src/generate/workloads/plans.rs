//! Hours and plans that several workloads share.

use std::time::Duration;

use super::super::model::{Plan, StagePlan};

pub const HOUR: Duration = Duration::from_secs(3_600);

/// Working hours from 8 to 18 with a dip at lunch; a few people start early or stay late.
#[rustfmt::skip]
pub const OFFICE_HOURS: [f64; 24] = [
    0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.05, 0.2, 0.7, 1.0, 1.0, 0.9,
    0.4, 0.7, 1.0, 1.0, 0.9, 0.6, 0.2, 0.1, 0.05, 0.0, 0.0, 0.0,
];

/// Two scans and a join.
pub const JOIN: Plan = &[
    StagePlan {
        after: &[],
        share: 0.5,
    },
    StagePlan {
        after: &[],
        share: 0.25,
    },
    StagePlan {
        after: &[0, 1],
        share: 0.25,
    },
];

/// Two scans, a join, an aggregate.
pub const JOIN_AGGREGATE: Plan = &[
    StagePlan {
        after: &[],
        share: 0.45,
    },
    StagePlan {
        after: &[],
        share: 0.2,
    },
    StagePlan {
        after: &[0, 1],
        share: 0.25,
    },
    StagePlan {
        after: &[2],
        share: 0.1,
    },
];

/// Three scans, two of them joined first, then all, an aggregate and a sort.
pub const STAR: Plan = &[
    StagePlan {
        after: &[],
        share: 0.4,
    },
    StagePlan {
        after: &[],
        share: 0.15,
    },
    StagePlan {
        after: &[0, 1],
        share: 0.25,
    },
    StagePlan {
        after: &[2],
        share: 0.15,
    },
    StagePlan {
        after: &[3],
        share: 0.05,
    },
];
