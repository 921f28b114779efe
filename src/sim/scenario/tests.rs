use std::path::Path;

use super::*;

fn parse(text: &str) -> Result<Scenario, ScenarioError> {
    Scenario::parse(text, Path::new("scenario.yaml"))
}

fn refused(text: &str) -> String {
    let error = parse(text).expect_err("refused");
    let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| {
        error.source()
    });
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

const GROUPS: &str = "cluster:\n  groups:\n    - { name: core, role: core, type: m5.xlarge, market: on-demand, count: 2 }\n";

#[test]
fn a_scenario_of_groups_only_has_the_documented_defaults() {
    let scenario = parse(GROUPS).expect("a scenario");
    let default = Scenario::default();
    assert_eq!(scenario.groups, [default.groups[0].clone()]);
    assert_eq!(scenario.provisioning, default.provisioning);
    assert_eq!(
        (scenario.spot, scenario.metrics, scenario.hdfs),
        (default.spot, default.metrics, default.hdfs)
    );
    assert_eq!(scenario.yarn, YarnDelays::default());
    assert_eq!(
        (scenario.slo_wait, scenario.decommission_timeout),
        (None, Duration::from_secs(3_600))
    );
}

#[test]
fn every_field_is_read() {
    let text = "
name: office-day
description: a day
cluster:
  groups:
    - { name: core, role: core, type: m5.xlarge, market: on-demand, count: 2 }
    - { name: workers, role: task, kind: fleet, type: x9.huge, market: spot, count: 1, limits: { min: 1, max: 9 },
        node: { memory_mib: 1000, vcores: 3 }, price: { ec2_usd_h: 0.5 } }
poll: 1m
scheduler: fair
yarn: { application_start: 6s, container_overhead: 1.5s, heartbeat: 1s }
provisioning: { median: 6m, p95: 9m, failure_percent: 2.5 }
decommission_timeout: 30m
spot: { interruptions_per_hour: 0.25, notice: 90s }
metrics: { delay: 45s, loss_percent: 1 }
hdfs: { used_gib: 100, capacity_gib_per_node: 50, replication: 3 }
slo: { wait: 2m }
";
    let scenario = parse(text).expect("a scenario");
    let workers = &scenario.groups[1];
    assert_eq!(workers.id.as_str(), "if-workers/spot");
    assert_eq!(
        (workers.node.memory, workers.node.vcores.get()),
        (Mebibytes(1_000), 3)
    );
    assert_eq!(workers.limits, Limits::new(Instances(1), Instances(9)));
    assert_eq!(scenario.poll, Some(Duration::from_secs(60)));
    assert_eq!(scenario.scheduler, Scheduler::Fair);
    let [application_start, container_overhead, heartbeat] =
        [6.0, 1.5, 1.0].map(Duration::from_secs_f64);
    assert_eq!(
        scenario.yarn,
        YarnDelays {
            application_start,
            container_overhead,
            heartbeat
        }
    );
    assert_eq!(
        (scenario.provisioning.p95, scenario.provisioning.failure),
        (Duration::from_secs(540), Percent(2.5))
    );
    assert_eq!(
        scenario.spot,
        Spot {
            interruptions_per_hour: 0.25,
            notice: Duration::from_secs(90)
        }
    );
    assert_eq!(
        scenario.metrics,
        Metrics {
            delay: Duration::from_secs(45),
            loss: Percent(1.0)
        }
    );
    assert_eq!(scenario.hdfs.core_nodes_needed(), 3);
    assert_eq!(
        (scenario.slo_wait, scenario.decommission_timeout),
        (Some(Duration::from_secs(120)), Duration::from_secs(1_800))
    );
}

fn assert_refused(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        let message = refused(text);
        assert!(
            message.contains("scenario.yaml") && message.contains(expected),
            "{text}\n--\n{message}"
        );
    }
}

#[test]
fn an_impossible_group_is_refused_with_its_place() {
    assert_refused(&[
        ("", "the file is empty"),
        ("cluster: { groups: [] }", "there is no core or task group"),
        ("cluster: { groups: [] }\nfoo: 1", "foo"),
        (&GROUPS.replace("m5.xlarge", "m5.xlrge"), "m5.xlrge"),
        (&GROUPS.replace("count: 2", "count: -2"), "count"),
        (
            &GROUPS.replace("count: 2", "count: 2000000"),
            "2000000 instances",
        ),
        (
            &GROUPS.replace("count: 2", "count: 2, limits: { min: 3, max: 1 }"),
            "min 3 is above max 1",
        ),
        (
            &GROUPS.replace("count: 2", "count: 2, node: { memory_mib: 0, vcores: 1 }"),
            "`node`",
        ),
        (
            &format!(
                "{GROUPS}    - {{ name: core, role: task, type: m5.xlarge, market: spot, count: 0 }}"
            ),
            "`name`",
        ),
    ]);
}

