//! The closed loop of load, YARN, EMR and Headroom: Headroom resizes the cluster by its observations,
//! and its resizes change them.

use std::sync::Arc;

use crate::parts::daemon::{Headroom, headroom};
use crate::parts::fleet::FleetKeeper;
use crate::parts::jobs::Job;
use crate::parts::moto::Moto;
use crate::parts::yarn::YarnCluster;
use crate::parts::{eventually, seconds};

/// The rules of `policies/available-memory.yaml`, with shorter times.
const POLICY: &str = "\
name: available-memory-in-a-hurry
poll: 2s
targets:
  - group: { role: task }
    limits: { min: 0, max: 4 }
    rules:
      - name: memory-short
        when: yarn_memory_available_percent < 15
        for: 6s
        then: { grow: 3 }
        cooldown: 30s
      - name: memory-idle
        when: yarn_memory_available_percent > 75
        for: 6s
        then: { shrink: 1 }
        cooldown: 6s
";

#[tokio::test]
async fn load_makes_the_cluster_grow_and_its_end_lets_empty_nodes_go() {
    let (yarn, moto) = (
        Arc::new(YarnCluster::start().await),
        Arc::new(Moto::start(1).await),
    );
    let keeper = FleetKeeper::start(&yarn, &moto, seconds(5));
    yarn.active(1).await;
    let requested = async || moto.requested(&moto.task.id).await;
    let mut daemon = Headroom::start(&yarn, &moto, POLICY).await;

    // One node has room for the application master and seven of the others.
    let burst = Job {
        name: "burst".into(),
        containers: 24,
        seconds: 25,
        memory_mib: 1_536,
        vcores: 1,
    };
    let burst = yarn.submit(&burst).await;
    eventually(
        "headroom asks EMR for three more",
        seconds(60),
        async || (requested().await == 3).then_some(()),
    )
    .await;
    yarn.active(4).await;

    // One job still runs, on at most two nodes, while the rest is idle.
    let long = Job {
        name: "long".into(),
        containers: 1,
        seconds: 75,
        memory_mib: 1_536,
        vcores: 1,
    };
    let long = yarn.submit(&long).await;
    assert_eq!(yarn.finished(&burst, 120).await.final_status, "SUCCEEDED");
    eventually("headroom lets a node go", seconds(60), async || {
        (requested().await < 3).then_some(())
    })
    .await;
    assert_only_empty_nodes_go(&yarn, &moto).await;
    assert_eq!(yarn.finished(&long, 120).await.final_status, "SUCCEEDED");
    eventually("the task group is empty again", seconds(90), async || {
        (requested().await == 0).then_some(())
    })
    .await;
    eventually("only the core node is left", seconds(60), async || {
        (yarn.nodes().await.len() == 1).then_some(())
    })
    .await;

    daemon.stop().await;
    // Fails if the engine does not make the same decisions from the journal.
    headroom(&[
        "simulate",
        "--verify",
        &daemon.journal().display().to_string(),
    ]);
    keeper.stop().await;
}

/// Checks the last request to shrink: it names an empty node, and protects those that are busy.
async fn assert_only_empty_nodes_go(yarn: &YarnCluster, moto: &Moto) {
    let wishes = moto.wishes(&moto.task.id);
    let busy = yarn
        .nodes()
        .await
        .into_iter()
        .filter(|node| node.num_containers > 0)
        .map(|node| node.host)
        .collect::<Vec<_>>();
    let busy = moto
        .task
        .instances
        .iter()
        .filter(|instance| busy.contains(&instance.private_dns_name));
    let busy = busy.map(|instance| &instance.id).collect::<Vec<_>>();
    assert!(
        !wishes.terminate.is_empty(),
        "there is an empty node, and {wishes:?} does not name it; busy: {busy:?}"
    );
    for id in busy {
        assert!(
            wishes.protect.contains(id) && !wishes.terminate.contains(id),
            "{id} is busy, but {wishes:?}"
        );
    }
}
