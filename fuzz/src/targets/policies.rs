//! Policies, in Headroom's language and in Amazon's, and what is read together with them.

use std::path::Path;

use headroom::check::lint::{lint, lint_dates};
use headroom::check::policy_test::PolicyTests;
use headroom::observation::{GroupId, Role};
use headroom::policy::diagnostic::PolicyErrors;
use headroom::policy::parse::{Choices, import, parse, parse_with_spans};
use headroom::policy::{Limits, Policy, Selector};
use headroom::pricing::PriceTable;
use headroom::tune::search_space::SearchSpace;
use headroom::units::{Instances, Timestamp};

use super::engine::observe;
use super::parts;

/// 2026-03-02T08:00:00Z.
pub const MORNING: Timestamp = Timestamp::from_millis(1_772_438_400_000);

/// A policy file: checked, and followed for some ticks.
pub fn policy(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match parse_with_spans(text, "policy.yaml") {
        Ok((policy, spans)) => {
            let mut lints = lint(&policy);
            lints.extend(lint_dates(&policy, MORNING));
            for lint in lints {
                lint.diagnostic(&spans).render(text, "policy.yaml", false);
            }
            use_policy(policy);
        }
        Err(errors) => show(&errors),
    }
}

/// What the commands do with a policy that is valid.
fn use_policy(policy: Policy) {
    let limits = Limits::new(Instances(0), Instances(7)).expect("0 is less than 7");
    let _ = policy.clone().on_group(&Selector::Role(Role::Core));
    observe(policy.clone().with_limits(limits), &[]);
    observe(policy, &[]);
}

/// A policy, and after `== tests` the tests of it.
pub fn policy_test(data: &[u8]) {
    let parts = parts(data);
    let [policy, rest @ ..] = &parts[..] else {
        return;
    };
    let Some((_, tests)) = rest.first() else {
        return;
    };
    let (Ok(policy), Ok(tests)) = (std::str::from_utf8(policy.1), std::str::from_utf8(tests))
    else {
        return;
    };
    let tests = match PolicyTests::read(tests, "policy.test.yaml") {
        Ok(tests) => tests,
        Err(errors) => return show(&errors),
    };
    let Ok(policy) = parse(policy, "policy.yaml") else {
        return;
    };
    match tests.run(&policy) {
        Ok(outcomes) => {
            for failure in outcomes.iter().flat_map(|outcome| &outcome.failures) {
                tests.render(failure, false);
            }
        }
        Err(errors) => show(&errors),
    }
}

/// A condition on the first line; the bytes after it choose what it is evaluated on.
pub fn condition(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n');
    let (condition, observed) = data.split_at(end.unwrap_or(data.len()));
    let Ok(condition) = std::str::from_utf8(condition) else {
        return;
    };
    let quoted = serde_json::to_string(condition).expect("text is JSON");
    let text = format!(
        "name: fuzzed\nmetrics:\n  depth: {{ namespace: Q, metric_name: D, period: 1m }}\n\
         targets:\n  - group: {{ role: task }}\n    limits: {{ min: 0, max: 20 }}\n    rules:\n      \
         - {{ name: one, when: {quoted}, for: 1m, then: {{ grow: 5 }} }}\n      \
         - {{ name: two, when: {quoted}, then: {{ shrink: 10% }} }}\n"
    );
    match parse(&text, "policy.yaml") {
        Ok(policy) => observe(policy, observed),
        Err(errors) => show(&errors),
    }
}

/// One of Amazon's documents. What it is translated to must be a policy that can be read again.
pub fn amazon(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let set = [("MaxCore", "20"), ("Env", "prod"), ("Empty", "")];
    let group = Some(Selector::Id(GroupId::new("ig-1")));
    for group in [None, Some(Selector::Role(Role::Core)), group] {
        let choices = Choices {
            group,
            set: set
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        };
        match import(text, "document.json", &choices) {
            Ok(Some(document)) => {
                for imported in &document.policies {
                    for remark in &imported.remarks {
                        remark.render(text, "document.json", false);
                    }
                    for lint in lint(&imported.policy) {
                        lint.diagnostic(&imported.spans)
                            .render(text, "document.json", false);
                    }
                    if let Err(errors) = parse(imported.yaml(), "converted.yaml") {
                        panic!("cannot be read again:\n{}", errors.render(false));
                    }
                    observe(imported.policy.clone(), &[]);
                }
                let _ = document.only(text, "document.json");
            }
            Ok(None) => {}
            Err(errors) => show(&errors),
        }
    }
}

/// A policy, and after `== vary` the parameters that `tune` varies, one a line.
pub fn tune(data: &[u8]) {
    let parts = parts(data);
    let mut texts = parts.iter().map(|(_, part)| std::str::from_utf8(part));
    let Some(Ok(text)) = texts.next() else {
        return;
    };
    let vary = texts.next().and_then(Result::ok).unwrap_or_default();
    let vary: Vec<String> = vary.lines().map(str::to_owned).collect();
    let Ok(space) = SearchSpace::new(text, "policy.yaml", &vary) else {
        return;
    };
    for place in [0.0, 0.3, 1.0] {
        let values = space.values(&vec![place; space.parameters().len()]);
        let _ = space.policy(&values);
        space.found(&values);
    }
}

/// A file of prices.
pub fn prices(data: &[u8]) {
    let _ = PriceTable::shipped().with_overrides(Path::new("prices.csv"), data);
}

fn show(errors: &PolicyErrors) {
    errors.render(false);
    errors.to_string();
}
