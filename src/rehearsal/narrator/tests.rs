use super::*;
use crate::daemon::sources::error::SourceError;
use crate::daemon::telemetry::report::testing::{Rig, policy};
use crate::decision::Rejection;
use crate::units::Mebibytes;

/// The narrator's lines for the ticks of a rig.
struct Told {
    rig: Rig,
    narrator: Narrator,
    pending: u64,
}

impl Told {
    fn new() -> Self {
        Self {
            rig: Rig::new(Timestamp::EPOCH),
            narrator: Narrator::new(&policy()),
            pending: 0,
        }
    }

    fn report(&mut self) -> TickReport {
        let mut report = self.rig.tick();
        if let Some(yarn) = report.observation.yarn.as_mut() {
            yarn.value.containers_pending = self.pending;
            yarn.value.memory_pending = Mebibytes(2_048 * self.pending);
        }
        report
    }

    fn tick(&mut self) -> Vec<String> {
        let report = self.report();
        self.tell(&report)
    }

    fn tell(&mut self, report: &TickReport) -> Vec<String> {
        let lines = self.narrator.lines(report);
        lines
            .into_iter()
            .flat_map(|line| std::iter::once(line.text).chain(line.detail))
            .collect()
    }

    /// The lines of a number of ticks.
    fn ticks(&mut self, count: usize) -> Vec<String> {
        (0..count).flat_map(|_| self.tick()).collect()
    }
}

#[test]
fn a_quiet_cluster_is_not_worth_a_line() {
    assert_eq!(Told::new().ticks(40), [""; 0]);
}

#[test]
fn a_resize_is_told_with_its_rule_and_the_values_that_the_rule_saw() {
    let mut told = Told::new();
    told.rig.scene.available_percent = Some(10.0);
    assert_eq!(
        told.ticks(11),
        [
            "ig-task: scale out from 4 to 9",
            "memory-short: yarn_memory_available_percent < 15 or queue > 100 for 5m (yarn_memory_available_percent is 10, queue is 0)"
        ]
    );
}

#[test]
fn a_refusal_is_told_in_emr_s_words() {
    let mut told = Told::new();
    told.rig.scene.available_percent = Some(10.0);
    told.rig.outcome = Outcome::Rejected(Rejection::Throttled);
    for _ in 0..20 {
        let mut report = told.report();
        for answer in &mut report.answers {
            answer.message = Some("Rate exceeded".into());
        }
        if let Some(line) = told.tell(&report).first() {
            assert_eq!(
                line,
                "ig-task: scale out from 4 to 9, refused: throttled Rate exceeded"
            );
            return;
        }
    }
    panic!("no line");
}

#[test]
fn nodes_that_come_and_go_are_counted() {
    let mut told = Told::new();
    let mut stand = |requested, running| {
        let group = &mut told.rig.scene.groups[0];
        (group.requested, group.running) = (Instances(requested), Instances(running));
        told.tick()
            .into_iter()
            .filter(|line| line.starts_with("ig-task: ") && line.contains("run"))
            .collect::<Vec<_>>()
    };
    assert_eq!(stand(9, 4), [""; 0]);
    assert_eq!(stand(9, 5), ["ig-task: 1 node joined, 5 of 9 running"]);
    assert_eq!(stand(9, 9), ["ig-task: 4 nodes joined, 9 running"]);
    assert_eq!(stand(9, 8), ["ig-task: 1 node left, 8 of 9 running"]);
}

#[test]
fn waiting_is_told_once_when_it_lasts_and_once_when_it_ends() {
    let mut told = Told::new();
    told.pending = 3;
    assert_eq!(told.ticks(3), [""; 0]);
    told.pending = 0;
    assert_eq!(told.tick(), [""; 0], "it was over soon");
    told.pending = 3;
    assert_eq!(told.ticks(20), ["3 containers are pending, 6 GiB in all"]);
    told.pending = 0;
    assert_eq!(
        told.ticks(2),
        ["no container is pending any more, after 10m"]
    );
}

#[test]
fn a_source_that_fails_twice_in_a_row_is_told_and_so_is_its_return() {
    let mut told = Told::new();
    let mut with_failure = |fails: bool| {
        let mut report = told.report();
        report.sources[0].error = fails.then_some(SourceError::Throttled {
            operation: "metrics",
        });
        told.tell(&report)
    };
    assert_eq!(with_failure(true), [""; 0]);
    assert_eq!(with_failure(false), [""; 0], "a moment");
    assert_eq!(with_failure(true), [""; 0]);
    assert_eq!(
        with_failure(true),
        ["yarn_load cannot be read", "metrics is throttled by AWS"]
    );
    assert_eq!(with_failure(true), [""; 0]);
    assert_eq!(with_failure(false), ["yarn_load can be read again"]);
}

#[test]
fn a_hold_that_one_would_wonder_about_is_told_once() {
    let mut told = Told::new();
    told.rig.scene.groups[0].requested = Instances(20);
    told.rig.scene.groups[0].running = Instances(20);
    told.rig.scene.available_percent = Some(5.0);
    assert_eq!(
        told.ticks(30),
        ["ig-task: stays at 20", "already at the maximum of 20"]
    );
}

#[test]
fn the_date_comes_before_the_first_line_of_a_new_day() {
    let mut told = Told::new();
    told.pending = 1;
    assert_eq!(told.ticks(10).len(), 1);
    told.rig.scene.at = Timestamp::EPOCH + Duration::from_secs(2 * 86_400);
    told.pending = 0;
    assert_eq!(
        told.tick(),
        [
            "--- 1970-01-03",
            "no container is pending any more, after 2d"
        ]
    );
}

#[test]
fn the_picture_is_one_short_line() {
    let mut told = Told::new();
    told.pending = 1_234;
    told.rig.scene.groups[0].requested = Instances(20);
    told.rig.scene.available_percent = Some(0.0);
    let mut report = told.report();
    if let Some(yarn) = report.observation.yarn.as_mut() {
        yarn.value.nodes.active = 4;
    }
    let picture = Picture::of(&report).expect("YARN is known");
    assert_eq!(
        (picture.used_percent, picture.text.as_str()),
        (
            100,
            "100% of  4 nodes  ig-task 4 -> 20  1234 pending  1.50 USD/h"
        )
    );
    report.observation.yarn = None;
    assert_eq!(Picture::of(&report), None);
}
