//! When a condition has been true for long enough, and what is known at all.

use super::*;

#[test]
fn a_rule_fires_exactly_when_its_condition_has_held_for_its_time() {
    let mut harness = Harness::new(available_memory(), 4);
    assert_eq!(harness.until_resize(0, 900, 10.0), Some((300, 9)));
}

#[test]
fn one_sample_on_the_other_side_starts_the_time_anew() {
    let mut harness = Harness::new(available_memory(), 4);
    assert_eq!(harness.until_resize(0, 270, 10.0), None);
    assert_eq!(
        harness.tick(300, Some(15.0)).reason(),
        Some("no_rule_firing"),
        "15 is not under 15"
    );
    assert_eq!(harness.until_resize(330, 900, 10.0), Some((630, 9)));
}

#[test]
fn a_sample_that_is_repeated_does_not_advance_the_hold() {
    let mut harness = Harness::new(available_memory(), 4);
    harness.tick(0, Some(10.0));
    let first = harness.scene.observation();
    for s in (30..=90).step_by(30) {
        let mut repeated = first.clone();
        repeated.at = second(s);
        repeated.cluster.measured_at = second(s);
        assert_eq!(harness.observe(&repeated).resized_to(), None);
    }
    assert_eq!(harness.until_resize(90, 270, 10.0), None);
    assert_eq!(
        harness.until_resize(300, 900, 10.0),
        Some((300, 9)),
        "the clock is the samples'"
    );
}

#[test]
fn a_gap_as_wide_as_the_allowance_is_bridged_and_one_sample_wider_restarts_the_hold() {
    for (gap_s, fires_at_s) in [(90, 300), (120, 540)] {
        let mut harness = Harness::new(available_memory(), 4);
        harness.until_resize(0, 120, 10.0);
        for s in (150..120 + gap_s).step_by(30) {
            assert_eq!(harness.tick(s, None).reason(), Some("missing_signal"));
        }
        assert_eq!(
            harness.until_resize(120 + gap_s, 900, 10.0),
            Some((fires_at_s, 9)),
            "a gap of {gap_s} s"
        );
    }
}

#[test]
fn nothing_fires_on_an_observation_without_yarn_even_when_the_time_is_over() {
    let mut harness = Harness::new(available_memory(), 4);
    harness.until_resize(0, 270, 10.0);
    assert_eq!(harness.tick(300, None).reason(), Some("missing_signal"));
    assert_eq!(harness.tick(330, Some(10.0)).resized_to(), Some(9));
}

#[test]
fn a_value_that_is_not_a_number_counts_as_missing() {
    let mut harness = Harness::new(available_memory(), 4);
    harness.scene.groups[0].running = Instances(0);
    harness.scene.groups[1].running = Instances(0);
    assert_eq!(
        harness.tick(0, Some(10.0)).reason(),
        Some("missing_signal"),
        "a share of no memory at all"
    );
}

#[test]
fn a_stale_value_is_named_with_its_age_and_never_acted_on() {
    let mut harness = Harness::new(available_memory(), 4);
    harness.until_resize(0, 270, 10.0);
    let mut stale = harness.scene.observation();
    stale.at = second(361);
    stale.cluster.measured_at = second(361);
    let action = harness.observe(&stale);
    assert_eq!(
        action,
        Action::Hold(HoldReason::StaleData {
            signal: "yarn_memory_available_percent".into(),
            measured_at: second(270)
        })
    );
}

#[test]
fn a_clock_that_goes_back_is_reported_and_restarts_every_hold() {
    let mut harness = Harness::new(available_memory(), 4);
    harness.until_resize(10_000, 10_270, 10.0);
    assert_eq!(
        harness.tick(0, Some(10.0)),
        Action::Hold(HoldReason::ClockWentBack {
            last: second(10_270)
        })
    );
    assert_eq!(
        harness.until_resize(30, 900, 10.0),
        Some((300, 9)),
        "held since the first sample of the new time"
    );
}

