//! A scale-in goes no lower than the sizes that were desired recently.

use super::limits::with_hdfs;
use super::*;

#[test]
fn stabilization_keeps_the_highest_size_wanted_in_its_time() {
    let rules = vec![rule(
        "idle",
        Comparison::Greater,
        75.0,
        0,
        Change::Set(Size::Exactly(Instances(2))),
        0,
    )];
    let guards = Guards {
        stabilization: Duration::from_secs(300),
        reversal: Duration::ZERO,
        ..Guards::default()
    };
    let mut harness = Harness::new(guarded(rules, guards), 9);
    harness.tick(0, Some(50.0));
    assert_eq!(
        harness.tick(30, Some(80.0)),
        Action::Hold(HoldReason::AtLimit {
            limiter: Limiter::Stabilization,
            size: Instances(9),
            percent_cap: None,
        })
    );
    assert_eq!(
        harness.until_resize(60, 900, 80.0),
        Some((330, 2)),
        "300 s after the last tick that wanted more"
    );
}

/// Scale-in to 2 when idle, a grow by HDFS, and `more`.
fn idle_and_hdfs(more: &str) -> Policy {
    parsed(&format!(
        "{{ name: t, targets: [{{ group: {{ role: task }}, limits: {{ min: 0, max: 20 }}, reversal: 0s, {more} rules: [
            {{ name: idle, when: yarn_memory_available_percent > 75, then: {{ set: 2 }} }},
            {{ name: full, when: hdfs_used_percent > 90, then: {{ grow: 5 }} }}] }}] }}"
    ))
}

#[test]
fn stabilization_does_not_count_the_time_in_which_a_grow_could_not_be_judged() {
    let mut harness = Harness::new(idle_and_hdfs("stabilization: 5m,"), 9);
    for s in (0..600).step_by(30) {
        assert_eq!(harness.tick(s, Some(80.0)).reason(), Some("missing_signal"));
    }
    let sizes = (600..=1_200).step_by(30).find_map(|s| {
        harness.scene.at = second(s);
        harness
            .observe(&with_hdfs(&harness.scene, 10))
            .resized_to()
            .map(|size| (s, size))
    });
    assert_eq!(sizes, Some((900, 2)), "300 s after HDFS came back");
}
