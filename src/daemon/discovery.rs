//! Finds the cluster and the region of the node that the daemon runs on.

use std::fs;
use std::path::{Path, PathBuf};

use aws_config::default_provider::region::DefaultRegionChain;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// EMR's description of the node, written when it joined the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The id of the cluster.
    pub cluster_id: String,
    /// Whether a ResourceManager runs here. Clusters with high availability have three such nodes.
    pub is_primary: bool,
}

/// What could not be found, and the setting to use instead.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message is its documentation; the fields are its parts"
)]
pub enum DiscoveryError {
    #[error("{}: {source}; this machine does not seem to be a node of an EMR cluster; set `cluster_id`, or `info_dir` if the file is elsewhere", path.display())]
    Unreadable {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{}: {source}; EMR's file is not in the expected form; set `cluster_id`", path.display())]
    Malformed {
        path: PathBuf,
        source: serde_json::Error,
    },
    #[error(
        "no AWS region is set; set `region` in [aws] or AWS_REGION, or set AWS_PROFILE to a profile with a region"
    )]
    NoRegion,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JobFlow {
    job_flow_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Instance {
    is_master: bool,
}

/// The name of this machine; empty if it is unknown.
pub fn host_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

/// Reads `job-flow.json` and `instance.json`, which EMR keeps in `/mnt/var/lib/info` on each node.
///
/// # Errors
/// When a file is missing or not in the expected form.
pub fn node(info_dir: &Path) -> Result<Node, DiscoveryError> {
    let JobFlow { job_flow_id } = read(&info_dir.join("job-flow.json"))?;
    let Instance { is_master } = read(&info_dir.join("instance.json"))?;
    Ok(Node {
        cluster_id: job_flow_id,
        is_primary: is_master,
    })
}

/// The AWS configuration: `region`, or else the one from the environment, the profile or the instance
/// metadata, with the credentials and endpoints that the AWS SDK finds.
///
/// # Errors
/// When there is no region.
pub async fn sdk_config(region: Option<&str>) -> Result<SdkConfig, DiscoveryError> {
    let region = match region {
        Some(region) => Some(Region::new(region.to_owned())),
        None => DefaultRegionChain::builder().build().region().await,
    };
    let region = region.ok_or(DiscoveryError::NoRegion)?;
    Ok(aws_config::defaults(BehaviorVersion::latest())
        .region(region)
        .load()
        .await)
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, DiscoveryError> {
    let bytes = fs::read(path).map_err(|source| DiscoveryError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    serde_json::from_slice(&bytes).map_err(|source| DiscoveryError::Malformed {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn discover(files: &[(&str, &str)]) -> Result<Node, String> {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            fs::write(folder.path().join(name), text).expect("writes");
        }
        node(folder.path()).map_err(|error| {
            error
                .to_string()
                .replace(&folder.path().display().to_string(), "INFO")
        })
    }

    #[test]
    fn a_node_knows_its_cluster_and_whether_it_is_a_primary_one() {
        let job_flow =
            r#"{ "jobFlowId": "j-2AXXXXXXGAPLF", "instanceCount": 3, "masterInstanceId": "i-1" }"#;
        for is_primary in [true, false] {
            let instance = format!(r#"{{ "isMaster": {is_primary}, "isRunningNameNode": true }}"#);
            let found = discover(&[("job-flow.json", job_flow), ("instance.json", &instance)]);
            assert_eq!(
                found,
                Ok(Node {
                    cluster_id: "j-2AXXXXXXGAPLF".to_owned(),
                    is_primary
                })
            );
        }
    }

    #[test]
    fn what_cannot_be_read_is_named_with_what_to_do_instead() {
        let nothing = discover(&[]).expect_err("no files");
        assert!(
            nothing.starts_with("INFO/job-flow.json: No such file")
                && nothing.contains("set `cluster_id`"),
            "{nothing}"
        );
        let torn = discover(&[("job-flow.json", r#"{ "jobFlow"#)]).expect_err("a torn file");
        assert!(
            torn.starts_with("INFO/job-flow.json: EOF") && torn.contains("set `cluster_id`"),
            "{torn}"
        );
        let half =
            discover(&[("job-flow.json", r#"{ "jobFlowId": "j-1" }"#)]).expect_err("one file only");
        assert!(half.starts_with("INFO/instance.json"), "{half}");
    }

    #[tokio::test]
    async fn a_region_that_is_given_is_asked_of_nobody() {
        let config = sdk_config(Some("eu-central-1")).await.expect("a region");
        assert_eq!(config.region(), Some(&Region::from_static("eu-central-1")));
    }
}