#[test]
fn a_measurement_from_before_the_last_one_restarts_the_hold() {
    let mut harness = Harness::new(available_memory(), 4);
    harness.until_resize(0, 240, 10.0);
    harness.scene.at = second(270);
    let mut older = harness.scene.observation();
    older.yarn = older.yarn.map(|yarn| Sampled {
        measured_at: second(220),
        ..yarn
    });
    assert_eq!(harness.observe(&older).resized_to(), None);
    assert_eq!(
        harness.until_resize(300, 900, 10.0),
        Some((540, 9)),
        "300 s after the sample of 220 s, at the next poll"
    );
}

#[test]
fn a_hold_does_not_outlive_the_time_in_which_its_condition_was_unknown() {
    let spec = parsed(
        "{ name: t, targets: [{ group: { role: task }, limits: { min: 0, max: 20 }, rules: [
            { name: short, when: yarn_memory_available_percent < 15 or hdfs_used_percent > 90, for: 5m, then: { grow: 5 } }] }] }",
    );
    let mut harness = Harness::new(spec, 4);
    assert_eq!(harness.until_resize(0, 120, 10.0), None);
    assert_eq!(
        harness.until_resize(150, 600, 50.0),
        None,
        "not short, and HDFS is unknown"
    );
    assert_eq!(harness.until_resize(630, 1_200, 10.0), Some((930, 9)));
}

#[test]
fn a_sample_without_a_result_ends_a_hold() {
    let spec = parsed(
        "{ name: t, targets: [{ group: { role: task }, limits: { min: 0, max: 20 }, rules: [
            { name: short, when: yarn_containers_pending / yarn_containers_allocated > 1, for: 5m, then: { grow: 5 } }] }] }",
    );
    let mut harness = Harness::new(spec, 4);
    let mut fired_at_s = Vec::new();
    for s in (0..=600).step_by(30) {
        harness.scene.at = second(s);
        let mut observation = harness.scene.observation();
        let yarn = observation.yarn.as_mut().expect("YARN answers");
        (
            yarn.value.containers_pending,
            yarn.value.containers_allocated,
        ) = (10, if s == 150 { 0 } else { 1 });
        if harness.observe(&observation).resized_to().is_some() {
            fired_at_s.push(s);
        }
    }
    assert_eq!(
        fired_at_s.first(),
        Some(&480),
        "300 s after the sample that followed the division by zero"
    );
}

#[test]
fn time_spent_down_does_not_count_for_a_condition_on_the_cluster_state() {
    let spec = parsed(
        "{ name: t, targets: [{ group: { role: task }, limits: { min: 0, max: 20 }, rules: [
            { name: up, when: emr_cluster_state == RUNNING or yarn_memory_available_percent < 5, for: 10m, then: { grow: 5 } }] }] }",
    );
    let mut harness = Harness::new(spec, 4);
    for s in [0, 30, 3_600] {
        assert_eq!(harness.tick(s, None).resized_to(), None, "at {s} s");
    }
}

#[test]
fn a_measurement_from_the_future_is_never_acted_on() {
    let mut harness = Harness::new(policy(eager()), 9);
    harness.scene.available_percent = Some(80.0);
    let mut observation = harness.scene.observation();
    observation.yarn = observation.yarn.map(|yarn| Sampled {
        measured_at: second(91),
        ..yarn
    });
    assert_eq!(harness.observe(&observation).reason(), Some("stale_data"));
}

#[test]
fn a_description_from_the_future_starts_no_wait_that_never_ends() {
    let mut harness = Harness::new(policy(eager()), 4);
    harness.tick(0, Some(50.0));
    harness.report(12, 12);
    assert_eq!(
        harness.tick_described(30, 1_000_000, 10.0).reason(),
        Some("stale_data")
    );
    assert_eq!(
        harness.until_resize(60, 2_000, 10.0),
        Some((930, 17)),
        "an operator's resize, seen at 30 s"
    );
}
