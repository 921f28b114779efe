use super::*;
use crate::daemon::sources::error::SourceError;
use crate::daemon::telemetry::report::testing::{Rig, policy};
use crate::daemon::telemetry::report::{ShadowReport, Source};
use crate::decision::Rejection;
use crate::engine::testing::core_group;
use crate::observation::{GroupId, InstanceId, NodeHealth, NodeLoad, NodeSnapshot, Pause};

const START: Timestamp = Timestamp::from_millis(1_772_438_400_000);

fn metrics() -> Metrics {
    Metrics::new("j-1", &policy(), "book.yaml", false, START)
}

/// The value of a series, which is written without the label of the cluster.
fn value(text: &str, series: &str) -> Option<f64> {
    let without_cluster = text
        .replace(",cluster_id=\"j-1\"}", "}")
        .replace("{cluster_id=\"j-1\"}", "");
    let line = without_cluster.lines().find_map(|line| {
        line.strip_prefix(series)?
            .strip_prefix(' ')
            .map(str::to_owned)
    })?;
    line.parse().ok()
}

fn after(metrics: &mut Metrics, report: &TickReport) -> String {
    metrics.tick(report);
    metrics.render(report.observation.at).expect("encodes")
}

/// The metrics after a tick at which memory is short.
fn after_a_tick() -> String {
    let mut rig = Rig::new(START);
    rig.scene.available_percent = Some(10.0);
    after(&mut metrics(), &rig.tick())
}

fn assert_values(text: &str, expected: &[(&str, f64)]) {
    for (series, expected) in expected {
        assert_eq!(value(text, series), Some(*expected), "{series} in\n{text}");
    }
}

#[test]
fn signals_and_rules_are_shown_in_base_units_as_the_engine_saw_them() {
    assert_values(
        &after_a_tick(),
        &[
            (
                "headroom_signal{signal=\"yarn_memory_available_percent\"}",
                10.0,
            ),
            ("headroom_signal{signal=\"queue\"}", 0.0),
            (
                "headroom_yarn_memory_bytes{state=\"total\"}",
                4_000.0 * 1_048_576.0,
            ),
            (
                "headroom_rule_threshold{comparison=\"<\",group=\"ig-task\",rule=\"memory-short\",signal=\"yarn_memory_available_percent\"}",
                15.0,
            ),
            (
                "headroom_rule_threshold{comparison=\">\",group=\"ig-task\",rule=\"memory-idle\",signal=\"avg(yarn_memory_available_percent, 1m)\"}",
                75.0,
            ),
            (
                "headroom_rule_pending_since_timestamp_seconds{group=\"ig-task\",rule=\"memory-short\"}",
                1_772_438_430.0,
            ),
            (
                "headroom_rule_for_seconds{group=\"ig-task\",rule=\"memory-short\"}",
                300.0,
            ),
            (
                "headroom_rule_state{group=\"ig-task\",rule=\"memory-short\",state=\"pending\"}",
                1.0,
            ),
        ],
    );
}

#[test]
fn groups_decisions_and_the_daemon_are_shown_in_base_units() {
    let text = after_a_tick();
    assert_values(
        &text,
        &[
            ("headroom_group_instances_requested{group=\"ig-task\"}", 4.0),
            ("headroom_group_instances_max{group=\"ig-task\"}", 20.0),
            (
                "headroom_decisions_total{action=\"hold\",group=\"ig-task\",reason=\"missing_signal\"}",
                1.0,
            ),
            (
                "headroom_decisions_total{action=\"grow\",group=\"ig-task\",reason=\"rule\"}",
                0.0,
            ),
            (
                "headroom_api_calls_total{operation=\"metrics\",result=\"ok\"}",
                1.0,
            ),
            (
                "headroom_api_call_duration_seconds_sum{operation=\"metrics\"}",
                0.007,
            ),
            (
                "headroom_tick_duration_seconds_count{phase=\"observe\"}",
                1.0,
            ),
            ("headroom_last_tick_timestamp_seconds", 1_772_438_430.0),
            ("headroom_cost_usd_per_hour", 1.5),
            ("headroom_cost_usd_total", 0.25),
            ("headroom_journal_bytes", 4_096.0),
            ("headroom_leader", 1.0),
            ("headroom_paused{direction=\"in\"}", 0.0),
            ("headroom_dry_run", 0.0),
        ],
    );
    assert!(
        value(&text, "process_resident_memory_bytes").is_some_and(|bytes| bytes > 1e6),
        "{text}"
    );
}

