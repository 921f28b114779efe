//! What one deploys fits the program: permissions, settings, and the metrics that alerts and
//! dashboard ask for.
#![cfg(feature = "daemon")]

#[path = "deploy/calls.rs"]
mod calls;

use std::collections::BTreeSet;
use std::path::Path;

use headroom::daemon::settings::{Flags, SETTINGS, Settings};
use headroom::daemon::sources::emr::Operation;
use headroom::daemon::telemetry::metrics::{Families, Family};
use serde_json::Value;

fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("deploy")
        .join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn json(path: &str) -> Value {
    serde_json::from_str(&file(path)).expect("JSON")
}

/// The actions of all statements of an IAM policy, each of which must allow and be confined to
/// tagged clusters where EMR can confine it.
fn allowed_actions(path: &str) -> BTreeSet<String> {
    let policy = json(path);
    let statements = policy["Statement"].as_array().expect("statements");
    let mut actions = BTreeSet::new();
    for statement in statements {
        assert_eq!(statement["Effect"], "Allow");
        let named: Vec<String> = match &statement["Action"] {
            Value::String(action) => vec![action.clone()],
            action => serde_json::from_value(action.clone()).expect("a list of actions"),
        };
        if named
            .iter()
            .any(|action| action.starts_with("elasticmapreduce:"))
        {
            assert_eq!(
                statement["Resource"], "arn:aws:elasticmapreduce:*:*:cluster/*",
                "{named:?}"
            );
            assert_eq!(
                statement["Condition"]["StringEquals"]["elasticmapreduce:ResourceTag/headroom"],
                "managed",
                "{named:?}"
            );
        }
        actions.extend(named);
    }
    actions
}

/// The calls in the source of the daemon, as IAM names them. No list is kept by hand: a call that is
/// added to the source appears here.
#[test]
fn the_iam_policies_allow_what_the_source_calls_and_nothing_else() {
    let changes = |action: &String| {
        let is_it = |operation: &&Operation| operation.permission() == *action;
        Operation::ALL
            .iter()
            .find(is_it)
            .is_some_and(|operation| operation.is_change())
    };
    let called = calls::in_source("daemon");
    assert_eq!(allowed_actions("iam-policy.json"), called);
    let reads: BTreeSet<String> = called
        .iter()
        .filter(|action| !changes(action))
        .cloned()
        .collect();
    assert_eq!(allowed_actions("iam-policy-dry-run.json"), reads);
    let listed = Operation::ALL
        .iter()
        .map(|operation| operation.permission().to_owned());
    let of_emr = |action: &String| action.starts_with("elasticmapreduce:");
    assert_eq!(
        listed.collect::<BTreeSet<_>>(),
        called.into_iter().filter(of_emr).collect()
    );
}

#[test]
fn what_recording_calls_is_in_the_table_of_permissions() {
    let security =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("SECURITY.md"))
            .expect("reads");
    let rows = security
        .lines()
        .filter(|line| line.starts_with("| `headroom record"));
    let named: BTreeSet<String> = rows
        .flat_map(|row| row.split('`').map(str::to_owned).collect::<Vec<_>>())
        .filter(|word| word.contains(':'))
        .collect();
    // It reads metrics with the code of the daemon.
    let mut called = calls::in_source("record");
    called.extend(calls::in_source("daemon/sources/cloudwatch"));
    assert_eq!(named, called);
}

/// A statement for everything would be found, whatever it is called.
#[test]
fn no_statement_of_the_iam_policies_has_a_wildcard_action() {
    for path in ["iam-policy.json", "iam-policy-dry-run.json"] {
        let actions = allowed_actions(path);
        assert!(
            !actions.iter().any(|action| action.contains('*')),
            "{actions:?}"
        );
        let text = file(path);
        assert!(
            !text.contains("NotAction") && !text.contains("NotResource"),
            "{path}"
        );
    }
}

