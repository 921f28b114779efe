//! `headroom import` on what users have: folders, compressed files, and files of which some are
//! damaged.

use std::fs;
use std::io::Write;

use super::{Answer, Folder, repository};

/// The log of an application on YARN with EMR's overhead factor, which runs eight tasks of a minute.
fn log(id: u32) -> String {
    let mut log = format!(
        r#"{{"Event":"SparkListenerLogStart","Spark Version":"3.4.1-amzn-2"}}
{{"Event":"SparkListenerApplicationStart","App Name":"daily","App ID":"application_7_{id:04}","Timestamp":{},"User":"hadoop"}}
{{"Event":"SparkListenerEnvironmentUpdate","Spark Properties":{{"spark.master":"yarn","spark.executor.memory":"9486M","spark.executor.cores":"4","spark.yarn.executor.memoryOverheadFactor":"0.1875"}}}}
{{"Event":"SparkListenerJobStart","Job ID":0,"Submission Time":1,"Stage Infos":[{{"Stage ID":0,"Parent IDs":[]}}]}}
"#,
        1_700_000_000_000_u64 + u64::from(id) * 1000
    );
    for task in 0..8 {
        log += &format!(
            r#"{{"Event":"SparkListenerTaskEnd","Stage ID":0,"Stage Attempt ID":0,"Task End Reason":{{"Reason":"Success"}},"Task Info":{{"Task ID":{task},"Index":{task},"Launch Time":1000,"Finish Time":61000}}}}
"#
        );
    }
    log + "{\"Event\":\"SparkListenerApplicationEnd\",\"Timestamp\":1700000099000}\n"
}

fn written(files: &[(&str, &str)]) -> Folder {
    let folder = Folder::new();
    for (name, text) in files {
        fs::create_dir_all(folder.path(name).parent().expect("a folder")).expect("created");
        folder.write(name, text);
    }
    folder
}

/// The answer of an import that must succeed, and the trace.
fn imported(folder: &Folder, words: &str) -> (Answer, String) {
    let answer = folder.run(&format!("import {words} --out made.jsonl"));
    assert_eq!(answer.code, Some(0), "{words}: {}", answer.stderr);
    (answer, folder.read("made.jsonl"))
}

