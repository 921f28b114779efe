//! Finds the cluster and the region of the node that the daemon runs on.

use std::fs;
use std::path::{Path, PathBuf};

use aws_config::default_provider::region::DefaultRegionChain;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_emr::config::SharedHttpClient;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::daemon::sources::http_get::{TrustError, Trusted};

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
    #[error(transparent)]
    Trust(#[from] TrustError),
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
/// metadata, with the credentials and endpoints that the AWS SDK finds. `ca_file` has the certificates
/// to trust instead of the machine's; otherwise AWS_CA_BUNDLE names it, as for Amazon's command line.
///
/// # Errors
/// When there is no region, or the file is unusable.
pub async fn sdk_config(
    region: Option<&str>,
    ca_file: Option<&Path>,
) -> Result<SdkConfig, DiscoveryError> {
    let region = match region {
        Some(region) => Some(Region::new(region.to_owned())),
        None => DefaultRegionChain::builder().build().region().await,
    };
    let region = region.ok_or(DiscoveryError::NoRegion)?;
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).region(region);
    if let Some(client) = aws_client(ca_file)? {
        loader = loader.http_client(client);
    }
    Ok(loader.load().await)
}

/// A client for AWS that trusts the authorities in `ca_file`, or else in the file that AWS_CA_BUNDLE
/// names, and no others. `None` if there is no such file: the SDK's own client trusts the machine's.
///
/// # Errors
/// When the file is unusable.
pub fn aws_client(ca_file: Option<&Path>) -> Result<Option<SharedHttpClient>, TrustError> {
    let bundle = std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty());
    let Some(file) = ca_file.or(bundle.as_deref().map(Path::new)) else {
        return Ok(None);
    };
    // The SDK would panic at a certificate that cannot be that of an authority.
    let trusted = Trusted::read(file)?;
    let authorities = TrustStore::empty().with_pem_certificate(trusted.pem);
    let context = TlsContext::builder()
        .with_trust_store(authorities)
        .build()
        .map_err(|error| TrustError::Unusable {
            cause: error.to_string(),
        })?;
    let client = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .tls_context(context)
        .build_https();
    Ok(Some(client))
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
        let config = sdk_config(Some("eu-central-1"), None)
            .await
            .expect("a region");
        assert_eq!(config.region(), Some(&Region::from_static("eu-central-1")));
    }
}
