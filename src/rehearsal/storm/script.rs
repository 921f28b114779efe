//! The script of a storm: a policy, a cluster with its work, and faults. A seed gives one.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::faults::{Fault, Kind};
use crate::generate::as_spark;
use crate::observation::{Market, Role};
use crate::sim::job_work::JobWork;
use crate::sim::scenario::{Provisioning, Scenario};
use crate::sim::trace_work::TraceWork;
use crate::trace::{Job, Stage, TaskRun};
use crate::units::{Instances, Mebibytes, Percent, Resources, Timestamp, VirtualCores};

/// When every storm begins: half an hour before summer time begins in Europe, on 2026-03-29.
pub const START: Timestamp = Timestamp::from_millis(1_774_744_200_000);
/// Nothing goes wrong any more so long after the beginning.
pub const CALM_FROM_S: u64 = 2_400;
/// The limits of the task group under every policy.
pub const TASK_LIMITS: (u32, u32) = (1, 8);
/// The core group under the policy that scales it, too.
pub const CORE_LIMITS: (u32, u32) = (2, 4);
/// `poll` of every policy.
pub const POLL: Duration = Duration::from_secs(30);
/// `reversal` of every policy.
pub const REVERSAL: Duration = Duration::from_secs(60);

/// The policies, by name. Their guards are short, so that a storm is.
pub const POLICIES: &[(&str, &str)] = &[
    ("absolute", include_str!("policies/absolute.yaml")),
    ("demand", include_str!("policies/demand.yaml")),
    ("eager", include_str!("policies/eager.yaml")),
    ("metrics", include_str!("policies/metrics.yaml")),
    ("plain", include_str!("policies/plain.yaml")),
    ("rules", include_str!("policies/rules.yaml")),
    ("windows", include_str!("policies/windows.yaml")),
];

/// A storm.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// Determines the work, the cluster, and which node a fault concerns.
    pub seed: u64,
    /// The name of a policy.
    pub policy: &'static str,
    /// In the order of their beginnings.
    pub faults: Vec<Fault>,
}

impl Script {
    /// The storm of a seed: one to eight faults, alone and together. Every other seed has those of a few kinds only,
    /// because what takes several faults of the same kinds is rare among all.
    pub fn of_seed(seed: u64) -> Self {
        let mut random = generator(seed, 1);
        let few: Vec<Kind> = (0..random.random_range(1..=3))
            .map(|_| *pick(&mut random, Kind::ALL))
            .collect();
        let kinds = if random.random_bool(0.5) {
            &few
        } else {
            Kind::ALL
        };
        let mut faults: Vec<Fault> = (0..random.random_range(1..=8))
            .map(|_| fault(kinds, &mut random))
            .collect();
        faults.sort_by_key(|fault| (fault.from_s, fault.to_s, fault.kind));
        // Demand has the most that may go wrong.
        let is_demand = random.random_bool(0.2);
        let any = pick(&mut random, POLICIES).0;
        Self {
            seed,
            policy: if is_demand { "demand" } else { any },
            faults,
        }
    }

