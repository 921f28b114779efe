//! Several targets, and what each decision reports.

use super::*;

#[test]
fn of_two_targets_that_mean_one_group_only_the_first_moves_it() {
    let spec = parsed(
        "{ name: t, targets: [
            { group: { role: task }, limits: { min: 0, max: 20 }, rules: [{ name: a, when: 'true', then: { grow: 5 } }] },
            { group: { id: ig-task }, limits: { min: 0, max: 20 }, rules: [{ name: b, when: 'true', then: { shrink: 3 } }] }] }",
    );
    let decisions =
        Engine::new(spec).step(&Scene::new(vec![core_group(2), task_group(4)]).observation());
    assert_eq!(decisions[0].action.resized_to(), Some(9));
    assert_eq!(decisions[1].action.reason(), Some("group_taken"));
    assert_eq!(decisions[1].group, None);
}

#[test]
fn a_core_group_and_48_task_groups_are_decided_one_by_one_in_file_order() {
    let mut text =
        "{ name: t, targets: [{ group: { role: core }, limits: { min: 0, max: 20 } }".to_owned();
    let mut groups = vec![core_group(2)];
    for k in 0..48 {
        let more = format!(
            ", {{ group: {{ id: ig-{k} }}, limits: {{ min: 0, max: 20 }}, rules: [{{ name: r, when: 'true', then: {{ grow: {} }} }}] }}",
            k + 1
        );
        text.push_str(&more);
        groups.push(GroupStatus {
            id: GroupId::new(format!("ig-{k}")),
            ..task_group(1)
        });
    }
    text.push_str("] }");
    let mut engine = Engine::new(parsed(&text));
    let decisions = engine.step(&Scene::new(groups).observation());
    assert!(
        decisions
            .iter()
            .enumerate()
            .all(|(k, decision)| decision.target == k),
        "in file order"
    );
    let sizes: Vec<u32> = decisions
        .iter()
        .filter_map(|decision| decision.action.resized_to())
        .collect();
    assert_eq!(sizes, (2..50).map(|size| size.min(20)).collect::<Vec<_>>());
}

#[test]
fn every_decision_says_how_each_rule_stands_and_what_was_read() {
    let mut harness = Harness::new(available_memory(), 4);
    harness.scene.available_percent = Some(10.0);
    let decision = harness.engine.step(&harness.scene.observation()).remove(0);
    assert_eq!(
        decision.rules[0].state,
        RuleState::Pending {
            since: second(0),
            until: second(300)
        }
    );
    assert_eq!(decision.rules[1].state, RuleState::Inactive);
    assert_eq!(
        (&*decision.readings[0].signal, decision.readings[0].value),
        ("yarn_memory_available_percent", 10.0)
    );
    assert_eq!(
        decision.to_string(),
        "1970-01-01T00:00:00Z ig-task: hold at 4: no rule is firing"
    );
}
