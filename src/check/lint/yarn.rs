//! What Headroom knows of a cluster without YARN, and what it does not.

use super::warning::{About, Lint};
use crate::policy::Policy;
use crate::policy::signal::SignalSource;

/// A note on a policy that does not read YARN, or that reads nothing of YARN and need not.
pub fn lint(policy: &Policy) -> Option<Lint> {
    let (message, help) = if !policy.uses_yarn() {
        (
            "without YARN, Headroom does not know which instances are busy: a scale-in may terminate instances that run queries or jobs, and EMR chooses which",
            "let only long quiet times scale in (`for`, `cooldown`, `step: { shrink: 1 }`), and see docs/without-yarn.md for what EMR waits for",
        )
    } else if reads_only_metrics(policy) {
        (
            "no rule reads YARN, but while YARN does not answer, nothing scales in",
            "on a cluster that runs Trino, Presto or Flink without YARN, add `uses_yarn: false` (to one of Amazon's documents after `headroom convert`); see docs/without-yarn.md",
        )
    } else {
        return None;
    };
    Some(Lint {
        about: About::UsesYarn,
        message: message.to_owned(),
        help: help.to_owned(),
    })
}

/// Whether rules read declared metrics and nothing of YARN.
fn reads_only_metrics(policy: &Policy) -> bool {
    let targets = policy.targets().iter();
    let signals: Vec<&SignalSource> = targets.flat_map(|target| &target.signals).collect();
    let reads_metric = signals
        .iter()
        .any(|source| matches!(source, SignalSource::Metric { .. }));
    let reads_yarn = signals
        .iter()
        .any(|source| matches!(source, SignalSource::BuiltIn(signal) if signal.needs_yarn()));
    reads_metric && !reads_yarn
}

#[cfg(test)]
mod tests {
    use crate::check::lint::lint;
    use crate::policy::diagnostic::Severity;
    use crate::policy::parse::parse_with_spans;

    /// The severity and the place of each finding in this policy.
    fn found(source: &str) -> Vec<(Severity, String)> {
        let (policy, places) =
            parse_with_spans(source, "p").unwrap_or_else(|errors| panic!("{errors}"));
        lint(&policy)
            .iter()
            .map(|lint| lint.diagnostic(&places))
            .map(|found| (found.severity, source[found.span].to_owned()))
            .collect()
    }

    fn ruled(header: &str, when: &str) -> String {
        format!(
            "name: p\n{header}metrics: {{ depth: {{ namespace: App, metric_name: Depth }} }}\n\
             targets: [{{ group: {{ role: task }}, limits: {{ min: 0, max: 9 }}, rules: [\n\
             {{ name: r, when: {when}, for: 10m, then: {{ grow: 1 }} }}] }}]\n"
        )
    }

    #[test]
    fn a_policy_without_yarn_gets_a_note_of_what_is_not_known() {
        let note = |place: &str| vec![(Severity::Note, place.to_owned())];
        assert_eq!(
            found(&ruled("uses_yarn: false\n", "depth > 3")),
            note("false")
        );
        assert_eq!(
            found(include_str!("../../../policies/trino.yaml")),
            note("false")
        );
        let page = include_str!("../../../docs/without-yarn.md");
        let example = page
            .split("```yaml\n")
            .nth(1)
            .and_then(|block| block.split("```").next());
        assert_eq!(found(example.expect("an example")), note("false"));
    }

    #[test]
    fn rules_on_metrics_alone_get_a_note_and_rules_that_read_yarn_do_not() {
        for (when, is_noted) in [
            ("depth > 3", true),
            ("depth > 3 and emr_instances_running < 5", true),
            ("depth > 3 and yarn_apps_pending > 0", false),
            ("emr_steps_pending > 3", false),
        ] {
            let notes = found(&ruled("", when));
            assert_eq!(!notes.is_empty(), is_noted, "{when}: {notes:?}");
        }
    }
}