#[test]
fn what_is_no_longer_known_is_absent_and_not_frozen() {
    let mut rig = Rig::new(START);
    let mut metrics = metrics();
    rig.scene.groups.push(core_group(2));
    let text = after(&mut metrics, &rig.tick());
    assert!(
        text.contains("headroom_signal{signal=\"yarn_memory_available_percent\"")
            && text.contains("yarn_memory_bytes{")
    );
    assert!(
        text.contains("headroom_signal{signal=\"queue\"")
            && text.contains("group=\"ig-core\"")
            && text.contains("headroom_cost_usd_per_hour{")
    );

    (rig.scene.available_percent, rig.queue) = (None, None);
    rig.scene.groups.pop();
    let mut report = rig.tick();
    report.cost.usd_per_hour = None;
    let text = after(&mut metrics, &report);
    for gone in [
        "headroom_signal{signal=\"yarn_memory",
        "yarn_memory_bytes{",
        "headroom_signal{signal=\"queue\"",
        "group=\"ig-core\"",
        "cost_usd_per_hour{",
    ] {
        assert!(!text.contains(gone), "{gone} in\n{text}");
    }
    assert_eq!(
        value(
            &text,
            "headroom_rule_state{group=\"ig-task\",rule=\"memory-short\",state=\"unknown\"}"
        ),
        Some(1.0)
    );
}

#[test]
fn a_value_that_the_engine_takes_for_stale_is_absent() {
    let mut rig = Rig::new(START);
    let mut report = rig.tick();
    let old = report.observation.at - Duration::from_secs(91);
    report
        .observation
        .yarn
        .iter_mut()
        .for_each(|yarn| yarn.measured_at = old);
    let text = after(&mut metrics(), &report);
    assert!(
        !text.contains("headroom_signal{signal=\"yarn") && !text.contains("yarn_memory_bytes{"),
        "{text}"
    );
}

#[test]
fn counters_of_a_group_that_is_gone_go_with_it_and_others_stay() {
    let mut rig = Rig::new(START);
    let mut metrics = metrics();
    let mut report = rig.tick();
    report.shadows.push(ShadowReport {
        policy: "bold".to_owned(),
        decisions: report.decisions.clone(),
    });
    let text = after(&mut metrics, &report);
    assert!(
        text.contains(
            "headroom_shadow_decisions_total{action=\"hold\",group=\"ig-task\",policy=\"bold\""
        ),
        "{text}"
    );
    rig.scene.groups.clear();
    let text = after(&mut metrics, &rig.tick());
    assert!(!text.contains("group=\"ig-task\""), "{text}");
    let series = "headroom_decisions_total{action=\"hold\",group=\"\",reason=\"target_not_found\"}";
    assert_eq!(value(&text, series), Some(1.0), "{text}");
    assert_eq!(
        value(&text, "headroom_ticks_total{result=\"ok\"}"),
        Some(2.0)
    );
}

