//! Units for work that waits.

use super::*;

#[test]
fn it_grows_by_what_waits_and_nobody_will_serve_and_says_so_in_numbers() {
    let mut cluster = Cluster::new(following("min: 0, max: 40, performance_index: 70"), 0);
    let decision = cluster.tick(0, Some(busy(2.0, 10.0)));
    let report = decision.demand.clone().expect("known");
    assert_eq!(
        (
            report.units_pending,
            report.units_served,
            report.units_remaining
        ),
        (10.0, 0.0, 10.0)
    );
    assert!(cluster.size() >= 10, "{decision}");
    let said = decision.to_string();
    assert!(
        said.contains("demand; pending 10.0 GiB = 10.0 units; 108% of these and of 2.0 in use are needed; needed 13, in use or worth keeping 2")
            && said.contains("new units take 6m 40s"),
        "{said}"
    );
}

#[test]
fn it_says_what_kept_it_from_giving_all_that_is_needed() {
    let with = |demand: &str, targets: &str| {
        format!("name: f\ndemand: {{ {demand}, performance_index: 53 }}\ntargets:{targets}\n")
    };
    let (task, both) = (
        "\n  - group: { role: task }",
        "\n  - group: { role: core }\n  - group: { role: task }",
    );
    let task_to_6 = "\n  - group: { role: task }\n    limits: { min: 0, max: 6 }";
    for (policy, said) in [
        (
            with("min: 0, max: 200", task),
            "needed 90, in use or worth keeping",
        ),
        (
            with("min: 0, max: 20", task),
            "needed 90, of which other groups provide 2 and the maximum allows 20, in use or worth keeping",
        ),
        (
            with("min: 2, max: 20", both),
            "needed 90, of which the maximum allows 20, in use or worth keeping",
        ),
        (
            with("min: 0, max: 20", task_to_6),
            "needed 90, of which other groups provide 2 and the targets can provide 6, in use or worth keeping",
        ),
        (
            with("min: 2, max: 200, max_on_demand: 12", both),
            "needed 90, of which the targets can provide 12, in use or worth keeping",
        ),
    ] {
        let mut engine = Engine::new(parsed(&policy));
        let observation =
            Cluster::new(following("min: 0, max: 1"), 0).observation(0, Some(busy(2.0, 90.0)));
        let decisions: Vec<String> = engine
            .step(&observation)
            .iter()
            .map(Decision::to_string)
            .collect();
        assert!(
            decisions.iter().any(|decision| decision.contains(said)),
            "{decisions:#?}\n{policy}"
        );
    }
}

#[test]
fn at_its_maximum_it_holds_and_says_that_more_is_needed() {
    let mut cluster = Cluster::new(following("min: 0, max: 20, performance_index: 65"), 20);
    let held = cluster.tick(0, Some(busy(22.0, 90.0))).to_string();
    assert!(
        held.contains("hold at 20: the size meets the demand within its limits; needed"),
        "{held}"
    );
    assert!(
        held.ends_with("of which other groups provide 2 and the maximum allows 20"),
        "{held}"
    );
    let met = cluster.tick(30, Some(busy(15.0, 0.0))).to_string();
    assert!(met.ends_with("within its limits"), "{met}");
}

#[test]
fn it_does_not_grow_for_what_finishing_containers_make_room_for_within_its_patience() {
    let mut cluster = Cluster::new(following("min: 0, max: 40, performance_index: 12"), 0);
    // Eight containers run, and sixteen finish in 30 s: they live for 15 s.
    for s in (0..600).step_by(30) {
        cluster.tick(
            s,
            Some(Work {
                allocated: 2.0,
                pending: 0.0,
                released: 16,
            }),
        );
    }
    let report = cluster.report(
        600,
        Work {
            allocated: 2.0,
            pending: 10.0,
            released: 16,
        },
    );
    assert!(
        report.units_served == 10.0 && report.units_remaining == 0.0,
        "{report:?}"
    );
    assert_eq!(cluster.size(), 0);
    let said = report.to_string();
    assert!(said.starts_with("pending 10.0 GiB; 10.0 GiB of it will start within 2m as running containers finish; 0.0 GiB remain = 0.0 units"), "{said}");
    let flood = cluster.report(
        630,
        Work {
            allocated: 2.0,
            pending: 500.0,
            released: 16,
        },
    );
    assert!(flood.units_remaining > 0.0);
    // The index allows one unit more, which waits for a poll.
    assert_eq!((flood.units_put_off, cluster.size()), (1, 0));
    cluster.tick(
        660,
        Some(Work {
            allocated: 2.0,
            pending: 500.0,
            released: 16,
        }),
    );
    assert!(
        cluster.size() > 0,
        "a flood is more than two nodes can take"
    );
}

