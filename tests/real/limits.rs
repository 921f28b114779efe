//! Work that a limit of YARN's keeps waiting, on a real ResourceManager.

use std::sync::Arc;

use crate::parts::daemon::{Headroom, headroom};
use crate::parts::fleet::FleetKeeper;
use crate::parts::jobs::Job;
use crate::parts::moto::Moto;
use crate::parts::yarn::{LIMITED_QUEUE, YarnCluster};
use crate::parts::{eventually, http, seconds};

/// One core node and at most three of the task group: 32 vcores, of which the queue may have 8, as
/// many as one node has.
const POLICY: &str = "\
name: follow-demand-in-a-hurry
poll: 2s
demand: { min: 0, max: 3, performance_index: 70 }
targets:
  - group: { role: task }
";

#[tokio::test]
async fn work_beyond_a_queues_maximum_makes_nothing_grow_and_the_decision_names_the_queue() {
    let (yarn, moto) = (
        Arc::new(YarnCluster::start().await),
        Arc::new(Moto::start(1).await),
    );
    let keeper = FleetKeeper::start(&yarn, &moto, seconds(5));
    yarn.active(1).await;
    let mut daemon = Headroom::start(&yarn, &moto, POLICY).await;

    // A quarter of the node's eight vcores: the application master has one, and a container the other.
    let job = Job {
        name: "more-than-its-queue".into(),
        containers: 24,
        seconds: 600,
        memory_mib: 1_024,
        vcores: 1,
    };
    let id = yarn.submit_to(LIMITED_QUEUE, &job).await;
    eventually("the queue is full", seconds(60), async || {
        (yarn.started_containers(&id).await.len() == 2).then_some(())
    })
    .await;
    let status = daemon.address().join("api/v1/status").expect("an address");
    let named = format!("the maximum capacity of the queue {LIMITED_QUEUE} (25% of the cluster)");
    eventually("the decision names the queue", seconds(30), async || {
        let status = http::text(&status).await?;
        status.contains(&named).then_some(())
    })
    .await;
    daemon.stop().await;
    assert_eq!(moto.requested(&moto.task.id).await, 0, "{}", daemon.log());
    // Fails if the engine does not make the same decisions from the journal.
    headroom(&[
        "simulate",
        "--verify",
        &daemon.journal().display().to_string(),
    ]);
    keeper.stop().await;
}
