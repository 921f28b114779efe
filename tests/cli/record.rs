//! `headroom record`, against a CloudWatch on loopback.

use headroom::daemon::clock::Clock;

use super::Folder;
use super::fake_cloudwatch::{FakeCloudWatch, Fault};

const DAY_S: i64 = 86_400;

/// A day of the cluster `j-1` up to now: busy in the first quarter of every hour.
fn cloudwatch() -> FakeCloudWatch {
    let fake = FakeCloudWatch::start();
    let now_s = Clock::real().now().as_millis() / 1_000;
    for at_s in (now_s / 300 * 300 - DAY_S..now_s).step_by(300) {
        let busy = f64::from(u8::from(at_s % 3_600 < 900));
        for (metric, value) in [
            ("MemoryTotalMB", 24_576.0),
            ("MemoryAvailableMB", 24_576.0 * (1.0 - busy)),
            ("MemoryAllocatedMB", 24_576.0 * busy),
            ("ContainerAllocated", 12.0 * busy),
            ("ContainerPending", 36.0 * busy),
            ("AppsRunning", 2.0 * busy),
            ("AppsPending", 0.0),
            ("CoreNodesRunning", 2.0),
        ] {
            fake.put(
                "AWS/ElasticMapReduce",
                metric,
                ("JobFlowId", "j-1"),
                at_s,
                value,
            );
        }
    }
    fake
}

fn record(folder: &Folder, fake: &FakeCloudWatch, words: &str) -> super::Answer {
    let mut command = folder.command(&format!("record cloudwatch {words}"));
    command
        .env("AWS_ENDPOINT_URL_CLOUDWATCH", fake.url())
        .env("AWS_ACCESS_KEY_ID", "id")
        .env("AWS_SECRET_ACCESS_KEY", "secret");
    command
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("HOME", folder.path("."));
    for name in ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"] {
        command.env_remove(name);
    }
    super::Answer::of(command.output().expect("starts"))
}

#[test]
fn a_fortnight_that_was_never_watched_can_be_simulated() {
    let (folder, fake) = (Folder::new(), cloudwatch());
    let answer = record(
        &folder,
        &fake,
        "--cluster-id j-1 --from 1d --out history.trace.zst --region eu-central-1",
    );
    assert_eq!(
        (answer.code, answer.stdout.as_str()),
        (Some(0), ""),
        "{}",
        answer.stderr
    );
    assert!(
        answer.stderr.starts_with("history.trace.zst: 28"),
        "{}",
        answer.stderr
    );
    assert!(
        answer.stderr.contains(", one every 5m\n"),
        "{}",
        answer.stderr
    );

    let info = folder.stdout("trace info history.trace.zst");
    let unwrapped = info.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        unwrapped.contains("means of 5m. Estimated: pending memory (pending containers times"),
        "{info}"
    );
    let simulated =
        folder.run("simulate history.trace.zst --scenario small.yaml --policy mine.yaml");
    assert_eq!(simulated.code, Some(0), "{}", simulated.stderr);
    assert!(
        simulated
            .stderr
            .contains("does not count vcores throughout"),
        "{}",
        simulated.stderr
    );
    assert!(
        simulated
            .stdout
            .contains("history (containers of 2m): recorded trace."),
        "{}",
        simulated.stdout
    );
}

#[test]
fn an_interrupted_recording_says_so_and_is_continued() {
    let (folder, fake) = (Folder::new(), cloudwatch());
    fake.fail_after(1, &[Fault::Refusal(400, "AccessDeniedException")]);
    let words = "--cluster-id j-1 --from 2d --out history.trace --region eu-central-1";
    let answer = record(&folder, &fake, words);
    assert_eq!(answer.code, Some(1));
    assert_eq!(
        answer.stderr,
        "error: 1 of 2 parts are in history.trace.partial; run the same command again to continue: \
         GetMetricData is not allowed; grant `cloudwatch:GetMetricData` to the role of this machine\n"
    );
    let answer = record(&folder, &fake, words);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let note = "note: continuing an interrupted recording; 1 of 2 parts are done\nhistory.trace: ";
    assert!(answer.stderr.starts_with(note), "{}", answer.stderr);
}

#[test]
fn what_cannot_be_recorded_is_refused_with_a_remedy() {
    let (folder, fake) = (Folder::new(), FakeCloudWatch::start());
    for (words, code, expected) in [
        (
            "--from 1d",
            1,
            "error: no AWS region is set; name one with --region, or set AWS_REGION\n",
        ),
        (
            "--from yesterday",
            2,
            "\"yesterday\" is not a time; write a day (2026-11-01, in UTC)",
        ),
        (
            "--from 500d --region eu-central-1",
            1,
            "error: CloudWatch keeps points for 455 days; ",
        ),
        (
            "--from 1d --to 2d --region eu-central-1",
            1,
            "there is no time, as far as it has passed; --from must be earlier",
        ),
        (
            "--from 1d --region eu-central-1",
            1,
            "no cluster has had metrics there in the last two weeks; check the region\n",
        ),
    ] {
        let before = folder.content();
        let answer = record(
            &folder,
            &fake,
            &format!("--cluster-id j-1 --out history.trace {words}"),
        );
        assert_eq!(
            (answer.code, answer.stderr.contains(expected)),
            (Some(code), true),
            "{words}: {}",
            answer.stderr
        );
        assert_eq!(folder.content(), before, "{words}");
    }
}
