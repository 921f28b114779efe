use super::*;
use crate::daemon::sources::error::SourceError;
use crate::daemon::telemetry::report::testing::{Rig, policy};
use crate::daemon::telemetry::report::{Source, SourceReport};
use crate::decision::{Outcome, Rejection};

pub fn monitor() -> (Monitor, Rig) {
    let clock = Clock::real();
    let identity = Identity {
        cluster_id: "j-1".to_owned(),
        policy_file: "book.yaml".to_owned(),
        dry_run: false,
    };
    let rig = Rig::new(clock.now() - Duration::from_secs(30));
    (Monitor::new(identity, &policy(), clock), rig)
}

#[test]
fn a_loop_is_stuck_after_five_polls_without_a_tick_but_never_within_seconds() {
    for (silence_s, poll_s, stuck) in [
        (150, 30, false),
        (151, 30, true),
        (15, 1, false),
        (16, 1, true),
    ] {
        let problems = unhealthy(Duration::from_secs(silence_s), Duration::from_secs(poll_s));
        assert_eq!(
            !problems.is_empty(),
            stuck,
            "{silence_s} s at polls of {poll_s} s: {problems:?}"
        );
    }
    assert_eq!(
        unhealthy(Duration::from_secs(151), Duration::from_secs(30)),
        ["no tick has started for 2m 31s; see the daemon's log"]
    );
}

#[test]
fn it_is_ready_once_everything_that_the_policy_needs_is_fresh() {
    assert_eq!(unready(None, None), ["no tick has completed yet"]);
    let mut report = Rig::new(Timestamp::EPOCH).tick();
    let now = report.observation.at + Duration::from_secs(10);
    let problems = |report: &TickReport| {
        let mut tick = TickStatus::new(report, &policy(), &[None]);
        tick.age(now);
        unready(Some(&tick), None)
    };
    assert_eq!(problems(&report), Vec::<String>::new());

    let source = |report: &mut TickReport, source: Source, age_s: u64| {
        let found = report
            .sources
            .iter_mut()
            .find(|report| report.source == source)
            .expect("a source");
        found.measured_at = Some(now - Duration::from_secs(age_s));
        found.error = Some(SourceError::Throttled {
            operation: "metrics",
        });
    };
    source(&mut report, Source::YarnLoad, 91);
    source(&mut report, Source::CloudWatch, 90);
    report.sources.push(SourceReport {
        source: Source::Hdfs,
        measured_at: None,
        ..report.sources[0].clone()
    });
    let expected = ["yarn_load: data is stale, 1m 31s old: metrics is throttled by AWS"];
    assert_eq!(problems(&report), expected, "no rule needs HDFS here");
}

#[test]
fn a_tick_that_was_broken_off_is_told_until_one_succeeds() {
    let (monitor, mut rig) = monitor();
    monitor.tick_ended(&rig.tick());
    monitor.tick_failed("the journal cannot be written: no space left");
    assert_eq!(
        monitor.status().unready,
        ["the journal cannot be written: no space left"]
    );
    monitor.tick_ended(&rig.tick());
    assert_eq!(
        (monitor.status().unready, monitor.status().failure),
        (Vec::new(), None)
    );
}

#[test]
fn equal_decisions_are_one_stretch_and_each_resize_is_its_own() {
    let (monitor, mut rig) = monitor();
    rig.outcome = Outcome::Rejected(Rejection::AccessDenied);
    for _ in 0..4 {
        monitor.tick_ended(&rig.tick());
    }
    rig.queue = Some(500.0);
    for _ in 0..12 {
        monitor.tick_ended(&rig.tick());
    }
    let status = monitor.status();
    let stretches: Vec<(u64, &str)> = status
        .recent
        .iter()
        .map(|stretch| (stretch.ticks, stretch.words.as_str()))
        .collect();
    let resizes: Vec<&&str> = stretches
        .iter()
        .filter(|(_, words)| words.starts_with("Scaling out"))
        .map(|(_, words)| words)
        .collect();
    assert!(
        !resizes.is_empty() && stretches.iter().any(|(ticks, _)| *ticks > 5),
        "{stretches:?}"
    );
    assert!(
        resizes.iter().all(|words| **words
            == "Scaling out from 4 to 9: rule memory-short; rejected by EMR (access denied)"),
        "{stretches:?}"
    );
    let last = status
        .tick
        .as_ref()
        .and_then(|tick| tick.targets[0].last_resize.as_ref())
        .expect("a resize");
    assert_eq!(
        last.answer.as_ref().map(|answer| answer.outcome),
        Some(rig.outcome)
    );
}

#[test]
fn what_is_remembered_is_bounded() {
    let (monitor, mut rig) = monitor();
    for size in 0..200 {
        rig.scene.groups[0].requested = crate::units::Instances(size % 7);
        monitor.tick_ended(&rig.tick());
    }
    assert_eq!(monitor.status().recent.len(), RECENT);
}
