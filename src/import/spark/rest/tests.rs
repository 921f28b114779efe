use super::*;

/// What Spark 3.5.9 answered about an application that it still ran.
const FOLDER: &str = "tests/fixtures/traces/spark-rest";

#[test]
fn saved_replies_become_a_job_with_the_counted_tasks() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER);
    let inputs = saved_replies(std::slice::from_ref(&folder)).expect("found");
    let [input] = &inputs[..] else {
        panic!("one application")
    };
    let mut pieces = input
        .pieces
        .clone()
        .into_iter()
        .map(|path| Source::open(&path));
    let source = pieces
        .next()
        .expect("stages")
        .map(|first| first.followed_by(pieces));
    let imported = import_replies([source]).expect("imports");
    let [job] = &imported.jobs[..] else {
        panic!("one job")
    };
    assert_eq!(
        (&*job.id, job.name.as_deref()),
        ("app-20261129034544-0000", Some("words"))
    );
    let text = std::fs::read_to_string(folder.join("stages.json")).expect("read");
    let counted: u32 = text
        .split("\"numCompleteTasks\" : ")
        .skip(1)
        .map(|rest| {
            rest.split(',')
                .next()
                .unwrap_or_default()
                .parse::<u32>()
                .expect("a count")
        })
        .sum();
    let runs = job.stages.iter().flat_map(|stage| &stage.tasks);
    assert_eq!(runs.map(|run| run.count).sum::<u32>(), counted);
    assert_eq!(counted, 45, "three queries of 8, 6 and 1 tasks");
    let waits: Vec<&[u32]> = job.stages.iter().map(|stage| &stage.after[..]).collect();
    assert_eq!(waits[..4], [&[][..], &[0], &[1], &[2]]);
    assert_eq!(
        job.stages[0].memory.get(),
        (1024 + 384) / 2,
        "2 cores an executor"
    );
    let [only] = &imported.incomplete[..] else {
        panic!("{:?}", imported.incomplete)
    };
    assert!(only.contains("had not ended"), "{only}");
}

#[test]
fn a_folder_without_stages_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("jobs.json"), "[]").expect("written");
    let error = saved_replies(&[folder.path().to_owned()]).expect_err("refused");
    assert!(error.to_string().contains("no file stages.json"), "{error}");
}

/// The job of an application's replies, and what the import says of it.
fn imported(stages: &str) -> Imported {
    import(stages).expect("imports")
}

fn import(stages: &str) -> Result<Imported, ImportError> {
    let application = r#"{"id":"app-1","attempts":[{"startTimeEpoch":1,"completed":true}]}"#;
    let source = |name: &str, text: &str| {
        let text = std::io::Cursor::new(text.as_bytes().to_vec());
        Source::new(name, text)
    };
    let others = [
        source("application.json", application),
        source("environment.json", r#"{"sparkProperties":[]}"#),
    ];
    let replies = source("stages.json", stages).map(|first| first.followed_by(others.into_iter()));
    import_replies([replies])
}

fn left_out(imported: &Imported) -> Vec<String> {
    imported.left_out.iter().map(ToString::to_string).collect()
}

#[test]
fn a_stage_that_is_tried_again_has_each_task_once_with_the_time_of_the_first() {
    // The later attempts come first, as Spark lists them.
    let imported = imported(
        r#"[
        {"status":"COMPLETE","stageId":0,"attemptId":1,"numTasks":4,"numCompleteTasks":4,"executorRunTime":8000},
        {"status":"FAILED","stageId":0,"attemptId":0,"numTasks":6,"numCompleteTasks":5,"numFailedTasks":1,"executorRunTime":5000}
    ]"#,
    );
    let runs = &imported.jobs[0].stages[0].tasks;
    let runs: Vec<(u32, u64)> = runs
        .iter()
        .map(|run| (run.count, run.duration.as_secs()))
        .collect();
    assert_eq!(runs, [(5, 1), (1, 2)]);
    assert_eq!(
        left_out(&imported),
        [
            "left out: 1 (task attempts that failed or were killed, whose time is in the mean of their stage)",
            "left out: 3 (task attempts that repeated finished work)",
        ]
    );
    assert_eq!(imported.incomplete, [""; 0]);
}

#[test]
fn stages_that_the_server_has_dropped_make_the_application_incomplete() {
    let stage = |id: u32| {
        format!(
            r#"{{"status":"COMPLETE","stageId":{id},"numTasks":1,"numCompleteTasks":1,"executorRunTime":1000}}"#
        )
    };
    let all = format!("[{},{}]", stage(0), stage(1));
    assert_eq!(imported(&all).incomplete, [""; 0]);
    let newest = imported(&format!("[{},{}]", stage(7), stage(8)));
    let [only] = &newest.incomplete[..] else {
        panic!("{:?}", newest.incomplete)
    };
    assert!(only.contains("7 of its 9 stages are not listed"), "{only}");
}

#[test]
fn numbers_at_the_end_of_their_range_neither_overflow_nor_fill_the_memory() {
    let most = imported(
        r#"[{"status":"COMPLETE","stageId":0,"numTasks":1000000000,"numCompleteTasks":1000000000,"executorRunTime":1000000000000}]"#,
    );
    let runs = &most.jobs[0].stages[0].tasks;
    assert_eq!((runs.len(), runs[0].count), (1, 1_000_000_000));
    let end = i64::MAX;
    let refused = import(&format!(
        r#"[{{"status":"COMPLETE","stageId":{},"numTasks":5,"numCompleteTasks":5,"numFailedTasks":{end},"numKilledTasks":{end},
        "executorRunTime":{end},"executorDeserializeTime":{end},"resultSerializationTime":{end}}},
        {{"status":"COMPLETE","stageId":{},"numTasks":-1,"numCompleteTasks":1,"executorRunTime":1}},
        {{"status":"COMPLETE","stageId":0,"numTasks":1,"numCompleteTasks":1,"executorRunTime":1}}]"#,
        end - 1,
        -end
    ));
    let refused = refused.expect_err("a task of 58 million years").to_string();
    assert!(refused.contains("more than a hundred years"), "{refused}");
}
