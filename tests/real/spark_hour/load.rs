//! The recorded load: scheduled pipelines, reports in SQL, notebooks, and a queue that is limited.

use std::time::Duration;

use crate::parts::seconds;
use crate::parts::spark_on_yarn::{Driver, SparkApplication};
use crate::parts::yarn::LIMITED_QUEUE;

const MOST: &str = "spark.dynamicAllocation.maxExecutors";
const IDLE: &str = "spark.dynamicAllocation.executorIdleTimeout";

/// The applications with the second of their submission, in order.
pub fn schedule() -> Vec<(Duration, SparkApplication)> {
    let mut schedule = [pipelines(), reports(), notebooks(), batches()].concat();
    schedule.sort_by_key(|(at, _)| *at);
    let at = |(at_s, application)| (seconds(at_s), application);
    schedule.into_iter().map(at).collect()
}

/// Wide and narrow stages.
fn pipelines() -> Vec<(u64, SparkApplication)> {
    let pipeline = |name, wide, narrow, last| {
        SparkApplication::new(name, "wide_narrow").numbers(&[
            ("wide", wide),
            ("low", 10),
            ("high", 20),
            ("narrow", narrow),
            ("narrow_s", 30),
            ("last", last),
            ("last_s", 8),
        ])
    };
    vec![
        (20, pipeline("etl-night", 120, 6, 60).setting(MOST, "10")),
        (
            1_200,
            pipeline("etl-sales", 60, 3, 20)
                .setting(MOST, "6")
                .setting("spark.dynamicAllocation.shuffleTracking.timeout", "30s"),
        ),
        (1_620, pipeline("etl-all", 160, 8, 80)),
        (
            2_280,
            pipeline("etl-limited", 30, 2, 10).queue(LIMITED_QUEUE),
        ),
        (
            2_940,
            pipeline("etl-large-executors", 60, 4, 24)
                .setting("spark.executor.memory", "3g")
                .setting("spark.executor.cores", "4"),
        ),
    ]
}

/// SQL with adaptive execution.
fn reports() -> Vec<(u64, SparkApplication)> {
    let report = |name, facts, groups| {
        SparkApplication::new(name, "sql")
            .numbers(&[("facts", facts), ("groups", groups)])
            .setting("spark.sql.autoBroadcastJoinThreshold", "-1")
            .setting("spark.sql.adaptive.coalescePartitions.enabled", "false")
    };
    vec![
        (360, report("report-daily", 40, 20).setting(MOST, "6")),
        (
            1_020,
            report("report-weekly", 64, 32)
                .setting("spark.executor.memory", "2g")
                .setting("spark.executor.cores", "4"),
        ),
        (2_160, report("report-ad-hoc", 24, 12).setting(MOST, "4")),
        (2_760, report("report-late", 48, 24).setting(IDLE, "40s")),
    ]
}

/// Drivers that pause between jobs.
fn notebooks() -> Vec<(u64, SparkApplication)> {
    let notebook = |name, cells, pause_s| {
        SparkApplication::new(name, "notebook")
            .numbers(&[("cells", cells), ("pause_s", pause_s)])
            .driver(Driver::Client)
    };
    let cached =
        |name, pause_s| SparkApplication::new(name, "cached").numbers(&[("pause_s", pause_s)]);
    vec![
        (180, notebook("notebook-one", 6, 60)),
        (840, cached("cached-one", 120).setting(MOST, "6")),
        (1_500, notebook("notebook-two", 5, 45).setting(IDLE, "60s")),
        (2_460, cached("cached-two", 90).setting(MOST, "4")),
    ]
}

/// Jobs of one stage, and jobs with one slow task.
fn batches() -> Vec<(u64, SparkApplication)> {
    let short = |name, tasks, task_s| {
        SparkApplication::new(name, "short_tasks").numbers(&[("tasks", tasks), ("task_s", task_s)])
    };
    let skewed = |name, first, slow_s| {
        SparkApplication::new(name, "skewed").numbers(&[("first", first), ("slow_s", slow_s)])
    };
    vec![
        (480, short("export-capped", 150, 5).setting(MOST, "4")),
        (720, skewed("model-fixed", 32, 150).executors(3)),
        (1_320, short("export-limited", 60, 10).queue(LIMITED_QUEUE)),
        (1_860, skewed("model-dynamic", 48, 90).setting(MOST, "8")),
        (1_980, short("export-fixed", 60, 8).executors(2)),
        (2_580, short("export-burst", 200, 6)),
        (2_880, skewed("model-late", 24, 60).executors(4)),
    ]
}
