//! Simulations of what was read. They are cut off, since a valid trace may ask for months of work.

use std::path::Path;
use std::time::Duration;

use headroom::evaluation::default_cluster::choose;
use headroom::evaluation::trials::Testbed;
use headroom::policy::baselines;
use headroom::sim::Recording;
use headroom::sim::scenario::Scenario;
use headroom::sim::trace_work::TraceWork;
use headroom::trace::{FORMAT_VERSION, Header, Job, Kind, Record};
use headroom::units::Timestamp;

/// How long containers live where a recording does not say it.
pub const MEANT_LIFETIME: Duration = Duration::from_secs(120);

/// The simulated time after which a simulation is cut off.
const LONGEST: Duration = Duration::from_secs(6 * 3_600);
/// Larger work is only read.
const TASKS_MAX: u64 = 5_000;
/// Traces with more tasks of Spark applications are not even made ready for a simulation: for that, each task
/// is simulated once, which takes a minute for the ten million that an application may have.
pub const SPARK_TASKS_MAX: u64 = 100_000;

/// A scenario, with a small job.
pub fn scenario(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match Scenario::parse(text, Path::new("scenario.yaml")) {
        Ok(scenario) => simulate(&small(), scenario),
        Err(error) => drop(error.to_string()),
    }
}

/// Simulates the work on the cluster that is chosen for it.
pub fn simulate_briefly(work: &TraceWork, tasks: u64) {
    if tasks > TASKS_MAX {
        return;
    }
    if let Ok((scenario, chosen)) = choose(&[work]) {
        chosen.to_string();
        simulate(work, scenario);
    }
}

/// Reads jobs as the simulator does, and simulates them.
pub fn simulate_jobs(start: Timestamp, jobs: Vec<Job>) {
    let header = Header {
        headroom_trace: FORMAT_VERSION,
        kind: Kind::Jobs,
        start,
        source: String::new(),
        synthetic: false,
    };
    let tasks = jobs.iter().map(tasks).sum();
    let records = jobs
        .into_iter()
        .map(|job| Ok::<_, std::convert::Infallible>(Record::Job(job)));
    if let Ok(work) = TraceWork::read(&header, records, None) {
        simulate_briefly(&work, tasks);
    }
}

/// How many tasks a job has.
pub fn tasks(job: &Job) -> u64 {
    let runs = job.stages.iter().flat_map(|stage| &stage.tasks);
    runs.map(|run| u64::from(run.count)).sum()
}

fn simulate(work: &TraceWork, mut scenario: Scenario) {
    scenario.max_duration = LONGEST;
    let Ok(testbed) = Testbed::new("trace".to_owned(), work, &scenario) else {
        return;
    };
    let recording = Recording {
        series: true,
        observations: false,
    };
    for name in ["follow-demand", "hpa"] {
        let baseline = baselines::find(name).expect("a baseline");
        if let Err(error) = testbed.trial(&testbed.baseline(baseline), 1, recording) {
            error.to_string();
        }
    }
}

/// A job of two stages.
pub fn small() -> TraceWork {
    let job = r#"{"id":"one","submit_s":60,"application_master":{"memory_mib":1024,"vcores":1},
        "stages":[{"memory_mib":2048,"vcores":1,"tasks":[[8,90]]},{"after":[0],"memory_mib":1024,"vcores":1,"tasks":[[2,30.5]]}]}"#;
    let job: Job = serde_json::from_str(job).expect("a job");
    let header = r#"{"headroom_trace":1,"kind":"jobs","start":"2026-03-02T08:00:00Z"}"#;
    let header: Header = serde_json::from_str(header).expect("a header");
    let records = [Ok::<_, std::convert::Infallible>(Record::Job(job))];
    TraceWork::read(&header, records, None).expect("work")
}
