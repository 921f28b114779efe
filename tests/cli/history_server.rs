//! `headroom import history-server` with an address, against a server on loopback.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Answer, Folder, repository};

/// A server that gives each path its raw answer; it runs as long as the test program.
fn serve(answer: impl Fn(&str) -> String + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.expect("a connection");
            let mut head = BufReader::new(connection.try_clone().expect("the same")).lines();
            let first = head.next().expect("a request").expect("a line");
            while !head.next().expect("the head").expect("a line").is_empty() {}
            let path = first.split(' ').nth(1).expect("a path");
            // The program may have read enough and left.
            let _ = connection.write_all(answer(path).as_bytes());
        }
    });
    format!("http://{address}")
}

fn reply(status: &str, kind: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// A server that has the files of a folder of saved replies.
fn server_of(replies: PathBuf) -> String {
    serve(move |path| {
        let path = path.strip_prefix("/api/v1/").expect("the REST service");
        match fs::read_to_string(replies.join(format!("{path}.json"))) {
            Ok(body) => reply("200 OK", "application/json", &body),
            Err(_) => reply("404 Not Found", "text/plain", "no such app"),
        }
    })
}

/// Saved replies of applications, the oldest first: an id, the ids of its attempts, whether it ended.
/// In `applications`, as the server has them, with the list beside.
fn saved(applications: &[(&str, &[&str], bool)]) -> Folder {
    let folder = Folder::new();
    let fixture = repository("tests/fixtures/traces/spark-rest");
    let mut list = Vec::new();
    for (hour, (id, attempts, ended)) in (0..).zip(applications) {
        let start_ms = 1_795_923_937_822_i64 + hour * 3_600_000;
        let attempt = |attempt: Option<&&str>| {
            let mut entry = json!({ "startTimeEpoch": start_ms, "completed": ended });
            let mut place = format!("applications/{id}");
            if let Some(attempt) = attempt {
                entry["attemptId"] = json!(attempt);
                place = format!("{place}/{attempt}");
            }
            fs::create_dir_all(folder.path(&place)).expect("a folder");
            for file in ["stages", "environment", "allexecutors"] {
                let from = format!("{fixture}/{file}.json");
                fs::copy(from, folder.path(&format!("{place}/{file}.json"))).expect("copied");
            }
            entry
        };
        let attempts: Vec<Value> = match attempts {
            [] => vec![attempt(None)],
            several => several.iter().map(|id| attempt(Some(id))).collect(),
        };
        list.push(json!({ "id": id, "name": "words", "attempts": attempts }));
    }
    folder.write("applications.json", json!(list).to_string());
    folder
}

fn import(folder: &Folder, words: &str) -> Answer {
    folder.run(&format!("import history-server {words} --out made.jsonl"))
}

/// The job ids of the trace.
fn jobs(folder: &Folder) -> Vec<String> {
    let trace = folder.read("made.jsonl");
    let lines = trace.lines().skip(1);
    let id = |line: &str| {
        let record: Value = serde_json::from_str(line).expect("JSON");
        record["job"]["id"].as_str().expect("an id").to_owned()
    };
    lines.map(id).collect()
}

#[test]
fn what_is_fetched_makes_the_same_trace_as_the_saved_replies() {
    let folder = saved(&[("app-1", &[], true), ("app-2", &["1", "2"], true)]);
    let server = server_of(folder.path("."));
    let answer = import(&folder, &format!("{server} --strict"));
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert!(
        answer.stderr.contains("2 jobs, 90 tasks"),
        "{}",
        answer.stderr
    );
    let fetched = folder.read("made.jsonl");
    let source = format!("Spark history server {server}/api/v1/applications; tasks");
    assert!(fetched.contains(&source), "{fetched}");
    folder.stdout("import history-server applications applications.json --out saved.jsonl");
    let saved = folder.read("saved.jsonl");
    let content = |trace: &str| {
        let (header, jobs) = trace.split_once('\n').expect("jobs");
        let header: Value = serde_json::from_str(header).expect("JSON");
        (header["start"].clone(), jobs.to_owned())
    };
    assert_eq!(content(&fetched), content(&saved));
}

#[test]
fn the_newest_finished_applications_are_fetched() {
    let applications: [(&str, &[&str], bool); 4] = [
        ("app-1", &[], true),
        ("app-2", &[], true),
        ("app-3", &["1"], true),
        ("app-4", &[], false),
    ];
    let folder = saved(&applications);
    let server = server_of(folder.path("."));
    let answer = import(&folder, &format!("{server}/ --limit 2"));
    assert_eq!(jobs(&folder), ["app-2", "app-3"]);
    for said in [
        "left out: 1 (older applications; raise --limit)",
        "left out: 1 (applications that still run, or whose driver was killed)",
    ] {
        assert!(answer.stderr.contains(said), "{}", answer.stderr);
    }
    // The second starts at 04:45:37 on 29 November 2026.
    let span = "--since 2026-11-29T04:00:00Z --until 2026-11-29T05:00:00Z";
    import(&folder, &format!("{server} {span}"));
    assert_eq!(jobs(&folder), ["app-2"]);
    let none = import(&folder, &format!("{server} --since 2027-01-01T00:00:00Z"));
    assert_eq!(none.code, Some(1));
    let said = "none of its 4 applications started at that time; change --since and --until";
    assert!(none.stderr.contains(said), "{}", none.stderr);
}

#[test]
fn an_application_that_vanishes_is_left_out_and_named() {
    let folder = saved(&[("app-1", &[], true), ("app-2", &[], true)]);
    fs::remove_file(folder.path("applications/app-1/environment.json")).expect("removed");
    let server = server_of(folder.path("."));
    let answer = import(&folder, &server);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert_eq!(jobs(&folder), ["app-2"]);
    for said in [
        "left out: 1 (applications that cannot be used)",
        "applications/app-1/environment: answered 404",
        "the server has deleted the application",
    ] {
        assert!(answer.stderr.contains(said), "{}", answer.stderr);
    }
    fs::remove_file(folder.path("made.jsonl")).expect("removed");
    let strict = import(&folder, &format!("{server} --strict"));
    assert_eq!(strict.code, Some(1), "{}", strict.stderr);
    let said = "import the others without --strict";
    assert!(strict.stderr.contains(said), "{}", strict.stderr);
    assert!(!folder.path("made.jsonl").exists());
}

#[test]
fn the_driver_of_a_running_application_is_imported_as_incomplete() {
    let folder = saved(&[("app-1", &[], false)]);
    let server = server_of(folder.path("."));
    let answer = import(&folder, &server);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert!(answer.stderr.contains("had not ended"), "{}", answer.stderr);
    assert_eq!(import(&folder, &format!("{server} --strict")).code, Some(1));
}

#[test]
fn a_server_that_does_not_answer_as_spark_does_is_named_with_a_remedy() {
    let folder = Folder::new();
    let html = "<!DOCTYPE html><html><title>History Server</title></html>";
    let huge =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999999999\r\n\r\n[";
    for (raw, said, remedy) in [
        (
            reply("401 Unauthorized", "text/plain", ""),
            "answered 401",
            "http://USER:PASSWORD@HOST",
        ),
        (
            reply("403 Forbidden", "text/plain", ""),
            "answered 403",
            "import the folder",
        ),
        (
            reply(
                "401 Unauthorized\r\nWWW-Authenticate: Negotiate",
                "text/plain",
                "",
            ),
            "requires Kerberos",
            "`curl --negotiate --user :`",
        ),
        (
            reply("404 Not Found", "text/plain", ""),
            "answered 404",
            "(port 18080)",
        ),
        (
            reply("302 Found", "text/plain", ""),
            "answered 302",
            "give the address that this one leads to",
        ),
        (
            reply("500 Server Error", "text/plain", ""),
            "answered 500",
            "`headroom import spark`",
        ),
        (
            reply("200 OK", "text/html", html),
            "not JSON but text/html",
            "(port 18080)",
        ),
        (
            reply("200 OK", "application/json", r#"{"apps":{"app":[]}}"#),
            "not in the expected form",
            "(port 18080)",
        ),
        (
            reply("200 OK", "application/json", "[]"),
            "lists no applications",
            "spark.history.fs.logDirectory",
        ),
        (
            huge.to_owned(),
            "longer than 268435456 bytes",
            "`headroom import spark`",
        ),
    ] {
        let answer = import(&folder, &serve(move |_| raw.clone()));
        assert_eq!(answer.code, Some(1), "{said}");
        for expected in [said, remedy] {
            assert!(
                answer.stderr.contains(expected),
                "{expected}\n{}",
                answer.stderr
            );
        }
    }
    let answer = import(&folder, "history.example:18080/history");
    let said = "such as http://history.example:18080/history";
    assert!(answer.stderr.contains(said), "{}", answer.stderr);
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = nobody.local_addr().expect("bound");
    drop(nobody);
    let answer = import(&folder, &format!("http://{address}"));
    assert!(
        answer.stderr.contains("cannot be reached"),
        "{}",
        answer.stderr
    );
    assert!(!folder.path("made.jsonl").exists());
}

#[test]
fn a_server_that_stops_answering_ends_the_import() {
    let folder = saved(&[("app-1", &[], true), ("app-2", &[], true)]);
    let list = folder.read("applications.json");
    let server = serve(move |path| match path {
        "/api/v1/applications" => reply("200 OK", "application/json", &list),
        _ => reply("403 Forbidden", "text/plain", ""),
    });
    let answer = import(&folder, &server);
    assert_eq!(answer.code, Some(1), "{}", answer.stderr);
    assert!(
        answer.stderr.contains("app-2/stages: answered 403"),
        "{}",
        answer.stderr
    );
    assert!(!folder.path("made.jsonl").exists());
}
