//! The recorded load: random queries, scheduled batch jobs, a long job, and pauses.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::parts::jobs::Job;
use crate::parts::seconds;

/// Phases from minute to minute, with the mean time between queries; no queries between phases.
const QUERIES: [(u64, u64, f64); 5] = [
    (0, 9, 60.0),
    (13, 22, 35.0),
    (22, 26, 20.0),
    (32, 44, 45.0),
    (47, 55, 30.0),
];
const ON_THE_CLOCK: [Recurring; 4] = [
    Recurring {
        at_min: &[2, 14, 26, 38, 50],
        name: "etl",
        containers: 30,
        seconds: 75,
        memory_mib: 1_536,
        vcores: 1,
    },
    Recurring {
        at_min: &[6, 34],
        name: "report",
        containers: 48,
        seconds: 40,
        memory_mib: 2_048,
        vcores: 1,
    },
    Recurring {
        at_min: &[17, 41],
        name: "model",
        containers: 6,
        seconds: 300,
        memory_mib: 3_072,
        vcores: 2,
    },
    Recurring {
        at_min: &[23, 48],
        name: "compaction",
        containers: 80,
        seconds: 12,
        memory_mib: 1_024,
        vcores: 1,
    },
];

/// The same job at some minutes of the hour.
struct Recurring {
    at_min: &'static [u64],
    name: &'static str,
    containers: u32,
    seconds: u32,
    memory_mib: u32,
    vcores: u32,
}

/// The jobs by submission time; the same at each call.
pub fn schedule(length: Duration) -> Vec<(Duration, Job)> {
    let mut luck = ChaCha8Rng::seed_from_u64(1);
    let mut schedule: Vec<(Duration, Job)> = QUERIES
        .iter()
        .flat_map(|period| queries(&mut luck, *period))
        .collect();
    for Recurring {
        at_min,
        name,
        containers,
        seconds: seconds_each,
        memory_mib,
        vcores,
    } in ON_THE_CLOCK
    {
        let job = Job {
            name: name.into(),
            containers,
            seconds: seconds_each,
            memory_mib,
            vcores,
        };
        schedule.extend(
            at_min
                .iter()
                .map(|minute| (seconds(60 * minute), job.clone())),
        );
    }
    schedule.sort_by_key(|(at, _)| *at);
    schedule.retain(|(at, _)| *at < length);
    schedule
}

fn queries(
    luck: &mut ChaCha8Rng,
    (from_min, to_min, mean_gap_s): (u64, u64, f64),
) -> Vec<(Duration, Job)> {
    let mut queries = Vec::new();
    let mut at_s = 60.0 * from_min as f64;
    loop {
        // Exponential, because queries are independent.
        at_s -= mean_gap_s * luck.random::<f64>().ln();
        if at_s >= 60.0 * to_min as f64 {
            return queries;
        }
        let job = Job {
            name: "query".into(),
            containers: luck.random_range(1..=8),
            seconds: luck.random_range(8..=60),
            memory_mib: [1_024, 1_536, 2_048][luck.random_range(0..3)],
            vcores: 1,
        };
        queries.push((Duration::from_secs_f64(at_s), job));
    }
}
