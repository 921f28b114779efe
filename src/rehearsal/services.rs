//! Serves the APIs of YARN, HDFS and EMR for the simulated cluster, all on one port.

mod applications;
mod emr;
mod served;
mod yarn;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use reqwest::Url;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::simulated::SimulatedCluster;
use served::Served;

/// The servers of one cluster. They stop when this is dropped.
#[derive(Debug)]
pub struct Services {
    url: Url,
    server: JoinHandle<()>,
}

impl Services {
    /// Serves the cluster on a free loopback port. EMR knows it as `cluster_id`.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn start(
        cluster: SimulatedCluster,
        cluster_id: &str,
        name: &str,
    ) -> std::io::Result<Self> {
        Self::start_behind(cluster, cluster_id, name, |router| router).await
    }

    /// Serves the cluster behind a link, which may change requests and answers.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn start_behind(
        cluster: SimulatedCluster,
        cluster_id: &str,
        name: &str,
        link: impl FnOnce(Router) -> Router,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = Url::parse(&format!("http://{}", listener.local_addr()?))
            .map_err(std::io::Error::other)?;
        let served = Served {
            cluster,
            cluster_id: cluster_id.into(),
            name: name.into(),
            is_terminating: Arc::default(),
        };
        let server = axum::serve(listener, link(router(served)));
        let server = tokio::spawn(async move {
            server
                .await
                .unwrap_or_else(|error| tracing::error!(%error, "the simulated services failed"))
        });
        Ok(Self { url, server })
    }

    /// The address of the ResourceManager, the NameNode and EMR.
    pub fn url(&self) -> &Url {
        &self.url
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn router(served: Served) -> Router {
    let spark = |what: &str| format!("/proxy/{{id}}/api/v1/applications/{{same_id}}/{what}");
    Router::new()
        .route("/ws/v1/cluster", get(yarn::info))
        .route("/ws/v1/cluster/info", get(yarn::info))
        .route("/ws/v1/cluster/metrics", get(yarn::metrics))
        .route("/ws/v1/cluster/nodes", get(yarn::nodes))
        .route("/ws/v1/cluster/apps", get(yarn::apps))
        .route("/ws/v1/cluster/get-node-labels", get(yarn::node_labels))
        .route("/ws/v1/cluster/scheduler", get(yarn::scheduler))
        .route("/jmx", get(yarn::jmx))
        .route("/proxy/{id}/metrics/json", get(applications::spark_metrics))
        .route(&spark("stages"), get(applications::spark_stages))
        .route(&spark("jobs"), get(applications::spark_jobs))
        .route(&spark("allexecutors"), get(applications::spark_executors))
        .route(&spark("environment"), get(applications::spark_environment))
        .route(
            "/proxy/{id}/ws/v1/mapreduce/jobs",
            get(applications::map_reduce_jobs),
        )
        .route("/", post(emr::call))
        .with_state(served)
}

#[cfg(test)]
mod tests;
