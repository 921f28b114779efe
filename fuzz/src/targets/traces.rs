//! Traces, and the journals of daemons.

use std::io::Cursor;

use headroom::engine::Engine;
use headroom::explain::{TargetFilter, When, moment, timeline};
use headroom::policy::baselines;
use headroom::policy::{Limits, parse::parse};
use headroom::replay::verify::verify;
use headroom::sim::trace_work::TraceWork;
use headroom::trace::Record;
use headroom::trace::info::Info;
use headroom::trace::journal::TraceReader;
use headroom::units::Instances;

use super::policies::MORNING;
use super::simulation::{MEANT_LIFETIME, SPARK_TASKS_MAX, simulate_briefly, tasks};

/// The most records of an input: one that is compressed can have millions.
const RECORDS_MAX: usize = 2_000;

/// A trace, which may be compressed: described, and simulated.
pub fn trace(data: &[u8]) {
    let Some(mut reader) = open(data) else { return };
    let header = reader.header().clone();
    let records: Vec<_> = reader.by_ref().take(RECORDS_MAX).collect();
    reader.torn_tail();
    if let Some(Err(error)) = records.last() {
        error.to_string();
    }
    if records.len() == RECORDS_MAX {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("trace");
    std::fs::write(&file, data).expect("written");
    if let Ok(info) = Info::read(&file) {
        info.to_string();
    }
    let tasks = records.iter().flatten().map(|record| match record {
        Record::Job(job) => tasks(job),
        _ => 0,
    });
    let tasks = tasks.sum();
    let has_spark = |record: &Record| matches!(record, Record::Job(job) if job.spark.is_some());
    if tasks > SPARK_TASKS_MAX && records.iter().flatten().any(has_spark) {
        return;
    }
    match TraceWork::read(&header, records, Some(MEANT_LIFETIME)) {
        Ok(work) => simulate_briefly(&work, tasks),
        Err(error) => drop(error.to_string()),
    }
}

/// The journal of a daemon: explained, verified, and restored from.
pub fn journal(data: &[u8]) {
    let Some(mut reader) = open(data) else { return };
    let records: Vec<_> = reader.by_ref().take(RECORDS_MAX).collect();
    if records.len() == RECORDS_MAX {
        return;
    }
    let limits = Limits::new(Instances(0), Instances(9)).expect("0 is less than 9");
    let shadow = baselines::find("follow-demand")
        .expect("a baseline")
        .policy(limits);
    let mut engine = Engine::new(shadow.clone());
    for record in records.into_iter().flatten() {
        for decision in headroom::replay::fold::fold(&mut engine, &record) {
            decision.to_string();
        }
        if let Record::Start(start) = &record
            && let Ok(policy) = parse(&start.policy.text, "policy.yaml")
        {
            engine = engine.adopt(policy);
        }
    }
    explain(data, &shadow);
    if let Some(mut reader) = open(data)
        && let Ok(found) = verify(&mut reader, || ())
    {
        for difference in &found.differences {
            difference.fields();
        }
    }
}

fn explain(data: &[u8], shadow: &headroom::policy::Policy) {
    let later: When = "14:05".parse().expect("a time of day");
    for shadow in [None, Some(shadow)] {
        for filter in [TargetFilter::All, TargetFilter::Position(1)] {
            if let Some(mut reader) = open(data)
                && let Ok(timeline) = timeline(&mut reader, shadow.cloned(), &filter, || ())
            {
                timeline.to_string();
                serde_json::to_string(&timeline).expect("an explanation is JSON");
            }
        }
        for when in [later, When::Instant(MORNING)] {
            if let Some(mut reader) = open(data)
                && let Ok(moment) = moment(
                    &mut reader,
                    shadow.cloned(),
                    &TargetFilter::All,
                    when,
                    || (),
                )
            {
                moment.to_string();
                serde_json::to_string(&moment).expect("an explanation is JSON");
            }
        }
    }
}

fn open(data: &[u8]) -> Option<TraceReader> {
    match TraceReader::from_reader("trace", Cursor::new(data.to_vec())) {
        Ok(reader) => Some(reader),
        Err(error) => {
            error.to_string();
            None
        }
    }
}
