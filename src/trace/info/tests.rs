use std::io::Cursor;

use super::*;
use crate::units::{Mebibytes, VirtualCores};

fn info(text: &str) -> Info {
    let path = Path::new("t.trace");
    Info::of(
        path,
        TraceReader::from_reader(path, Cursor::new(text.to_owned())).expect("opens"),
    )
    .expect("reads")
}

const JOBS: &str = r#"{"headroom_trace":1,"kind":"jobs","start":"2026-03-02T08:00:00Z","source":"by hand","synthetic":true}
{"job":{"id":"a","submit_s":0,"application_master":{"memory_mib":512,"vcores":1},"stages":[{"memory_mib":1024,"vcores":1,"tasks":[[2,1800]]},{"after":[0],"memory_mib":4096,"vcores":2,"tasks":[[1,1800]]}]}}
{"job":{"id":"b","submit_s":5400,"stages":[{"memory_mib":2048,"vcores":1,"tasks":[[1,1800]]}]}}
"#;

fn observation(at: &str, allocated_mib: u64, pending_mib: u64) -> String {
    format!(
        r#"{{"observation":{{"at":"{at}","yarn":{{"value":{{"memory_total_mib":9,"memory_available_mib":9,"memory_allocated_mib":{allocated_mib},"memory_pending_mib":{pending_mib},"vcores_total":9,"vcores_available":9,"vcores_allocated":2,"vcores_pending":1,"containers_allocated":1,"containers_pending":1,"apps_running":1,"apps_pending":0}},"measured_at":"{at}"}},"cluster":{{"value":{{"state":"RUNNING","groups":[]}},"measured_at":"{at}"}}}}}}"#
    ) + "\n"
}

fn observations() -> String {
    let mut text = r#"{"headroom_trace":1,"kind":"observations","start":"2026-03-02T08:00:00Z","source":"cluster j-1"}"#.to_owned() + "\n";
    for minute in (0..30).chain(45..60) {
        text += &observation(
            &format!("2026-03-02T08:{minute:02}:00Z"),
            1024 * minute,
            1024 * (minute % 10),
        );
    }
    text + r#"{"outcome":{"at":"2026-03-02T08:59:00Z","group":"ig-1","outcome":"accepted"}}"#
        + "\n{\"obs"
}

#[test]
fn jobs_are_summed_by_hand() {
    let info = info(JOBS);
    let Contents::Jobs(totals) = &info.contents else {
        panic!("jobs")
    };
    assert_eq!((totals.jobs, totals.stages, totals.tasks), (2, 3, 4));
    // 2 x 0.5 h x 1 + 0.5 h x 2 + 0.5 h x 1 vcores; 1 + 2 + 1 GiB-hours.
    assert_eq!((totals.core_hours, totals.gib_hours), (2.5, 4.0));
    assert_eq!(
        totals.largest,
        Resources {
            memory: Mebibytes(4096),
            vcores: VirtualCores(2)
        }
    );
    assert_eq!(
        totals.peak,
        Resources {
            memory: Mebibytes(4608),
            vcores: VirtualCores(3)
        }
    );
    assert_eq!(totals.unhindered_end, Duration::from_secs(7200));
    // Columns of half an hour, up to the cells that lie across their edges.
    for (mib, expected_gib) in info.demand.columns(4).into_iter().zip([2.5, 4.5, 0.0, 2.0]) {
        let gib = mib.expect("known") / 1024.0;
        assert!(
            (gib - expected_gib).abs() < 0.01,
            "{gib} GiB instead of {expected_gib}"
        );
    }
}

#[test]
fn observations_are_summed_with_their_gap() {
    let info = info(&observations());
    let Contents::Observations(totals) = &info.contents else {
        panic!("observations")
    };
    assert_eq!((totals.observations, totals.outcomes), (45, 1));
    assert_eq!(totals.gaps(), Some((1, Duration::from_secs(16 * 60))));
    assert_eq!(
        totals.peak,
        Resources {
            memory: Mebibytes(68 * 1024),
            vcores: VirtualCores(3)
        }
    );
    // 43 intervals of a minute and one of which 15 minutes count, with two vcores.
    assert!(
        (totals.core_hours - 2.0 * (43.0 + 15.0) / 60.0).abs() < 1e-9,
        "{}",
        totals.core_hours
    );
    assert_eq!(info.torn_tail.as_ref().map(|torn| torn.line), Some(48));
}

#[test]
fn the_summary_of_jobs_looks_like_this() {
    insta::assert_snapshot!(info(JOBS).to_string());
}

#[test]
fn the_summary_of_observations_looks_like_this() {
    insta::assert_snapshot!(info(&observations()).to_string());
}

#[test]
fn no_line_is_wider_than_80_columns() {
    let long = JOBS.replace("by hand", &"many words ".repeat(30));
    for text in [&long, &observations()] {
        let shown = info(text).to_string();
        assert!(
            shown.lines().all(|line| line.chars().count() <= 80),
            "{shown}"
        );
    }
}

#[test]
fn traces_without_records_have_a_summary() {
    for kind in ["jobs", "observations"] {
        let shown = info(&format!(
            r#"{{"headroom_trace":1,"kind":"{kind}","start":"2026-03-02T08:00:00Z"}}"#
        ))
        .to_string();
        assert!(
            shown.contains(&format!("0 {kind}")) || shown.contains("jobs          0"),
            "{shown}"
        );
    }
}

#[test]
fn cores_that_are_not_observed_are_not_summed_up_as_none() {
    let text = observations().replace(r#""vcores_allocated":2,"vcores_pending":1,"#, "");
    let shown = info(&text).to_string();
    assert!(
        shown.contains("45 observations without vcores") && !shown.contains("core-hours"),
        "{shown}"
    );
    assert!(
        shown.contains("  peak          68 GiB allocated and pending"),
        "{shown}"
    );
}

#[test]
fn executors_are_the_containers_of_a_spark_application() {
    let job = r#"{"id":"a","submit_s":0,"spark":{"executors":[{"memory_mib":5120,"vcores":2,"slots":2}],"allocation":{"fixed":3}},
        "stages":[{"memory_mib":2560,"vcores":1,"tasks":[[4,10]],"spark":{}}]}"#;
    let job: Job = serde_json::from_str(job).expect("a job");
    let totals = JobTotals::of(&[job]);
    assert_eq!(totals.spark_applications, 1);
    assert_eq!(totals.largest.memory, Mebibytes(5_120));
}
