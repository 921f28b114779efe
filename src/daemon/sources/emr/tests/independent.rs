//! Against an implementation of EMR that is not ours: reading a cluster, resizing it, and reading
//! it again.

use aws_config::SdkConfig;
use aws_sdk_emr::Client;
use aws_sdk_emr::types::{
    ComputeLimits, ComputeLimitsUnitType, InstanceFleetConfig, InstanceFleetType,
    InstanceGroupConfig, InstanceRoleType, JobFlowInstancesConfig, ManagedScalingPolicy,
    StepConfig,
};
use winterbaume_core::MockAws;
use winterbaume_emr::EmrService;

use super::*;
use crate::daemon::act::{Actuator, Order, Resizer};
use crate::daemon::sources::emr::start::StartProblem;
use crate::decision::{Cause, Outcome, Rejection, Resize};

/// A service with one cluster, and the cluster's id.
async fn service(instances: JobFlowInstancesConfig) -> (SdkConfig, Client, String) {
    let config = MockAws::builder()
        .with_service(EmrService::new())
        .build()
        .sdk_config("us-east-1")
        .await;
    let client = Client::new(&config);
    let cluster = client
        .run_job_flow()
        .name("test")
        .instances(instances)
        .send()
        .await
        .expect("a cluster");
    (config, client, cluster.job_flow_id.expect("an id"))
}

fn with_groups() -> JobFlowInstancesConfig {
    let group = |role, count| {
        InstanceGroupConfig::builder()
            .name("nodes")
            .instance_role(role)
            .instance_type("m5.xlarge")
            .instance_count(count)
            .build()
    };
    let groups = [
        group(InstanceRoleType::Master, 1),
        group(InstanceRoleType::Core, 2),
        group(InstanceRoleType::Task, 4),
    ];
    JobFlowInstancesConfig::builder()
        .set_instance_groups(Some(groups.into()))
        .build()
}

fn to(from: u32, to: u32) -> Resize {
    Resize {
        from: Instances(from),
        to: Instances(to),
        because: Cause::BelowMinimum,
        desired: Instances(to),
        limited_by: None,
        percent_cap: None,
        protect: Vec::new(),
        prefer: vec![InstanceId::new("i-1")],
        application_masters_at_risk: 0,
        nodes_unknown: false,
    }
}

#[tokio::test]
async fn a_group_that_was_resized_is_read_with_its_new_size() {
    let (config, client, cluster_id) = service(with_groups()).await;
    let step = StepConfig::builder().name("s").hadoop_jar_step(
        aws_sdk_emr::types::HadoopJarStepConfig::builder()
            .jar("command-runner.jar")
            .build(),
    );
    client
        .add_job_flow_steps()
        .job_flow_id(&cluster_id)
        .steps(step.build())
        .send()
        .await
        .expect("a step");
    let (clock, settings) = (Clock::real(), settings());
    let mut emr = Emr::new(&config, &cluster_id, &settings, StepsRead::Always);
    let reading = emr.read(&clock).await;
    let before = reading.status.expect("a status");
    assert_eq!(
        (task(&before.value).requested, before.value.steps_pending),
        (Instances(4), 1)
    );
    let steps = reading.steps.expect("steps").value;
    assert_eq!((steps.concurrency, &*steps.steps[0].name), (1, "s"));
    let mut actuator = Actuator::Live(Resizer::new(&config, &cluster_id, &settings));
    for size in [9, 2] {
        let resize = to(4, size);
        let order = Order {
            cluster: &before,
            group: task(&before.value),
            resize: &resize,
            provision_timeout: Duration::from_secs(1_800),
        };
        let answer = actuator.resize(order).await;
        assert_eq!((answer.outcome, answer.message), (Outcome::Accepted, None));
        let after = emr.read(&clock).await.status.expect("a status").value;
        assert_eq!(
            (task(&after).requested, task(&after).running),
            (Instances(size), Instances(4))
        );
    }
}