#[test]
fn an_impossible_setting_is_refused_with_its_place() {
    assert_refused(&[
        (
            &format!("{GROUPS}provisioning: {{ median: 6m, p95: 5m }}"),
            "`p95`",
        ),
        (
            &format!("{GROUPS}provisioning: {{ median: 0s, p95: 5m }}"),
            "`median`",
        ),
        (
            &format!("{GROUPS}provisioning: {{ median: -6m }}"),
            "negative",
        ),
        (
            &format!("{GROUPS}provisioning: {{ median: soon }}"),
            "not a duration",
        ),
        (
            &format!("{GROUPS}provisioning: {{ failure_percent: 101 }}"),
            "`failure_percent`",
        ),
        (
            &format!("{GROUPS}spot: {{ interruptions_per_hour: .nan }}"),
            "`interruptions_per_hour`",
        ),
        (
            &format!("{GROUPS}metrics: {{ loss_percent: -1 }}"),
            "`loss_percent`",
        ),
        (
            &format!("{GROUPS}hdfs: {{ capacity_gib_per_node: 0 }}"),
            "`capacity_gib_per_node`",
        ),
        (
            &format!("{GROUPS}hdfs: {{ replication: 0 }}"),
            "`replication`",
        ),
        (&format!("{GROUPS}poll: 10ms"), "poll"),
    ]);
}

#[test]
fn only_groups_that_can_have_nodes_take_work() {
    let text = "
cluster:
  groups:
    - { name: primary, role: primary, type: m5.xlarge, market: on-demand, count: 1 }
    - { name: small, role: core, type: m5.xlarge, market: on-demand, count: 1 }
    - { name: never, role: task, type: m5.xlarge, market: on-demand, count: 0, node: { memory_mib: 99999, vcores: 99 } }
    - { name: later, role: task, type: m5.xlarge, market: on-demand, count: 0, limits: { min: 0, max: 1 }, node: { memory_mib: 20000, vcores: 2 } }
";
    let scenario = parse(text).expect("a scenario");
    let takes = |memory_mib, vcores| {
        scenario.offers(Resources {
            memory: Mebibytes(memory_mib),
            vcores: crate::units::VirtualCores(vcores),
        })
    };
    assert!(takes(12_288, 4) && takes(20_000, 2));
    assert!(!takes(20_000, 4) && !takes(20_001, 1));
}

/// Every field that the parser knows has a row in the tables of docs/simulator.md, and the example
/// there is a scenario.
#[test]
fn the_documentation_lists_every_field() {
    let reference = include_str!("../../../docs/simulator.md");
    let group = |field: &str| {
        format!(
            "cluster: {{ groups: [{{ name: t, role: task, type: m5.xlarge, market: spot, count: 0, {field} }}] }}"
        )
    };
    for (prefix, text) in [
        ("", "x: 0".to_owned()),
        ("", group("x: 0")),
        ("cluster.", "cluster: { x: 0 }".to_owned()),
        ("yarn.", "yarn: { x: 0 }".to_owned()),
        ("provisioning.", "provisioning: { x: 0 }".to_owned()),
        ("spot.", "spot: { x: 0 }".to_owned()),
        ("metrics.", "metrics: { x: 0 }".to_owned()),
        ("hdfs.", "hdfs: { x: 0 }".to_owned()),
        ("slo.", "slo: { x: 0 }".to_owned()),
    ] {
        let refusal = refused(&text);
        let (_, fields) = refusal
            .split_once("the fields are ")
            .unwrap_or_else(|| panic!("{refusal}"));
        for field in fields.split('`').skip(1).step_by(2) {
            let documented = reference.contains(&format!("\n| `{prefix}{field}` |"))
                || reference.contains(&format!("\n| `{field}."));
            assert!(
                documented,
                "`{prefix}{field}` has no row in docs/simulator.md"
            );
        }
    }
    let (_, rest) = reference.split_once("```yaml\n").expect("an example");
    let (example, _) = rest.split_once("```").expect("its end");
    parse(example).expect("the example is a scenario");
}

#[test]
fn queues_that_yarn_would_not_start_with_are_refused() {
    let capacity = format!("{GROUPS}scheduler: capacity\nqueues: ");
    let two = parse(&format!(
        "{capacity}[{{ name: a, capacity_percent: 60 }}, {{ name: b, capacity_percent: 40, maximum_capacity_percent: 50, \
         user_limit_factor: 0.5 }}]"
    ));
    let queues = two.expect("a scenario").queues;
    assert_eq!(
        (queues[0].maximum, queues[0].user_limit_factor),
        (Percent(100.0), 1.0),
        "as in YARN"
    );
    assert_eq!(
        (queues[1].maximum, queues[1].user_limit()),
        (Percent(50.0), Percent(20.0))
    );
    for (queues, problem) in [
        ("[{ name: a, capacity_percent: 60 }]", "add up to 60%"),
        ("[]", "add up to 0%"),
        ("[{ name: a, capacity_percent: -1 }]", "is no share"),
        ("[{ name: a, capacity_percent: .nan }]", "is no share"),
        ("[{ name: '', capacity_percent: 100 }]", "it is empty"),
        (
            "[{ name: a, capacity_percent: 50 }, { name: a, capacity_percent: 50 }]",
            "another queue `a`",
        ),
        (
            "[{ name: a, capacity_percent: 100, maximum_capacity_percent: 50 }]",
            "is not between",
        ),
        (
            "[{ name: a, capacity_percent: 100, user_limit_factor: 0 }]",
            "is no factor",
        ),
    ] {
        let error = refused(&format!("{capacity}{queues}"));
        assert!(error.contains(problem), "{queues}: {error}");
    }
    let of_fifo = refused(&format!(
        "{GROUPS}queues: [{{ name: a, capacity_percent: 100 }}]"
    ));
    assert!(of_fifo.contains("scheduler: capacity"), "{of_fifo}");
}
