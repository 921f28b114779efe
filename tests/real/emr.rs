//! YARN and moto's EMR together: nodes join and leave as an instance group is resized.

use std::sync::Arc;

use crate::parts::fleet::FleetKeeper;
use crate::parts::moto::{Moto, Wishes};
use crate::parts::yarn::YarnCluster;
use crate::parts::{eventually, seconds};

#[tokio::test]
async fn nodes_follow_the_size_of_an_instance_group_and_the_one_that_was_named_leaves() {
    let (yarn, moto) = (
        Arc::new(YarnCluster::start().await),
        Arc::new(Moto::start(1).await),
    );
    let keeper = FleetKeeper::start(&yarn, &moto, seconds(1));
    let task = &moto.task;
    moto.resize(&task.id, 2, &Wishes::default()).await;
    yarn.active(3).await;

    let [first, second] = &task.instances[..2] else {
        panic!("two instances")
    };
    moto.resize(
        &task.id,
        1,
        &Wishes {
            terminate: vec![first.id.clone()],
            protect: vec![second.id.clone()],
        },
    )
    .await;
    let hosts = async || {
        yarn.nodes()
            .await
            .into_iter()
            .map(|node| node.host)
            .collect::<Vec<_>>()
    };
    let left = eventually("a node leaves", seconds(60), async || {
        Some(hosts().await).filter(|hosts| hosts.len() == 2)
    })
    .await;
    assert!(
        left.contains(&second.private_dns_name),
        "{left:?} lacks the protected {}",
        second.private_dns_name
    );
    assert!(
        !left.contains(&first.private_dns_name),
        "{left:?} has the unwanted {}",
        first.private_dns_name
    );
    keeper.stop().await;
}