#[test]
fn resizes_are_counted_by_what_became_of_them() {
    let mut rig = Rig::new(START);
    (rig.queue, rig.outcome) = (Some(500.0), Outcome::Rejected(Rejection::AccessDenied));
    let mut metrics = metrics();
    let text = (0..=10)
        .map(|_| after(&mut metrics, &rig.tick()))
        .last()
        .unwrap_or_default();
    let resizes = |outcome: &str| {
        value(
            &text,
            &format!(
                "headroom_resizes_total{{action=\"grow\",group=\"ig-task\",outcome=\"{outcome}\"}}"
            ),
        )
    };
    assert_eq!(
        (resizes("access_denied"), resizes("accepted")),
        (Some(1.0), Some(0.0)),
        "{text}"
    );
    assert_eq!(
        value(
            &text,
            "headroom_decisions_total{action=\"grow\",group=\"ig-task\",reason=\"rule\"}"
        ),
        Some(1.0)
    );
}

#[test]
fn data_ages_between_ticks() {
    let (mut metrics, mut report) = (metrics(), Rig::new(START).tick());
    let emr = report
        .sources
        .iter_mut()
        .find(|report| report.source == Source::Emr)
        .expect("a source");
    emr.error = Some(SourceError::Throttled {
        operation: "DescribeCluster",
    });
    metrics.tick(&report);
    let text = metrics
        .render(report.observation.at + Duration::from_secs(40))
        .expect("encodes");
    assert_eq!(
        value(&text, "headroom_data_age_seconds{source=\"emr\"}"),
        Some(40.0)
    );
    assert_eq!(
        value(&text, "headroom_data_allowance_seconds{source=\"emr\"}"),
        Some(90.0)
    );
    assert_eq!(
        value(&text, "headroom_source_up{source=\"emr\"}"),
        Some(0.0)
    );
    assert_eq!(
        value(
            &text,
            "headroom_source_errors_total{error=\"throttled\",source=\"emr\"}"
        ),
        Some(1.0)
    );
}

#[test]
fn a_pause_of_one_direction_shows_until_it_ends() {
    let mut report = Rig::new(START).tick();
    let at = report.observation.at;
    for (until, expected) in [(at + Duration::from_secs(1), 1.0), (at, 0.0)] {
        report.observation.control.pause = Some(Pause {
            until,
            direction: Some(Direction::In),
        });
        let text = after(&mut metrics(), &report);
        assert_eq!(
            value(&text, "headroom_paused{direction=\"in\"}"),
            Some(expected)
        );
        assert_eq!(
            value(&text, "headroom_paused{direction=\"out\"}"),
            Some(0.0)
        );
    }
}

#[test]
fn the_documentation_lists_every_metric_and_no_other() {
    let documentation = include_str!("../../../../docs/metrics.md");
    let documented: Vec<&str> = documentation
        .lines()
        .filter(|line| line.starts_with("| `headroom_") || line.starts_with("| `process_"))
        .collect();
    let rows: Vec<String> = Families::ALL
        .iter()
        .map(
            |Family {
                 name,
                 kind,
                 labels,
                 help,
             }| {
                let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
                format!("| `{name}` | {kind} | {} | {help} |", labels.join(", "))
            },
        )
        .collect();
    assert_eq!(
        documented,
        rows,
        "docs/metrics.md should have these rows:\n{}",
        rows.join("\n")
    );
}

#[test]
fn nodes_are_counted_by_how_yarn_uses_them_and_absent_while_that_is_not_known() {
    let (mut metrics, mut report) = (metrics(), Rig::new(START).tick());
    let series = "headroom_nodes{state=\"unhealthy\"}";
    assert_eq!(value(&after(&mut metrics, &report), series), None);
    report.observation.nodes = Some(Sampled {
        value: NodeSnapshot(vec![NodeLoad {
            instance: InstanceId::new("i-1"),
            group: GroupId::new("ig-task"),
            containers: 0,
            has_application_master: false,
            draining: false,
            idle_since: None,
            health: NodeHealth::Unhealthy,
        }]),
        measured_at: report.observation.at,
    });
    let text = after(&mut metrics, &report);
    assert_values(
        &text,
        &[(series, 1.0), ("headroom_nodes{state=\"usable\"}", 0.0)],
    );
}