#[tokio::test]
async fn managed_scaling_that_is_switched_on_is_seen() {
    let (config, client, cluster_id) = service(with_groups()).await;
    let limits = ComputeLimits::builder()
        .unit_type(ComputeLimitsUnitType::Instances)
        .minimum_capacity_units(1)
        .maximum_capacity_units(9);
    let policy = ManagedScalingPolicy::builder()
        .compute_limits(limits.build())
        .build();
    client
        .put_managed_scaling_policy()
        .cluster_id(&cluster_id)
        .managed_scaling_policy(policy)
        .send()
        .await
        .expect("it is on");
    let status = Emr::new(&config, &cluster_id, &settings(), StepsRead::Never)
        .read(&Clock::real())
        .await
        .status
        .expect("a status")
        .value;
    assert!(task(&status).scaled_by_amazon);
}

#[tokio::test]
async fn one_market_of_a_fleet_is_resized_and_the_other_keeps_its_target() {
    let fleet = InstanceFleetConfig::builder()
        .instance_fleet_type(InstanceFleetType::Task)
        .target_on_demand_capacity(4)
        .target_spot_capacity(6)
        .build();
    let (config, client, cluster_id) = service(
        JobFlowInstancesConfig::builder()
            .instance_fleets(fleet)
            .build(),
    )
    .await;
    let fleets = || async {
        let answer = client
            .list_instance_fleets()
            .cluster_id(&cluster_id)
            .send()
            .await
            .expect("fleets");
        answer.instance_fleets.expect("a list").remove(0)
    };
    let mut answer = fleets().await;
    // This implementation never tells what is provisioned.
    (
        answer.provisioned_on_demand_capacity,
        answer.provisioned_spot_capacity,
    ) = (Some(4), Some(6));
    let groups = describe::fleet(&answer).expect("a fleet").to_vec();
    let status = ClusterStatus {
        state: ClusterState::Running,
        groups,
        steps_pending: 0,
        steps_running: 0,
        idle_since: None,
    };
    let status = Sampled {
        value: status,
        measured_at: Clock::real().now(),
    };
    let mut actuator = Actuator::Live(Resizer::new(&config, &cluster_id, &settings()));
    let resize = to(6, 11);
    let order = Order {
        cluster: &status,
        group: &status.value.groups[1],
        resize: &resize,
        provision_timeout: Duration::from_secs(1_800),
    };
    assert_eq!(actuator.resize(order).await.outcome, Outcome::Accepted);
    let fleet = fleets().await;
    assert_eq!(
        (fleet.target_on_demand_capacity, fleet.target_spot_capacity),
        (Some(4), Some(11))
    );
}

#[tokio::test]
async fn a_cluster_that_does_not_exist_is_no_status_and_takes_no_resize() {
    let (config, _, cluster_id) = service(with_groups()).await;
    let policy = "{ name: t, targets: [{ group: { role: task }, limits: { min: 0, max: 9 } }] }";
    let policy = crate::policy::parse::parse(policy, "test.yaml").expect("a valid policy");
    let problems = Emr::new(&config, "j-NONE", &settings(), StepsRead::Never)
        .check(&Clock::real(), &policy)
        .await;
    assert_eq!(
        problems,
        [StartProblem::NoSuchCluster {
            cluster_id: "j-NONE".to_owned()
        }]
    );

    let status = Emr::new(&config, &cluster_id, &settings(), StepsRead::Never)
        .read(&Clock::real())
        .await
        .status
        .expect("a status");
    let resize = to(4, 9);
    let order = Order {
        cluster: &status,
        group: task(&status.value),
        resize: &resize,
        provision_timeout: Duration::from_secs(1_800),
    };
    let answer = Actuator::Live(Resizer::new(&config, "j-NONE", &settings()))
        .resize(order)
        .await;
    assert_eq!(answer.outcome, Outcome::Rejected(Rejection::Other));
    assert!(answer.message.expect("a reason").contains("does not exist"));
}
