//! What is remarked about a document.

use super::*;

fn remarks(imported: &Imported) -> Vec<&str> {
    imported
        .remarks
        .iter()
        .map(|remark| remark.message.as_str())
        .collect()
}

#[test]
fn what_has_no_counterpart_is_named_with_its_path() {
    let rule = "AutoScalingPolicy.Rules[0]";
    let with = |from: &str, to: &str| {
        AUTO_SCALING
            .replacen("\"Market\": \"SPOT\",", "", 1)
            .replacen(from, to, 1)
    };
    for (source, expected) in [
        (with("x", "x"), None),
        (AUTO_SCALING.to_owned(), Some(format!("{rule}.Action.Market: SPOT changes nothing"))),
        (with("short-of-memory", "short: memory"), Some(format!("{rule}.Name: the rule is renamed to `short- memory`"))),
        (
            with("\"PERCENT\"", "\"BYTES\""),
            Some(format!("{rule}.Trigger.CloudWatchAlarmDefinition.Unit: EMR publishes this metric in PERCENT, not in BYTES")),
        ),
        (
            with("\"PERCENT\"", "\"BYTES\"").replace("YARNMemoryAvailablePercentage", "S3BytesRead"),
            Some(format!("{rule}.Trigger.CloudWatchAlarmDefinition.Unit: Headroom has no unit BYTES")),
        ),
        (LEAST.to_owned(), Some("Constraints: no instance group is named; the task group is assumed".to_owned())),
        (
            MANAGED.replace("ADVANCED", "DEFAULT"),
            Some("ManagedScalingPolicy.UtilizationPerformanceIndex: 75 has an effect only with the strategy ADVANCED".to_owned()),
        ),
        (MANAGED.to_owned(), None),
    ] {
        let imported = imported(&source);
        assert_eq!(remarks(&imported), Vec::from_iter(expected.as_deref()), "{source}");
        assert!(expected.is_none_or(|remark| imported.yaml().replace("\n#  ", "").contains(&remark)), "{}", imported.yaml());
    }
}

#[test]
fn what_emr_never_publishes_is_told() {
    let told = |source: &str| {
        remarks(&imported(source))
            .into_iter()
            .filter(|remark| remark.contains("EMR") || remark.contains("is not the cluster"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        told(&LEAST.replace("IsIdle", "CapacityRemainingGB")),
        [""; 0]
    );
    let [typo, ..] = &told(&LEAST.replace("IsIdle", "YARNMemoryAvailablePercent"))[..] else {
        panic!("nothing is told")
    };
    assert!(
        typo.ends_with("MetricName: EMR publishes no metric `YARNMemoryAvailablePercent`"),
        "{typo}"
    );
    let with = |key: &str, value: &str| {
        let dimension = format!(
            "\"MetricName\": \"IsIdle\", \"Dimensions\": [{{\"Key\": \"{key}\", \"Value\": \"{value}\"}}]"
        );
        let policy = LEAST.replace("\"MetricName\": \"IsIdle\"", &dimension);
        format!(
            "{{ \"ClusterId\": \"j-OWN\", \"InstanceGroupId\": \"ig-1\", \"AutoScalingPolicy\": {policy} }}"
        )
    };
    assert_eq!(told(&with("JobFlowId", "j-OWN")), [""; 0]);
    assert!(
        told(&with("JobFlowId", "j-OTHER"))[0]
            .ends_with("Dimensions[0]: `j-OTHER` is not the cluster that the policy scales")
    );
    assert!(told(&with("ClusterId", "j-OWN"))[0].ends_with(
        "EMR publishes no metric with the dimension `ClusterId`, only with `JobFlowId`"
    ));
}
