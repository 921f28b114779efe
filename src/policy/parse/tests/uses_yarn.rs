use crate::policy::Policy;
use crate::policy::parse::parse;

/// A policy without YARN, whose condition and further fields a test gives.
fn source(header: &str, when: &str, target: &str) -> String {
    format!(
        "\
name: p
uses_yarn: false
{header}metrics: {{ queued: {{ namespace: App, metric_name: Queued }} }}
targets:
  - group: {{ role: task }}
    limits: {{ min: 0, max: 9 }}
{target}    rules:
      - name: r
        when: {when}
        then: {{ grow: 1 }}
"
    )
}

fn policy(text: &str) -> Policy {
    parse(text, "p.yaml").unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn a_policy_uses_yarn_unless_it_says_otherwise() {
    assert!(!policy(&source("", "queued > 1", "")).uses_yarn());
    for field in ["", "uses_yarn: true\n", "uses_yarn:\n"] {
        let text = source("", "queued > 1", "").replacen("uses_yarn: false\n", field, 1);
        assert!(policy(&text).uses_yarn(), "{field:?}");
    }
}

#[test]
fn without_yarn_rules_read_metrics_hdfs_and_what_emr_reports() {
    for when in [
        "max(queued, 15m) > 2 * emr_instances_running",
        "hdfs_used_percent > 80",
        "emr_steps_running == 0 and emr_cluster_state == WAITING",
    ] {
        policy(&source("", when, ""));
    }
    policy(&source(
        "",
        "queued > 1",
        "    keep_application_masters: false\n",
    ));
    let track = source("", "true", "").replacen(
        "{ grow: 1 }",
        "{ track: { signal: queued / emr_instances_running, target: 2 } }",
        1,
    );
    policy(&track);
}

#[test]
fn what_only_yarn_knows_is_refused_where_it_is_read() {
    for (text, place, message) in [
        (
            source("", "yarn_apps_pending > 1", ""),
            "p.yaml:9:15",
            "`yarn_apps_pending` is not known without YARN",
        ),
        (
            source("", "avg(AppsPending, 5m) > 1", ""),
            "p.yaml:9:19",
            "`AppsPending` is not known without YARN",
        ),
        (
            source("", "emr_idle_seconds > 10m", ""),
            "p.yaml:9:15",
            "`emr_idle_seconds` is not known without YARN",
        ),
        (
            source("", "IsIdle > 0", ""),
            "p.yaml:9:15",
            "`IsIdle` is not known without YARN",
        ),
        (
            source("", "queued > 1", "    keep_application_masters: true\n"),
            "p.yaml:7:31",
            "only YARN shows where application masters run",
        ),
        (
            "name: p\nuses_yarn: false\ndemand: { min: 0, max: 9 }\n".to_owned(),
            "p.yaml:3:9",
            "`demand` follows the work on YARN",
        ),
    ] {
        let errors = parse(&text, "p.yaml").expect_err(message).to_string();
        assert!(
            errors.contains(place) && errors.contains(message) && errors.contains("help: "),
            "{errors}"
        );
        let not_boolean = text.replacen("uses_yarn: false", "uses_yarn: never", 1);
        let errors = parse(&not_boolean, "p.yaml")
            .expect_err("no boolean")
            .to_string();
        assert!(
            errors.contains("p.yaml:2:12") && errors.contains("write `true` or `false`"),
            "{errors}"
        );
        let with_yarn = text.replacen("uses_yarn: false", "uses_yarn: true", 1);
        assert!(
            parse(&with_yarn, "p.yaml").is_ok() || with_yarn.contains("IsIdle"),
            "{with_yarn}"
        );
    }
}