#[test]
fn one_unit_waits_for_others_is_told_and_comes_at_the_next_poll() {
    let mut cluster = Cluster::new(following("min: 0, max: 40, performance_index: 55"), 8);
    let report = cluster.report(0, busy(10.0, 0.2));
    assert_eq!((report.units_put_off, cluster.size()), (1, 8), "{report}");
    let said = report.to_string();
    assert!(
        said.contains("needed 11, in use or worth keeping 10, of which 2 in other groups; 1 more needed: asked for together"),
        "{said}"
    );
    let report = cluster.report(30, busy(10.0, 0.2));
    assert_eq!((report.units_put_off, cluster.size()), (0, 9), "{report}");
    let report = cluster.report(60, busy(10.0, 4.0));
    assert_eq!(report.units_put_off, 0, "many do not wait: {report}");
}

#[test]
fn a_step_that_the_index_limits_is_told() {
    let mut cluster = Cluster::new(following("min: 0, max: 40, performance_index: 1"), 0);
    let report = cluster.report(0, busy(2.0, 90.0));
    assert_eq!(
        report.units_needed, 3,
        "one and a half times the two that work"
    );
    assert!(
        report
            .to_string()
            .contains("the growth cap allows no more; needed 3, in use or worth keeping 2"),
        "{report}"
    );
}

#[test]
fn at_the_default_index_it_does_not_grow_for_short_containers_that_the_next_seconds_serve() {
    let mut cluster = Cluster::new(following("min: 0, max: 40"), 0);
    for s in (0..600).step_by(30) {
        cluster.tick(
            s,
            Some(Work {
                allocated: 2.0,
                pending: 0.0,
                released: 24,
            }),
        );
    }
    // Containers of ten seconds make room for four units of what waits in 20 s.
    let report = cluster.report(
        600,
        Work {
            allocated: 2.0,
            pending: 3.5,
            released: 24,
        },
    );
    assert_eq!(
        (report.units_remaining, cluster.size()),
        (0.0, 0),
        "{report:?}"
    );
    cluster.tick(
        630,
        Some(Work {
            allocated: 2.0,
            pending: 30.0,
            released: 24,
        }),
    );
    assert!(cluster.size() > 0, "a flood is grown for");
}

#[test]
fn without_yarn_nothing_moves_and_the_reason_is_told() {
    let mut cluster = Cluster::new(following("min: 0, max: 40, performance_index: 68"), 0);
    cluster.tick(0, Some(busy(2.0, 10.0)));
    let size = cluster.size();
    for s in (30..7_200).step_by(30) {
        assert_eq!(
            cluster.tick(s, None).action.reason(),
            Some("missing_signal")
        );
    }
    assert_eq!(cluster.size(), size);
    // Two hours unseen are not two hours idle.
    cluster.tick(7_200, Some(busy(2.0, 0.0)));
    assert_eq!(
        cluster.size(),
        size,
        "the first look after a gap shows an idle cluster, not one that has long been idle"
    );
}

#[test]
fn limits_in_virtual_cores_count_the_cores_of_nodes() {
    let mut cluster = Cluster::new(
        following("min: 8, max: 42, units: vcpu, performance_index: 53"),
        0,
    );
    let mut observation = cluster.observation(0, Some(busy(2.0, 90.0)));
    let mut count = |vcores: Option<u64>| {
        observation
            .yarn
            .iter_mut()
            .for_each(|yarn| yarn.value.vcores_total = vcores.map(crate::units::VirtualCores));
        observation.clone()
    };
    let observation = count(Some(8));
    let decision = cluster.engine.step(&observation).remove(0);
    assert_eq!(
        decision.action.resized_to(),
        Some(10),
        "four cores a node: {decision}"
    );
    let decision = Engine::new(following("min: 8, max: 42, units: vcpu"))
        .step(&count(None))
        .remove(0);
    assert_eq!(decision.action.reason(), Some("missing_signal"));
}
