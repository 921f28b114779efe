//! Checks that Prometheus can scrape the daemon.

use crate::parts::daemon::Headroom;
use crate::parts::moto::Moto;
use crate::parts::prometheus::{Prometheus, promtool_check_metrics};
use crate::parts::yarn::{NODE_MEMORY_MIB, YarnCluster};
use crate::parts::{eventually, http, seconds};

const POLICY: &str = "\
name: holds-only
poll: 1s
targets:
  - group: { role: task }
    limits: { min: 0, max: 4 }
    rules:
      - { name: memory-idle, when: yarn_memory_available_percent > 75, then: { shrink: 1 } }
";

#[tokio::test]
async fn prometheus_scrapes_the_daemon_and_promtool_has_nothing_to_say() {
    let (yarn, moto) = (YarnCluster::start().await, Moto::start(1).await);
    yarn.start_node(&moto.core.instances[0].private_dns_name);
    yarn.active(1).await;
    let mut headroom = Headroom::start(&yarn, &moto, POLICY).await;

    let exposition = http::text(&headroom.address().join("metrics").expect("an address"))
        .await
        .expect("metrics");
    assert_eq!(promtool_check_metrics(&exposition), "");

    let prometheus = Prometheus::start(&[headroom.address()]).await;
    let total = r#"headroom_yarn_memory_bytes{state="total"}"#;
    let series = eventually("Prometheus has scraped", seconds(30), async || {
        prometheus.query(total).await.pop()
    })
    .await;
    assert_eq!(series.value(), f64::from(NODE_MEMORY_MIB) * 1_048_576.0);
    assert_eq!(series.labels["cluster_id"], moto.cluster_id);
    headroom.stop().await;
}
