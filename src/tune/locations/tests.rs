use super::*;

const POLICY: &str = "\
# Two ways to write a rule.
name: two # of two targets
poll: 30s
targets:
  - group: { role: task }
    limits: { min: 0, max: 20 }
    stabilization: 10m
    rules:
      - name: memory.short
        when: \"yarn_memory_available_percent < 15\" # percent
        for: 5m # not at once
        then: { grow: 5 }
      - { name: memory, when: yarn_memory_available_percent > 75, then: { shrink: 20% } }
  - group: { role: core }
    limits: { min: 1, max: 4 }
    rules:
      - { name: memory, when: true, for: 3m, then: { track: { signal: yarn_memory_allocated_percent, target: 80 } } }
";

fn policy() -> PolicyText {
    PolicyText::read(POLICY).expect("YAML")
}

fn written(path: &str) -> Vec<String> {
    let policy = policy();
    let slots = policy
        .slots(path)
        .unwrap_or_else(|error| panic!("{path}: {error}"));
    slots
        .iter()
        .map(|slot| policy.written(slot).unwrap_or("(added)").to_owned())
        .collect()
}

#[test]
fn paths_lead_to_values() {
    for (path, values) in [
        ("poll", &["30s"] as &[_]),
        ("stabilization", &["10m"]),
        ("targets[1].stabilization", &["(added)"]),
        ("rules.memory.short.for", &["5m"]),
        ("rules.memory.short.threshold", &["15"]),
        ("rules.memory.threshold", &["75"]),
        ("rules.memory.then.shrink", &["20%"]),
        ("rules.memory.then.track.target", &["80"]),
        ("rules.memory.for", &["3m"]),
        ("targets[0].rules.memory.for", &["(added)"]),
        ("rules.memory.cooldown", &["(added)", "(added)"]),
    ] {
        assert_eq!(written(path), values, "{path}");
    }
}

#[test]
fn a_path_that_leads_nowhere_is_told_what_is_there() {
    for (path, message) in [
        (
            "rules.memory.shrt.for",
            "the policy has no `rules.memory.shrt.for`; did you mean `targets[1].rules.memory.for`?",
        ),
        (
            "targets[2].rules.memory.for",
            "the policy has no `targets[2].rules.memory.for`; did you mean `targets[1].rules.memory.for`?",
        ),
        (
            "targets[0].rules.memory",
            "the policy has no `targets[0].rules.memory`; did you mean `targets[0].rules.memory.when`?",
        ),
        (
            "limits",
            "`limits` is no single value; name one inside it, such as `limits.min`",
        ),
        (
            "targets[1].rules.memory.threshold",
            "the condition of rule `memory` is not one comparison with a number on its right, as in `yarn_memory_available_percent < 15`, so \
             it has no threshold",
        ),
    ] {
        assert_eq!(policy().slots(path).expect_err(path).to_string(), message);
    }
}

#[test]
fn values_are_replaced_and_everything_else_stays() {
    let policy = policy();
    let slots: Vec<Slot> = [
        "rules.memory.short.for",
        "rules.memory.short.threshold",
        "rules.memory.then.shrink",
    ]
    .iter()
    .flat_map(|path| policy.slots(path).expect(path))
    .collect();
    let made = policy.with(slots.iter().zip(["90s", "22", "4"].map(str::to_owned)));
    let expected = POLICY
        .replace("for: 5m #", "for: 90s #")
        .replace("< 15\"", "< 22\"")
        .replace("20%", "4");
    assert_eq!(made, expected);
}

#[test]
fn what_is_left_out_is_added_where_it_belongs() {
    let policy = policy();
    let cooldown = policy
        .slots("targets[0].rules.memory.short.cooldown")
        .expect("may be added");
    let for_duration = policy
        .slots("targets[0].rules.memory.for")
        .expect("may be added");
    let reversal = policy.slots("targets[1].reversal").expect("may be added");
    let slots = cooldown.iter().chain(&for_duration).chain(&reversal);
    let made = policy.with(slots.zip(["4m", "2m", "30s"].map(str::to_owned)));
    let expected = POLICY
        .replace(
            "      - name: memory.short\n",
            "      - name: memory.short\n        cooldown: 4m\n",
        )
        .replacen("{ name: memory, when", "{ name: memory, for: 2m, when", 1)
        .replace("{ role: core }\n", "{ role: core }\n    reversal: 30s\n");
    assert_eq!(made, expected);
}

#[test]
fn an_alias_is_replaced_where_it_is_defined() {
    let text = "name: a\ntargets:\n  - { group: { role: task }, stabilization: &long 5m, reversal: *long }\n";
    let policy = PolicyText::read(text).expect("YAML");
    let slots = policy.slots("reversal").expect("a value");
    assert_eq!(
        policy.with(slots.iter().zip(["7m".to_owned()])),
        text.replace("5m", "7m")
    );
}
