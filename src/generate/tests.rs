use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::model::Bursts;
use super::*;
use crate::trace::journal::TraceReader;
use crate::units::Mebibytes;

const DAY_S: u64 = 86_400;

fn made(named: SyntheticWorkload, seed: u64) -> (WorkloadModel, Vec<Job>) {
    let workload = named.workload(None, 1.0).expect("the defaults are valid");
    let jobs = generate(&workload, seed);
    (workload, jobs)
}

fn bytes(named: SyntheticWorkload, seed: u64) -> Vec<u8> {
    serde_json::to_vec(&made(named, seed).1).expect("serialises")
}

fn read(path: &Path) -> (Header, Vec<Job>) {
    let reader = TraceReader::open(path).expect("opens");
    let header = reader.header().clone();
    let job = |record| match record {
        Ok(Record::Job(job)) => job,
        other => panic!("{other:?} is no job"),
    };
    (header, reader.map(job).collect())
}

fn work_s(job: &Job) -> f64 {
    job.stages
        .iter()
        .flat_map(|stage| &stage.tasks)
        .map(|run| f64::from(run.count) * run.duration.as_secs_f64())
        .sum()
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_gives_others() {
    for named in SyntheticWorkload::ALL {
        assert_eq!(bytes(named, 1), bytes(named, 1), "{}", named.name());
        assert_ne!(bytes(named, 1), bytes(named, 2), "{}", named.name());
    }
}

/// The command in each folder's README makes the committed trace, on every machine.
#[test]
fn the_committed_traces_are_what_the_generator_makes() {
    for named in SyntheticWorkload::ALL {
        let name = named.name();
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("simulations")
            .join(name)
            .join("trace.jsonl.zst");
        let (workload, jobs) = made(named, 1);
        let made = (
            header(&workload, &format!("headroom generate {name} --seed 1")),
            jobs,
        );
        assert!(
            made == read(&path),
            "{name}: make the trace again with `headroom generate {name} --seed 1`, and its golden results"
        );
    }
}

#[test]
fn a_folder_that_is_missing_is_named() {
    let (workload, jobs) = made(SyntheticWorkload::SpotStorm, 1);
    let error = write(
        Path::new("no/such/folder/t.jsonl"),
        &header(&workload, ""),
        jobs,
    )
    .expect_err("no folder");
    assert_eq!(
        error.to_string(),
        "no/such/folder/t.jsonl cannot be written"
    );
}

#[test]
fn options_out_of_range_are_refused_with_the_range() {
    for (days, rate, message) in [
        (
            Some(0.0),
            1.0,
            "0 days: use a number above 0 and at most 366",
        ),
        (
            Some(f64::NAN),
            1.0,
            "NaN days: use a number above 0 and at most 366",
        ),
        (
            Some(367.0),
            1.0,
            "367 days: use a number above 0 and at most 366",
        ),
        (None, 0.0, "rate 0: use a factor above 0 and at most 100"),
        (
            None,
            f64::INFINITY,
            "rate inf: use a factor above 0 and at most 100",
        ),
        (
            Some(366.0),
            100.0,
            "jobs, more than the limit of 1000000: use fewer days or a lower rate",
        ),
    ] {
        let error = SyntheticWorkload::OfficeDay
            .workload(days, rate)
            .expect_err(message);
        assert!(error.to_string().ends_with(message), "{error}");
    }
}

#[test]
fn another_rate_of_one_class_leaves_the_jobs_of_the_others_as_they_were() {
    let before = SyntheticWorkload::OfficeDay
        .workload(None, 1.0)
        .expect("valid");
    let mut after = before.clone();
    after.streams[0].jobs_per_hour *= 2.0;
    let others = |workload| {
        generate(workload, 1)
            .into_iter()
            .filter(|job| !job.id.starts_with("query"))
            .collect::<Vec<_>>()
    };
    assert!(!others(&before).is_empty());
    assert_eq!(others(&before), others(&after));
}

#[test]
fn two_classes_with_equal_parameters_do_not_arrive_in_step() {
    let mut workload = SyntheticWorkload::OfficeDay
        .workload(None, 1.0)
        .expect("valid");
    workload.streams.truncate(1);
    workload.streams.push(workload.streams[0].clone());
    workload.streams[1].class = "twin";
    let jobs = generate(&workload, 1);
    let arrivals = |class: &str| {
        jobs.iter()
            .filter(|job| job.id.starts_with(class))
            .map(|job| job.submit)
            .collect::<Vec<_>>()
    };
    assert_ne!(arrivals("query"), arrivals("twin"));
}

/// Without bursts the count is Poisson: the total over seeds lies within 4 standard deviations of
/// its mean.
#[test]
fn arrivals_without_bursts_are_as_many_as_a_poisson_process_has() {
    for named in SyntheticWorkload::ALL {
        let mut workload = named.workload(Some(1.0), 1.0).expect("valid");
        workload.recurring.clear();
        workload
            .streams
            .iter_mut()
            .for_each(|stream| stream.bursts = None);
        let counts: Vec<f64> = (0..20)
            .map(|seed| generate(&workload, seed).len() as f64)
            .collect();
        let (total, mean) = (counts.iter().sum::<f64>(), 20.0 * workload.expected_jobs());
        assert!(
            (total - mean).abs() < 4.0 * mean.sqrt(),
            "{}: {total} jobs, {mean} expected",
            named.name()
        );
    }
}

/// Bursts make counts vary more than a Poisson process does (its variance is its mean), around the
/// mean that is stated.
#[test]
fn bursts_spread_the_counts_around_the_stated_mean() {
    let mut workload = SyntheticWorkload::OfficeDay
        .workload(None, 1.0)
        .expect("valid");
    workload.streams.truncate(1);
    workload.streams[0].bursts = Some(Bursts {
        per_hour: 1.0,
        length_mean_s: 900.0,
        factor: 5.0,
    });
    let mean = workload.expected_jobs();
    let counts: Vec<f64> = (0..60)
        .map(|seed| generate(&workload, seed).len() as f64)
        .collect();
    let average = counts.iter().sum::<f64>() / 60.0;
    let variance = counts
        .iter()
        .map(|count| (count - average).powi(2))
        .sum::<f64>()
        / 59.0;
    assert!(
        variance > 3.0 * average,
        "variance {variance}, mean {average}"
    );
    assert!(
        (average - mean).abs() < 4.0 * (variance / 60.0).sqrt(),
        "{average} jobs on average, {mean} expected"
    );
}

#[test]
fn an_hour_without_a_rate_has_no_jobs_and_lunch_has_fewer_than_the_hour_before() {
    let mut workload = SyntheticWorkload::OfficeDay
        .workload(Some(20.0), 1.0)
        .expect("valid");
    workload.streams.retain(|stream| stream.class == "query");
    let mut by_hour = [0_u32; 24];
    for job in generate(&workload, 1) {
        by_hour[(job.submit.as_secs() / 3_600 % 24) as usize] += 1;
    }
    assert_eq!(by_hour[3], 0);
    assert_eq!(by_hour[23], 0);
    assert!(2 * by_hour[12] < by_hour[10], "{by_hour:?}");
}

#[test]
fn a_tenth_of_the_jobs_holds_more_than_half_of_the_work() {
    for named in [
        SyntheticWorkload::OfficeDay,
        SyntheticWorkload::NightlyBatch,
        SyntheticWorkload::ShortContainers,
    ] {
        let (_, jobs) = made(named, 1);
        let mut work: Vec<f64> = jobs.iter().map(work_s).collect();
        work.sort_by(|a, b| b.total_cmp(a));
        let share = work[..work.len() / 10].iter().sum::<f64>() / work.iter().sum::<f64>();
        assert!(share > 0.5, "{}: {share}", named.name());
    }
}

#[test]
fn three_named_jobs_run_each_of_fourteen_nights_near_their_time() {
    let (_, jobs) = made(SyntheticWorkload::NightlyBatch, 5);
    let mut nights: BTreeMap<u64, BTreeSet<&str>> = BTreeMap::new();
    for job in jobs.iter().filter(|job| job.name.is_some()) {
        let name = job.name.as_deref().expect("filtered");
        let due_s = match name {
            "ingest" => 3_600,
            "transform" => 9_000,
            "aggregate" => 14_400,
            other => panic!("unexpected job {other}"),
        };
        assert!(
            (job.submit.as_secs() % DAY_S).abs_diff(due_s) <= 360,
            "{name} at {:?}",
            job.submit
        );
        assert!(
            nights
                .entry(job.submit.as_secs() / DAY_S)
                .or_default()
                .insert(name),
            "{name} twice in one night"
        );
    }
    assert_eq!(nights.len(), 14);
    assert!(nights.values().all(|names| names.len() == 3), "{nights:?}");
}

#[test]
fn every_task_of_a_flood_is_shorter_than_30_s_and_a_flood_has_over_a_thousand() {
    let (_, jobs) = made(SyntheticWorkload::ShortContainers, 2);
    let floods: Vec<&Job> = jobs
        .iter()
        .filter(|job| job.id.starts_with("flood"))
        .collect();
    assert!(floods.len() >= 8);
    for flood in floods {
        assert!(
            task_count(flood) > 1_000,
            "{}: {} tasks",
            flood.id,
            task_count(flood)
        );
        assert!(
            flood.stages[0]
                .tasks
                .iter()
                .all(|run| run.duration < Duration::from_secs(30))
        );
    }
}

/// Random jobs arrive twice as often; nightly jobs run as often as before, but are twice as
/// large.
#[test]
fn the_rate_doubles_the_work() {
    let once = SyntheticWorkload::NightlyBatch
        .workload(Some(28.0), 1.0)
        .expect("valid");
    let twice = SyntheticWorkload::NightlyBatch
        .workload(Some(28.0), 2.0)
        .expect("valid");
    assert_eq!(
        twice.expected_jobs() - 84.0,
        2.0 * (once.expected_jobs() - 84.0)
    );
    let named_work = |workload: &WorkloadModel| {
        generate(workload, 1)
            .iter()
            .filter(|job| job.name.is_some())
            .map(work_s)
            .sum::<f64>()
    };
    let ratio = named_work(&twice) / named_work(&once);
    assert!((ratio - 2.0).abs() < 0.1, "{ratio}");
}

/// Sized for 2 + 20 nodes: policies differ only where the largest size mostly suffices, mostly
/// idles, and the smallest one can finish the work all the same.
#[test]
fn workloads_fit_their_cluster() {
    for named in SyntheticWorkload::ALL {
        let (workload, jobs) = made(named, 1);
        let node_s: f64 = jobs.iter().map(node_seconds).sum();
        let share_of = |nodes: f64| node_s / (nodes * workload.span.as_secs_f64());
        let (at_max, at_min) = (share_of(22.0), share_of(2.0));
        assert!(
            (0.1..0.4).contains(&at_max),
            "{}: {at_max} of the largest cluster",
            named.name()
        );
        assert!(
            (1.0..4.0).contains(&at_min),
            "{}: {at_min} of the smallest cluster",
            named.name()
        );
    }
}

/// Seconds of an m5.xlarge that the tasks fill, by the scarcer resource.
fn node_seconds(job: &Job) -> f64 {
    let stage_s = |stage: &crate::trace::Stage| {
        let seconds: f64 = stage
            .tasks
            .iter()
            .map(|run| f64::from(run.count) * run.duration.as_secs_f64())
            .sum();
        seconds * (stage.memory.as_f64() / 12_288.0).max(stage.vcores.as_f64() / 4.0)
    };
    job.stages.iter().map(stage_s).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn jobs_are_in_order_and_each_can_run_on_a_node(seed: u64, index in 0..SyntheticWorkload::ALL.len(), days in 0.05..2.0_f64, rate in 0.1..3.0_f64) {
        let workload = SyntheticWorkload::ALL[index].workload(Some(days), rate).expect("in range");
        let jobs = generate(&workload, seed);
        prop_assert!(jobs.is_sorted_by_key(|job| job.submit));
        let ids: BTreeSet<&str> = jobs.iter().map(|job| &*job.id).collect();
        prop_assert_eq!(ids.len(), jobs.len());
        for job in &jobs {
            prop_assert!(!job.stages.is_empty());
            for (position, stage) in job.stages.iter().enumerate() {
                prop_assert!(stage.after.iter().all(|before| (*before as usize) < position));
                prop_assert!(stage.memory <= crate::units::Mebibytes(12_288) && (1..=4).contains(&stage.vcores.get()));
                prop_assert!(!stage.tasks.is_empty());
                prop_assert!(stage.tasks.iter().all(|run| run.count > 0 && run.duration >= Duration::from_millis(100)));
            }
        }
    }
}

#[test]
fn the_same_work_as_spark_reveals_one_stage_after_another_and_fits_half_a_node() {
    let (_, jobs) = made(SyntheticWorkload::SpotStorm, 1);
    for job in jobs {
        let spark = as_spark(job.clone());
        assert_eq!(work_s(&spark), work_s(&job));
        let application = spark.spark.as_ref().expect("an application");
        let executor = application.executors[0];
        assert!(executor.slots == 1 || executor.memory <= Mebibytes(6_144));
        for (position, stage) in spark.stages.iter().enumerate() {
            let own = stage.spark.expect("a stage of Spark");
            assert_eq!(own.job as usize, position);
            assert!(stage.memory.get() * u64::from(executor.slots) <= executor.memory.get());
            let is_read = job
                .stages
                .iter()
                .any(|later| later.after.contains(&(position as u32)));
            assert_eq!(own.shuffle_output, is_read);
        }
        assert_eq!(as_spark(spark.clone()), spark);
    }
}