#[test]
fn logs_in_folders_of_folders_are_all_imported() {
    let (a, b, c) = (log(1), log(2), log(3));
    let folder = written(&[
        ("logs/j-1/sparklogs/application_7_0001", &a),
        ("logs/j-2/application_7_0002", &b),
        ("logs/top", &c),
        ("logs/j-2/_SUCCESS", ""),
    ]);
    let (answer, trace) = imported(&folder, "spark logs");
    assert!(
        answer.stderr.contains("3 jobs, 24 tasks"),
        "{}",
        answer.stderr
    );
    assert_eq!(trace.matches(r#""memory_mib":2816,"#).count(), 3);
}

#[test]
fn what_a_folder_does_not_give_is_counted_and_named() {
    let (whole, second) = (log(1), log(2));
    let broken = second.replace(r#"{"Event":"SparkListenerJobStart""#, "{broken");
    let running = second
        .lines()
        .take(6)
        .fold(String::new(), |log, line| log + line + "\n");
    let folder = written(&[
        ("logs/application_7_0001", &whole),
        ("logs/application_7_0001_copy", &whole),
        ("logs/application_7_0002.inprogress", &running),
        ("logs/application_7_0003", &broken),
        ("logs/application_7_0004.inprogress", ""),
        (
            "logs/eventlog_v2_application_7_0005/appstatus_application_7_0005",
            "",
        ),
        (
            "logs/eventlog_v2_application_7_0005/events_2_application_7_0005.compact",
            &log(5),
        ),
        ("logs/stdout.txt", "hello\n"),
    ]);
    let (answer, _) = imported(&folder, "spark logs");
    insta::assert_snapshot!(answer.stderr);

    let strict = folder.run("import spark logs --strict --out strict.jsonl");
    assert_eq!(strict.code, Some(1), "{}", strict.stderr);
    assert!(
        strict.stderr.contains("application_7_0003:4: "),
        "{}",
        strict.stderr
    );
    assert!(!folder.path("strict.jsonl").exists());
}

#[test]
fn a_folder_of_whole_logs_passes_strict() {
    let folder = written(&[("logs/a", &log(1))]);
    let (answer, _) = imported(&folder, "spark logs --strict");
    assert_eq!(answer.stderr.lines().count(), 1, "{}", answer.stderr);
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).expect("compresses");
    encoder.finish().expect("ends")
}

fn lz4(content: &[u8]) -> Vec<u8> {
    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
    encoder.write_all(content).expect("compresses");
    encoder.finish().expect("ends")
}

fn snappy(content: &[u8]) -> Vec<u8> {
    let mut encoder = snap::write::FrameEncoder::new(Vec::new());
    encoder.write_all(content).expect("compresses");
    encoder.into_inner().expect("ends")
}

fn zstd(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 1).expect("compresses")
}

#[test]
fn every_importer_reads_every_compression_whatever_the_name() {
    let fixture =
        |name: &str| fs::read(repository(&format!("tests/fixtures/traces/{name}"))).expect("reads");
    let csv = "job,submit_s,stage,after,tasks,task_s,memory_mib,vcores\na,0,0,,4,60,4096,1\n";
    let folder = Folder::new();
    for (format, content) in [
        ("csv", csv.as_bytes().to_vec()),
        (
            "swim",
            b"a\t0\t0\t100\t536870912\t300\t/in\t/out\n".to_vec(),
        ),
        ("rumen", fixture("rumen.json")),
        ("rumen", fixture("sls.json")),
        ("spark", fixture("spark-eventlog.json")),
    ] {
        folder.write("plain", &content);
        let plain = imported(&folder, &format!("{format} plain")).1;
        for (name, compress) in [
            ("gzip", gzip as fn(&[u8]) -> Vec<u8>),
            ("lz4", lz4),
            ("snappy", snappy),
            ("zstd", zstd),
        ] {
            let compressed = compress(&content);
            folder.write("plain", &compressed);
            let words = format!("{format} plain");
            assert_eq!(imported(&folder, &words).1, plain, "{format} in {name}");

            folder.write("cut", &compressed[..compressed.len() - 5]);
            let answer = folder.run(&format!("import {format} cut --out cut.jsonl"));
            assert_eq!(answer.code, Some(1), "{format} in {name}");
            assert!(
                answer.stderr.starts_with("error: cut:"),
                "{}",
                answer.stderr
            );
        }
    }
}

#[test]
fn a_trace_may_be_compressed_as_well() {
    let folder = Folder::new();
    let trace = folder.read("jobs.jsonl");
    let plain = folder.stdout("trace info jobs.jsonl");
    folder.write("jobs.jsonl", gzip(trace.as_bytes()));
    assert_eq!(folder.stdout("trace info jobs.jsonl"), plain);
}

/// A file of 256 MiB in 256 KiB does not fill the memory: the line is too long, and that is all that
/// is read of it.
#[test]
fn a_decompression_bomb_is_refused_with_its_line() {
    let folder = Folder::new();
    let zeros = vec![b'0'; 1 << 20];
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for _ in 0..256 {
        encoder.write_all(&zeros).expect("compresses");
    }
    folder.write("bomb", encoder.finish().expect("ends"));
    for format in ["spark", "swim", "csv"] {
        let answer = folder.run(&format!("import {format} bomb --out made.jsonl"));
        assert_eq!(answer.code, Some(1), "{format}");
        assert!(answer.stderr.contains("bomb:1: "), "{}", answer.stderr);
        assert!(answer.stderr.contains("longer than"), "{}", answer.stderr);
    }
}

#[test]
fn jobs_that_two_files_contain_are_imported_once() {
    let row = "job,submit_s,stage,after,tasks,task_s,memory_mib,vcores\na,0,0,,4,60,4096,1\n";
    let folder = written(&[
        ("days/1.csv", row),
        ("days/2.csv", row),
        ("days/3.csv", &row.replace(",60,", ",90,")),
    ]);
    let (answer, trace) = imported(&folder, "csv days");
    assert!(
        answer.stderr.contains("2 jobs, 8 tasks"),
        "{}",
        answer.stderr
    );
    assert!(
        answer.stderr.contains("left out: 1 (repeated jobs"),
        "{}",
        answer.stderr
    );
    assert!(trace.contains(r#""id":"a-2""#), "{trace}");
}

#[test]
fn a_recording_given_as_a_trace_is_recognized_with_the_command_that_imports_it() {
    let fixture = |name: &str| repository(&format!("tests/fixtures/{name}"));
    let folder = written(&[
        (
            "jobs.csv",
            "job,submit_s,stage,after,tasks,task_s,memory_mib,vcores\na,0,0,,4,60,4096,1\n",
        ),
        ("swim.tsv", "a\t0\t0\t100\t536870912\t300\n"),
        ("logs/j-1/application_7_0001", &log(1)),
        (
            "pretty.json",
            "{\n  \"jobID\" : \"job_1_1\",\n  \"submitTime\" : 5,\n  \"mapTasks\" : [ ]\n}\n",
        ),
    ]);
    for (path, importer) in [
        (fixture("traces/spark-eventlog.json"), "spark"),
        (fixture("traces/spark/words.snappy"), "spark"),
        ("logs".to_owned(), "spark"),
        (fixture("traces/rumen.json"), "rumen"),
        ("pretty.json".to_owned(), "rumen"),
        (fixture("traces/sls.json"), "rumen"),
        (
            fixture("traces/mapreduce/job_1795923948356_0001.jhist"),
            "jhist",
        ),
        (fixture("traces/mapreduce"), "jhist"),
        (fixture("traces/metric-data.json"), "cloudwatch"),
        (fixture("traces/spark-rest"), "history-server"),
        (fixture("yarn/apps-finished.json"), "yarn-apps"),
        ("jobs.csv".to_owned(), "csv"),
        ("swim.tsv".to_owned(), "swim"),
    ] {
        for command in ["simulate", "advise", "trace info"] {
            let answer = folder.run(&format!("{command} {path}"));
            assert_ne!(answer.code, Some(0), "{command} {path}");
            let expected = format!("`headroom import {importer} {path} --out mine.trace.zst`");
            assert!(
                answer.stderr.contains(&expected),
                "{command}: {}",
                answer.stderr
            );
        }
    }
}

#[test]
fn a_reply_of_cloudwatch_becomes_observations_that_can_be_simulated() {
    let folder = Folder::new();
    let reply = repository("tests/fixtures/traces/metric-data.json");
    let answer = folder.run(&format!("import cloudwatch {reply} --out made.trace.zst"));
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let expected = "made.trace.zst: 6 observations, one every 5m\n";
    assert!(answer.stderr.starts_with(expected), "{}", answer.stderr);
    let info = folder.stdout("trace info made.trace.zst");
    assert!(info.contains("observations"), "{info}");
    folder.stdout("simulate made.trace.zst --scenario small.yaml --policy fixed-max");
}

#[test]
fn an_address_is_refused_where_files_are_expected() {
    let folder = Folder::new();
    for (words, said) in [
        (
            "spark s3://bucket/logs",
            "s3://bucket/logs is an address; copy what it names to this machine first",
        ),
        (
            "yarn-apps http://rm:8088/ws/v1/cluster/apps",
            "is an address; copy",
        ),
        (
            "history-server http://h:18080 replies",
            "pass one address or folders, not both",
        ),
        (
            "history-server day --limit 3",
            "--limit, --since and --until are for the address of a server",
        ),
        (
            "history-server s3://bucket/replies",
            "s3://bucket/replies is an address; copy",
        ),
    ] {
        let answer = folder.run(&format!("import {words} --out made.trace.zst"));
        assert_eq!(answer.code, Some(1), "{words}");
        assert!(answer.stderr.contains(said), "{words}: {}", answer.stderr);
    }
}

#[cfg(not(feature = "daemon"))]
#[test]
fn a_build_without_the_daemon_says_how_else_to_import_from_a_history_server() {
    let folder = Folder::new();
    let answer = folder.run("import history-server http://h:18080 --out made.trace.zst");
    assert_eq!(answer.code, Some(1));
    for said in ["--features daemon", "docs/traces.md"] {
        assert!(answer.stderr.contains(said), "{}", answer.stderr);
    }
}
