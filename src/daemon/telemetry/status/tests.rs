use std::time::Duration;

use super::*;
use crate::daemon::sources::error::SourceError;
use crate::daemon::telemetry::report::testing::{Rig, demand, policy};
use crate::daemon::telemetry::report::{ShadowReport, TickReport};
use crate::decision::{Cause, HoldReason, Limiter, Outcome, Rejection, Resize};
use crate::observation::{GroupState, InstanceId, NodeHealth, NodeLoad, NodeSnapshot, Sampled};
use crate::policy::parse::parse;

const START: Timestamp = Timestamp::from_millis(1_772_438_400_000);

fn status(report: &TickReport, last_resize: Option<PastResize>) -> Status {
    let mut tick = TickStatus::new(report, &policy(), &[last_resize]);
    let now = report.observation.at + Duration::from_secs(12);
    tick.age(now);
    let words = tick.targets[0].words.clone();
    let (from, to) = (START, report.observation.at);
    Status {
        version: "0.1.0".to_owned(),
        cluster_id: "j-1".to_owned(),
        policy: PolicyStatus {
            name: "by-the-book".to_owned(),
            file: "book.yaml".to_owned(),
            poll_s: 30.0,
        },
        dry_run: false,
        started_at: START,
        now,
        unhealthy: Vec::new(),
        unready: Vec::new(),
        tick: Some(tick),
        failure: None,
        recent: vec![Stretch {
            target: 0,
            group: Some(GroupId::new("ig-task")),
            from,
            to,
            ticks: 9,
            is_resize: false,
            words,
        }],
    }
}

#[test]
fn a_terminal_shows_the_state_in_words_first() {
    let mut rig = Rig::new(START);
    rig.scene.available_percent = Some(10.0);
    let (mut report, mut resized) = (rig.tick(), None);
    for _ in 0..14 {
        report = rig.tick();
        if let Action::Resize(_) = &report.decisions[0].action {
            let words = words::decision(&report.decisions[0], report.answers.first());
            resized = Some(PastResize {
                decision: report.decisions[0].clone(),
                answer: report.answers.first().cloned(),
                words,
            });
        }
    }
    report.shadows.push(ShadowReport {
        policy: "bold".to_owned(),
        decisions: report.decisions.clone(),
    });
    report.sources[1].error = Some(SourceError::Throttled {
        operation: "DescribeCluster",
    });
    report.sources[2].measured_at = None;
    let mut status = status(&report, resized);
    status.unready = vec!["cloudwatch: no data yet".to_owned()];
    insta::assert_snapshot!(text::text(&status));
}

