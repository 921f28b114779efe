//! CloudFormation templates.

use super::documents::{refusal, summary};
use super::*;

const TEMPLATE: &str = "\
AWSTemplateFormatVersion: '2010-09-09'
Parameters:
  MinCore: { Type: Number, Default: 2 }
  MaxCore: { Type: Number }
  Env: { Type: String, Default: prod }
  Periods: { Type: CommaDelimitedList, Default: '300, 600' }
Mappings:
  Sizes: { prod: { Max: 40 }, dev: { Max: 4 } }
Conditions:
  IsProd: !Equals [!Ref Env, prod]
  WithTask: !And [!Condition IsProd, !Not [!Equals [a, b]]]
Resources:
  Etl:
    Type: AWS::EMR::Cluster
    Properties:
      Name: !Sub '${AWS::StackName}-etl'
      Instances:
        MasterInstanceGroup: { InstanceCount: 1 }
        CoreInstanceGroup:
          AutoScalingPolicy:
            Constraints: { MinCapacity: !Ref MinCore, MaxCapacity: !Ref MaxCore }
            Rules: &rules
              - Name: !Sub '${AWS::StackName}-out'
                Action: { SimpleScalingPolicyConfiguration: { ScalingAdjustment: !If [IsProd, 2, 1] } }
                Trigger:
                  CloudWatchAlarmDefinition:
                    ComparisonOperator: LESS_THAN
                    MetricName: !Join ['', [YARNMemory, AvailablePercentage]]
                    Period: !Select [0, !Ref Periods]
                    Threshold: !Select [1, !Split [':', 'a:15']]
                    Dimensions: [{ Key: JobFlowId, Value: !Ref Etl }]
  Task:
    Type: AWS::EMR::InstanceGroupConfig
    Condition: WithTask
    Properties:
      InstanceRole: TASK
      JobFlowId: !Ref Etl
      AutoScalingPolicy:
        Constraints: { MinCapacity: 0, MaxCapacity: !FindInMap [Sizes, !Ref Env, Max] }
        Rules: *rules
";

fn set(values: &[(&str, &str)]) -> Choices {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Choices {
        group: None,
        set: values.iter().map(pair).collect(),
    }
}

#[test]
fn parameters_mappings_conditions_and_functions_have_their_values() {
    assert_eq!(
        summary(TEMPLATE, &set(&[("MaxCore", "12")])),
        [
            "Etl core: role: core 2..12",
            "Etl task: role: task 0..40",
            "Etl all groups: role: core 2..12, role: task 0..40",
        ]
    );
    let imported = policies(TEMPLATE, &set(&[("MaxCore", "12")]));
    let yaml = imported[0].yaml();
    for line in [
        "      - name: StackName-out",
        "        when: avg(yarn_memory_available_percent, 5m) < 15",
        "        then: { grow: 2 }",
    ] {
        assert!(yaml.lines().any(|found| found == line), "{line}\n{yaml}");
    }
}

#[test]
fn a_resource_whose_condition_is_false_does_not_count() {
    let choices = set(&[("MaxCore", "12"), ("Env", "dev")]);
    assert_eq!(summary(TEMPLATE, &choices), ["Etl core: role: core 2..12"]);
    let without_core = TEMPLATE.replace("AWS::EMR::Cluster", "AWS::S3::Bucket");
    let refused = refusal(&without_core, &choices);
    assert!(
        refused.contains("Task is not created, because WithTask is false"),
        "{refused}"
    );
}

#[test]
fn a_value_that_is_missing_is_named_with_place_and_remedy() {
    let refused = refusal(TEMPLATE, &Choices::default());
    let path = "Resources.Etl.Properties.Instances.CoreInstanceGroup.AutoScalingPolicy.Constraints";
    for said in [
        &format!("error: {path}.MaxCapacity: `MaxCore` has no default"),
        "--> amazon.json:21:",
        "= help: add `--set MaxCore=VALUE`, which check, convert, simulate, compare and tune take",
    ] {
        assert!(refused.contains(said), "{refused}");
    }
}

#[test]
fn what_cannot_be_computed_is_named_with_a_remedy() {
    for (value, said, remedy) in [
        (
            "!GetAtt Sizer.Max",
            "`Sizer.Max` is known only to CloudFormation",
            "--set Sizer.Max=VALUE",
        ),
        (
            "!ImportValue core-max",
            "`core-max` is known only",
            "--set core-max=VALUE",
        ),
        (
            "'{{resolve:ssm:/max:1}}'",
            "`resolve:ssm:/max:1` is known",
            "--set resolve:ssm:/max:1=VALUE",
        ),
        (
            "!Ref AWS::Region",
            "`AWS::Region` depends on the deployment",
            "--set AWS::Region=VALUE",
        ),
        (
            "!Ref MaxCoer",
            "neither a parameter nor a resource",
            "did you mean `MaxCore`?",
        ),
        ("!Ref Task", "`Task` is a resource", "--set Task=VALUE"),
        (
            "!Cidr [a]",
            "Headroom does not compute Fn::Cidr",
            "write the value itself",
        ),
        (
            "!If [Nope, 1, 2]",
            "there is no condition `Nope`",
            "declare it",
        ),
        (
            "!FindInMap [Sizes, test, Max]",
            "Mappings.Sizes.test.Max does not exist",
            "choose other keys",
        ),
        (
            "!Select [7, !Ref Periods]",
            "Fn::Select takes an index within its list",
            "correct the template",
        ),
        (
            "!Sub '${MaxCore}0'",
            "`MaxCore` has no default",
            "--set MaxCore=VALUE",
        ),
    ] {
        let refused = refusal(
            &TEMPLATE.replace("!Ref MaxCore", value),
            &Choices::default(),
        );
        assert!(
            refused.contains(said) && refused.contains(remedy),
            "{value}: {refused}"
        );
    }
}