    /// The text of the policy.
    pub fn policy_text(&self) -> &'static str {
        text_of(self.policy)
    }

    /// The text of the policy that replaces it. It scales the same groups.
    pub fn other_policy_text(&self) -> String {
        match self.policy {
            "demand" => self.policy_text().replace("index: 60", "index: 20"),
            "eager" => text_of("plain").to_owned(),
            _ => text_of("eager").to_owned(),
        }
    }

    /// What the metric of the policies is in a minute of the storm.
    pub fn metric(&self, minute: u64) -> Option<f64> {
        let is_there = |kind| self.at(minute * 60).any(|fault| fault.kind == kind);
        if is_there(Kind::MetricsMissing) {
            return None;
        }
        if is_there(Kind::MetricsNotANumber) {
            return Some(f64::NAN);
        }
        // It changes every five minutes, and is low once all is calm.
        let of_five_minutes = minute / 5;
        let levels = [0.0, 5.0, 50.0, 150.0, 400.0];
        let is_calm = minute * 60 >= CALM_FROM_S;
        let level = if is_calm {
            0
        } else {
            self.choose(90 + of_five_minutes, levels.len())
        };
        Some(levels[level])
    }

    /// The faults at so many seconds after the beginning.
    pub fn at(&self, storm_s: u64) -> impl Iterator<Item = &Fault> {
        self.faults.iter().filter(move |fault| fault.is_at(storm_s))
    }

    /// Jobs of the first half hour.
    pub fn work(&self) -> Arc<TraceWork> {
        let mut random = generator(self.seed, 2);
        let mut jobs: Vec<Job> = (0..random.random_range(2..=5))
            .map(|number| job(number, &mut random))
            .collect();
        jobs.sort_by_key(|job| job.submit);
        if random.random_bool(0.4) {
            jobs = jobs.into_iter().map(as_spark).collect();
        }
        Arc::new(TraceWork::Jobs(
            JobWork::from_jobs(START, &jobs).expect("valid jobs"),
        ))
    }

    /// Two core nodes and up to eight task nodes, some of which fail to launch, or are taken back by EC2.
    pub fn scenario(&self) -> Scenario {
        let mut random = generator(self.seed, 3);
        let mut scenario = Scenario {
            provisioning: Provisioning {
                median: Duration::from_secs(90),
                p95: Duration::from_secs(200),
                failure: Percent(if random.random_bool(0.2) { 30.0 } else { 0.0 }),
            },
            decommission_timeout: Duration::from_secs(*pick(&mut random, &[60, 600, 3_600])),
            ..Scenario::default()
        };
        for group in &mut scenario.groups {
            (group.count, group.limits) = match group.role {
                Role::Core => (Instances(CORE_LIMITS.0), limits(CORE_LIMITS)),
                _ => (Instances(TASK_LIMITS.0), limits(TASK_LIMITS)),
            };
        }
        if random.random_bool(0.3) {
            scenario.spot.interruptions_per_hour = 6.0;
            let of_tasks = (scenario.groups.iter_mut()).filter(|group| group.role == Role::Task);
            of_tasks.for_each(|group| group.market = Market::Spot);
        }
        scenario.hdfs.replication = 2;
        scenario
    }

    /// Which of `count` things a fault concerns.
    pub fn choose(&self, salt: u64, count: usize) -> usize {
        generator(self.seed, 1_000 + salt).random_range(0..count.max(1))
    }
}

fn text_of(policy: &str) -> &'static str {
    let named = POLICIES.iter().find(|(name, _)| *name == policy);
    named.map_or("", |(_, text)| text)
}

fn limits((min, max): (u32, u32)) -> Option<crate::policy::Limits> {
    crate::policy::Limits::new(Instances(min), Instances(max))
}

fn generator(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(stream);
    random
}

fn pick<'a, T>(random: &mut impl Rng, from: &'a [T]) -> &'a T {
    &from[random.random_range(0..from.len())]
}

fn fault(kinds: &[Kind], random: &mut ChaCha8Rng) -> Fault {
    let kind = *pick(random, kinds);
    let from_s = random.random_range(0..CALM_FROM_S - 300);
    // As short as a poll, or as long as all that is remembered.
    let length_s = *pick(random, &[5, 45, 100, 200, 400, 900, 1_500]);
    Fault {
        kind,
        from_s,
        to_s: (from_s + length_s).min(CALM_FROM_S),
    }
}

fn job(number: u64, random: &mut ChaCha8Rng) -> Job {
    Job {
        queue: None,
        user: None,
        is_step: false,
        map_reduce: None,
        id: format!("job-{number}").into(),
        name: None,
        submit: Duration::from_secs(random.random_range(0..1_800)),
        application_master: Some(Resources {
            memory: Mebibytes(2_048),
            vcores: VirtualCores(1),
        }),
        stages: vec![Stage {
            after: vec![],
            memory: Mebibytes(*pick(random, &[2_048, 3_072, 6_144])),
            vcores: VirtualCores(1),
            tasks: vec![TaskRun {
                count: random.random_range(2..30),
                duration: Duration::from_secs(random.random_range(30..400)),
            }],
            spark: None,
        }],
        spark: None,
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {} policy {}", self.seed, self.policy)?;
        self.faults
            .iter()
            .try_for_each(|fault| writeln!(f, "{fault}"))
    }
}

impl FromStr for Script {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut lines = text.lines().filter(|line| !line.trim().is_empty());
        let head: Vec<&str> = lines.next().unwrap_or("").split_whitespace().collect();
        let ["seed", seed, "policy", policy] = head[..] else {
            return Err("`seed NUMBER policy NAME` is expected".to_owned());
        };
        let known = POLICIES.iter().find(|(name, _)| *name == policy);
        Ok(Self {
            seed: seed.parse().map_err(|_| format!("`{seed}` is no seed"))?,
            policy: known
                .ok_or_else(|| format!("there is no policy `{policy}`"))?
                .0,
            faults: lines
                .map(|line| line.trim().parse())
                .collect::<Result<_, _>>()?,
        })
    }
}