#[test]
fn a_target_that_follows_demand_shows_the_numbers_of_it() {
    let mut report = Rig::new(START).tick();
    report.decisions[0].demand = Some(Box::new(demand()));
    let shown = text::text(&status(&report, None));
    let demand: Vec<&str> = shown
        .lines()
        .skip_while(|line| !line.starts_with("  demand"))
        .take_while(|line| !line.is_empty())
        .collect();
    insta::assert_snapshot!(demand.join("\n"), @r"
    demand  pending 310.0 GiB
            190.0 GiB of it will start within 40s as running containers finish
            120.0 GiB remain = 10.0 units in turns
            100% of these and of 4.0 in use are needed
            needed 14, expected from earlier days 9, in use or worth keeping 4, of which 2 in other groups
            an idle unit is kept for 15m
            new units take 6m 40s
    ");
}

#[test]
fn a_status_survives_being_written_and_read() {
    let status = status(&Rig::new(START).tick(), None);
    let json = serde_json::to_string(&status).expect("serialises");
    assert_eq!(
        serde_json::from_str::<Status>(&json).expect("parses"),
        status
    );
}

#[test]
fn every_outcome_of_a_resize_reads_as_a_sentence() {
    let resize = Resize {
        from: Instances(4),
        to: Instances(9),
        because: Cause::Rule(RuleName::new("memory-short")),
        desired: Instances(14),
        limited_by: Some(Limiter::Step),
        percent_cap: None,
        protect: Vec::new(),
        prefer: Vec::new(),
        application_masters_at_risk: 0,
        nodes_unknown: false,
    };
    let mut decision = Rig::new(START).tick().decisions.remove(0);
    decision.action = Action::Resize(resize);
    let group = GroupId::new("ig-task");
    for (outcome, message, expected) in [
        (Outcome::Accepted, None, "accepted by EMR"),
        (Outcome::NotSent, None, "not sent (dry run)"),
        (
            Outcome::Rejected(Rejection::AccessDenied),
            Some("not authorized"),
            "rejected by EMR (access denied): not authorized",
        ),
        (
            Outcome::Unknown,
            None,
            "no answer from EMR; the next tick shows whether it took effect",
        ),
    ] {
        let answer = ResizeAnswer {
            group: group.clone(),
            outcome,
            message: message.map(str::to_owned),
        };
        let expected = format!(
            "Scaling out from 4 to 9: rule memory-short (desired 14, limited by the step cap); {expected}"
        );
        assert_eq!(words::decision(&decision, Some(&answer)), expected);
    }
    decision.action = Action::Hold(HoldReason::NoRuleFiring);
    assert_eq!(
        words::decision(&decision, None),
        "Held at 4: no rule is firing"
    );
    assert_eq!(
        words::shadow(&decision),
        "would hold at 4: no rule is firing"
    );
}

#[test]
fn a_core_group_that_is_scaled_needs_hdfs_and_a_task_group_does_not() {
    let mut rig = Rig::new(START);
    let report = rig.tick();
    let mut groups = report.observation.cluster.value.groups.clone();
    let required = |groups: &[GroupStatus]| required_sources(&policy(), &report.decisions, groups);
    assert_eq!(
        required(&groups),
        BTreeSet::from([
            Source::YarnLoad,
            Source::YarnNodes,
            Source::Emr,
            Source::CloudWatch
        ])
    );
    groups[0].role = Role::Core;
    assert!(required(&groups).contains(&Source::Hdfs));
}

#[test]
fn a_source_that_holds_a_scale_in_is_not_called_unneeded() {
    let mut report = Rig::new(START).tick();
    report.decisions[0].action = Action::Hold(HoldReason::missing("nodes"));
    report.sources.push(SourceReport {
        source: Source::YarnNodes,
        measured_at: None,
        allowance: Duration::from_secs(90),
        error: None,
    });
    let status = status(&report, None);
    let nodes = status.tick.as_ref().and_then(|tick| tick.sources.last());
    assert_eq!(nodes.map(SourceStatus::freshness), Some(Freshness::Stale));
}

#[test]
fn demand_needs_the_load_though_it_has_no_rules() {
    let demand = parse("name: d\ndemand: { min: 0, max: 9 }\n", "d.yaml").expect("a policy");
    assert!(required_sources(&demand, &[], &[]).contains(&Source::YarnLoad));
}

#[test]
fn a_group_that_demand_may_scale_and_the_cluster_does_not_have_is_no_trouble() {
    let demand = parse("name: d\ndemand: { min: 0, max: 9 }\n", "d.yaml").expect("a policy");
    let said = |matches| {
        let mut decision = Rig::new(START).tick().decisions.remove(0);
        decision.group = None;
        decision.action = Action::Hold(HoldReason::TargetNotFound { matches });
        (
            words::of_target(&demand.targets()[0], &decision, None),
            words::of_target(&policy().targets()[0], &decision, None),
        )
    };
    let (without_targets, with_target) = said(0);
    assert_eq!(
        without_targets,
        "Nothing to scale: the cluster has no such group"
    );
    assert_eq!(
        with_target,
        "Held: no group of the cluster matches the target"
    );
    let (without_targets, with_target) = said(2);
    assert!(without_targets.ends_with("list the groups to scale under `targets`"));
    assert!(with_target.ends_with("under `targets`, name one by `id` or `name`"));
}

#[test]
fn a_suspended_group_and_instances_that_yarn_does_not_use_are_said_with_what_to_do() {
    let mut report = Rig::new(START).tick();
    let group = &mut report.observation.cluster.value.groups[0];
    group.state = GroupState::Suspended;
    group.state_reason = Some("Bootstrap failure".into());
    report.observation.nodes = Some(Sampled {
        value: NodeSnapshot(vec![NodeLoad {
            instance: InstanceId::new("i-1"),
            group: GroupId::new("ig-task"),
            containers: 0,
            has_application_master: false,
            draining: false,
            idle_since: None,
            health: NodeHealth::NotListed,
        }]),
        measured_at: report.observation.at,
    });
    let status = status(&report, None);
    let shown = text::text(&status);
    for expected in [
        "PROBLEM: EMR suspended the group",
        "(EMR: \"Bootstrap failure\")",
        "check the instance limits",
        "Nodes: EMR runs 1 besides the primary, and YARN uses 0 (1 not listed)\n",
        "  not listed by YARN: i-1 (ig-task)\n",
    ] {
        assert!(shown.contains(expected), "{expected} in\n{shown}");
    }
    let json = serde_json::to_value(&status).expect("serialises");
    assert_eq!(json["tick"]["nodes"]["unavailable"][0]["instance"], "i-1");
}
