use std::io::Cursor;

use super::tasks::FAILED_ATTEMPTS;
use super::*;
use crate::import::LeftOut;
use crate::trace::TaskRun;
use crate::units::{Mebibytes, Resources, Timestamp, VirtualCores};

fn import_text(text: &str) -> Result<Imported, ImportError> {
    import(
        [Source::new("h.json", Cursor::new(text.as_bytes().to_vec()))],
        &Options::default(),
    )
}

fn runs(stage: &Stage) -> Vec<(u32, u128)> {
    stage
        .tasks
        .iter()
        .map(|TaskRun { count, duration }| (*count, duration.as_millis()))
        .collect()
}

fn size(stage: &Stage) -> (u64, u64) {
    (stage.memory.get(), stage.vcores.get())
}

const TWO_RUMEN_JOBS: &str = include_str!("../../../tests/fixtures/traces/rumen.json");

#[test]
fn rumen_jobs_become_a_map_and_a_reduce_stage() {
    let imported = import_text(TWO_RUMEN_JOBS).expect("imports");
    let [late, early] = [&imported.jobs[1], &imported.jobs[0]];
    assert_eq!(
        imported.header.start,
        Timestamp::from_millis(1_700_000_000_000)
    );
    assert_eq!(
        (&*early.id, early.submit, early.name.as_deref()),
        ("job_1_0002", Duration::ZERO, Some("sort"))
    );
    assert_eq!(
        (&*late.id, late.submit),
        ("job_1_0001", Duration::from_secs(60))
    );

    let [map, reduce] = &early.stages[..] else {
        panic!("two stages")
    };
    assert_eq!(
        (runs(map), &map.after[..]),
        (vec![(2, 10_000), (1, 12_500)], &[][..]),
        "the attempt that succeeded, in the order of the tasks"
    );
    assert_eq!(
        (runs(reduce), &reduce.after[..]),
        (vec![(1, 30_000)], &[0][..])
    );
}

#[test]
fn rumen_sizes_come_from_what_yarn_was_asked_for_then_from_rumens_own_figure_then_from_the_options()
{
    let imported = import_text(TWO_RUMEN_JOBS).expect("imports");
    let [early, late] = &imported.jobs[..] else {
        panic!("two jobs")
    };
    assert_eq!(
        (size(&early.stages[0]), size(&early.stages[1])),
        ((2048, 2), (1536, 1))
    );
    assert_eq!(
        early.application_master,
        Some(Resources {
            memory: Mebibytes(1600),
            vcores: VirtualCores(1)
        })
    );
    assert_eq!(
        (size(&late.stages[0]), late.application_master),
        ((1024, 1), None)
    );
}

#[test]
fn what_a_history_cannot_tell_is_left_out_and_counted() {
    let left_out = import_text(TWO_RUMEN_JOBS).expect("imports").left_out;
    let expected = [
        (1, "tasks without start or finish time"),
        (2, FAILED_ATTEMPTS),
        (1, "tasks of which no attempt succeeded"),
        (2, "set-up and clean-up tasks"),
    ];
    assert_eq!(
        left_out,
        expected.map(|(count, what)| LeftOut {
            count,
            what: what.to_owned()
        })
    );
}

#[test]
fn sls_jobs_become_stages_by_type_and_size() {
    let imported =
        import_text(include_str!("../../../tests/fixtures/traces/sls.json")).expect("imports");
    let [first, copy_1, copy_2] = &imported.jobs[..] else {
        panic!("three jobs")
    };
    assert_eq!(
        (&*first.id, first.submit),
        ("job_1", Duration::from_millis(500))
    );
    assert_eq!(
        first.application_master,
        Some(Resources {
            memory: Mebibytes(2048),
            vcores: VirtualCores(1)
        })
    );
    let [small, large, reduce] = &first.stages[..] else {
        panic!("three stages")
    };
    assert_eq!(
        (runs(small), size(small), small.after.len()),
        (vec![(1, 17_043), (5, 3_000)], (1024, 1), 0)
    );
    assert_eq!(
        (runs(large), size(large), large.after.len()),
        (vec![(1, 9_000)], (4096, 2), 0)
    );
    assert_eq!(
        (runs(reduce), &reduce.after[..]),
        (vec![(1, 20_000)], &[0, 1][..])
    );
    assert_eq!(
        (&*copy_1.id, &*copy_2.id, copy_1.submit),
        ("job_2_1", "job_2_2", Duration::from_secs(10))
    );
    assert_eq!(
        imported.left_out,
        [LeftOut {
            count: 1,
            what: "request delays (container.request.delay)".to_owned()
        }]
    );
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let rumen = |attempt: &str| {
        format!(
            "{{\"jobID\":\"j\",\"submitTime\":5,\n\"mapTasks\":[{{\"taskID\":\"t\",\"attempts\":[{{\"result\":\"SUCCESS\",{attempt}}}]}}]}}"
        )
    };
    let sls = |task: &str| format!("{{\"job.id\":\"j\",\n\n\"job.tasks\":[{{{task}}}]}}");
    let cases = [
        (
            rumen(r#""startTime":9,"finishTime":8"#),
            "h.json:2: in the job that ends here, task t starts at 9 ms and finishes at 8 ms",
        ),
        (
            rumen(r#""startTime":0,"finishTime":9223372036854775807"#),
            "h.json:2: in the job that ends here, task t starts at 0 ms",
        ),
        (
            rumen(r#""startTime":"x""#),
            "h.json:2: invalid type: string \"x\"",
        ),
        (
            sls(r#""container.start.ms":9,"container.end.ms":8"#),
            "h.json:3: in the job that ends here, a task starts at 9 ms and ends at 8 ms",
        ),
        (
            sls(r#""container.start.ms":9"#),
            "h.json:3: in the job that ends here, a task has neither",
        ),
        (
            sls(r#""duration.ms":"5","count":9000000000"#),
            "h.json:3: in the job that ends here, count is 9000000000",
        ),
        (
            sls(r#""duration.ms":5,"container.memory":-1"#),
            "h.json:3: in the job that ends here, container.memory-mb is -1",
        ),
        (
            "{}".to_owned(),
            "h.json:1: in the job that ends here, expected a Rumen job",
        ),
        ("[1]".to_owned(), "h.json:1: "),
        (
            "{\"jobID\":\n".to_owned(),
            "h.json:2: the file ends inside a job",
        ),
        (
            format!(
                "{}\n{}",
                rumen(r#""startTime":1,"finishTime":2"#),
                sls(r#""duration.ms":5"#)
            ),
            "import each format on its own",
        ),
        (String::new(), "the file is empty"),
    ];
    for (text, expected) in cases {
        let error = import_text(&text).expect_err(&text).to_string();
        assert!(
            error.contains(expected),
            "{text}\n  expected {expected}\n  got      {error}"
        );
    }
}

#[test]
fn a_few_bytes_cannot_ask_for_any_number_of_copies() {
    let job = |copies: u32, tasks: &str| {
        format!("{{\"job.count\":{copies},\"job.id\":\"j\",\"job.tasks\":[{tasks}]}}\n")
    };
    let one = r#"{"duration.ms":5}"#;
    let different: Vec<String> = (1..=50)
        .map(|ms| format!("{{\"duration.ms\":{ms}}}"))
        .collect();
    for (text, expected) in [
        (job(100_002, one), "more than 100000 jobs"),
        (job(60_000, one).repeat(2), "more than 100000 jobs"),
        (job(90_000, &different.join(",")), "more than 4000000 tasks"),
    ] {
        let error = import_text(&text).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    }
}