#[test]
fn what_is_set_stands_for_whatever_the_template_refers_to() {
    for (value, name) in [
        ("!GetAtt Sizer.Max", "Sizer.Max"),
        ("!ImportValue core-max", "core-max"),
        ("'{{resolve:ssm:/max:1}}'", "resolve:ssm:/max:1"),
    ] {
        let source = TEMPLATE.replace("!Ref MaxCore", value);
        assert_eq!(
            summary(&source, &set(&[(name, "7")]))[0],
            "Etl core: role: core 2..7"
        );
    }
}

#[test]
fn conditions_in_a_circle_are_refused() {
    let source = TEMPLATE.replace(
        "IsProd: !Equals [!Ref Env, prod]",
        "IsProd: !Condition WithTask",
    );
    let refused = refusal(&source, &set(&[("MaxCore", "3")]));
    assert!(refused.contains("depends on itself"), "{refused}");
}

#[test]
fn a_managed_policy_in_json_and_the_answer_of_get_template_load() {
    let json = r#"{"Parameters": {"Max": {"Type": "Number", "Default": 9}}, "Resources": {"C": {"Type": "AWS::EMR::Cluster", "Properties": {
      "ManagedScalingPolicy": {"ComputeLimits": {"UnitType": "Instances", "MinimumCapacityUnits": "2", "MaximumCapacityUnits": {"Ref": "Max"}}}}}}}"#;
    let expected = ["C managed scaling: demand 2..9"];
    assert_eq!(summary(json, &Choices::default()), expected);
    let text = serde_json::json!({ "TemplateBody": json }).to_string();
    assert_eq!(summary(&text, &Choices::default()), expected);
    let object = format!("{{\"TemplateBody\": {json}}}");
    assert_eq!(summary(&object, &Choices::default()), expected);
}

#[test]
fn a_template_without_a_policy_says_where_one_may_be() {
    let nested = "Resources:\n  Net: { Type: 'AWS::CloudFormation::Stack' }\n";
    let refused = refusal(nested, &Choices::default());
    assert!(
        refused.contains("Net is a nested stack with a template of its own"),
        "{refused}"
    );
}

#[test]
fn a_value_that_the_template_does_not_allow_is_refused_at_its_rule() {
    let template = TEMPLATE
        .replace(
            "MaxCore: { Type: Number }",
            "MaxCore: { Type: Number, MinValue: 3, MaxValue: 50 }",
        )
        .replace(
            "Env: { Type: String,",
            "Env: { Type: String, AllowedValues: [prod, dev], MinLength: 3,",
        )
        .replace(
            "Periods: { Type: CommaDelimitedList,",
            "Periods: { Type: CommaDelimitedList, AllowedValues: [60, 300, 600],",
        );
    for (values, said, line, help) in [
        (
            [("Env", "pord"), ("MaxCore", "12")],
            r#"Parameters.Env: the value "pord" of `--set` is not one of its AllowedValues: prod, dev"#,
            5,
            "did you mean `prod`?",
        ),
        (
            [("Env", "dev"), ("MaxCore", "many")],
            r#"Parameters.MaxCore: the value "many" of `--set` is not a number"#,
            4,
            "give a number, such as `--set MaxCore=10`",
        ),
        (
            [("Env", "dev"), ("MaxCore", "2")],
            r#"Parameters.MaxCore: the value "2" of `--set` breaks its MinValue of 3"#,
            4,
            "give a value that respects MinValue",
        ),
        (
            [("Env", "dev"), ("MaxCore", "51")],
            "breaks its MaxValue of 50",
            4,
            "give a value that respects MaxValue",
        ),
        (
            [("Periods", "300, 900"), ("MaxCore", "12")],
            "is not one of its AllowedValues: 60, 300, 600",
            6,
            "give one of them",
        ),
    ] {
        let refused = refusal(&template, &set(&values));
        let place = format!("--> amazon.json:{line}:");
        for expected in [said, &place, help] {
            assert!(refused.contains(expected), "{expected}\n{refused}");
        }
    }
    let allowed = set(&[("Periods", "300, 60"), ("MaxCore", "12"), ("Env", "dev")]);
    assert!(import(&template, "amazon.json", &allowed).is_ok());
}

#[test]
fn the_allowed_names_of_the_systems_manager_do_not_limit_the_value_that_is_given() {
    let template = TEMPLATE.replace(
        "MaxCore: { Type: Number }",
        "MaxCore: { Type: 'AWS::SSM::Parameter::Value<Number>', AllowedValues: [/etl/max] }",
    );
    let imported = policies(&template, &set(&[("MaxCore", "12"), ("Env", "dev")]));
    assert_eq!(imported.len(), 1);
}