/// Lines such as `# timeout = "10s"` as if they counted.
fn with_every_setting(sample: &str) -> String {
    let lines = sample.lines().map(|line| {
        let rest = line.strip_prefix("# ");
        rest.filter(|rest| is_setting(rest)).unwrap_or(line)
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn is_setting(line: &str) -> bool {
    let is_of_key = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    line.split_once(" = ")
        .is_some_and(|(key, _)| key.bytes().all(is_of_key))
}

#[test]
fn the_sample_of_the_settings_shows_each_with_its_default() {
    let folder = tempfile::tempdir().expect("a folder");
    let load = |text: &str| {
        let path = folder.path().join("headroom.toml");
        std::fs::write(&path, text).expect("written");
        Settings::load(Some(&path), Flags::default()).expect("settings")
    };
    let sample = file("headroom.toml");
    let (plain, whole) = (load(&sample), load(&with_every_setting(&sample)));
    let mut defaults_shown = whole.clone();
    // These have no default, and the sample shows an example.
    (defaults_shown.cluster_id, defaults_shown.prices) = (None, None);
    (
        defaults_shown.yarn.local_resource_manager,
        defaults_shown.yarn.ca_file,
        defaults_shown.yarn.proxy,
    ) = (None, None, None);
    (
        defaults_shown.aws.region,
        defaults_shown.aws.ca_file,
        defaults_shown.aws.decommission_timeout,
    ) = (None, None, None);
    assert_eq!(defaults_shown, plain);
    assert!(
        whole.cluster_id.is_some()
            && whole.prices.is_some()
            && whole.yarn.local_resource_manager.is_some()
            && whole.yarn.proxy.is_some()
            && whole.aws.decommission_timeout.is_some()
    );
    let shown = with_every_setting(&sample);
    for setting in SETTINGS {
        let name = setting.key.rsplit('.').next().expect("a name");
        let line = format!("{name} = {}", setting.default.unwrap_or_default());
        assert!(
            shown.lines().any(|shown| match setting.default {
                Some(_) => shown == line,
                None => shown.starts_with(&line),
            }),
            "`{line}` is missing"
        );
    }
}

/// Names in a query that look like metrics of this program.
fn metrics_in(query: &str) -> Vec<String> {
    let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words
        .filter(|word| word.starts_with("headroom_") || word.starts_with("process_"))
        .map(str::to_owned)
        .collect()
}

fn unknown_metrics(query: &str) -> Vec<String> {
    let mut unknown = metrics_in(query);
    unknown.retain(|name| !Families::ALL.iter().any(|family| has_series(family, name)));
    unknown
}

fn has_series(family: &Family, name: &str) -> bool {
    let suffix = name.strip_prefix(family.name);
    suffix == Some("") || (suffix == Some("_bucket") && family.kind == "histogram")
}

#[test]
fn alerts_ask_only_for_metrics_that_exist() {
    let rules = file("prometheus/headroom.rules.yml");
    assert!(metrics_in(&rules).len() > 15);
    assert_eq!(unknown_metrics(&rules), Vec::<String>::new());
}

#[test]
fn the_dashboard_asks_only_for_metrics_that_exist_and_for_chosen_clusters() {
    let dashboard = json("grafana/headroom.json");
    let panels = dashboard["panels"].as_array().expect("panels");
    let ids: BTreeSet<u64> = panels
        .iter()
        .filter_map(|panel| panel["id"].as_u64())
        .collect();
    assert_eq!(ids.len(), panels.len(), "each panel has its own id");
    let targets = panels
        .iter()
        .filter_map(|panel| panel["targets"].as_array())
        .flatten();
    let queries: Vec<&str> = targets
        .filter_map(|target| target["expr"].as_str())
        .collect();
    assert!(queries.len() > 20, "{queries:?}");
    for query in queries {
        assert_eq!(unknown_metrics(query), Vec::<String>::new(), "{query}");
        assert_eq!(
            query.matches("cluster_id=~\"$cluster\"").count(),
            metrics_in(query).len(),
            "{query}"
        );
    }
}
