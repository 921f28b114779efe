//! What a daemon reads from its disk: settings, and the folder of its state.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_emr::config::{Credentials, SharedCredentialsProvider};
use headroom::daemon::journal::{self, Journal};
use headroom::daemon::settings::{Flags, Settings};
use headroom::daemon::state_dir::{self, read_pause};
use headroom::trace::{PolicySource, Start};
use tempfile::TempDir;

use super::parts;
use super::policies::MORNING;

const POLICY: &str = include_str!("healthy/policy.yaml");
const SHADOW: &str = include_str!("../../../policies/follow-demand.yaml");

/// The settings of a daemon whose services are all at one address.
const SETTINGS: &str = r#"
policy = "policy.yaml"
cluster_id = "j-1"
listen = "off"

[yarn]
resource_managers = ["http://ADDRESS"]
proxy = "http://ADDRESS"
timeout = "5s"

[hdfs]
name_nodes = ["http://ADDRESS"]
timeout = "5s"

[aws]
timeout = "5s"
calls_per_minute = 1000
"#;

/// A settings file.
pub fn settings(data: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("headroom.toml");
    std::fs::write(&file, data).expect("written");
    if let Err(error) = Settings::load(Some(&file), Flags::default()) {
        error.to_string();
    }
}

/// The files of a state folder, each after a line `== NAME`: `pause.json`, and the segments of a journal.
pub fn state(data: &[u8]) {
    let folder = Folder::new();
    let state = folder.path("state");
    let journal = state_dir::journal(&state);
    std::fs::create_dir_all(&journal).expect("created");
    for (name, part) in parts(data) {
        let within = if name.starts_with("pause") {
            &state
        } else {
            &journal
        };
        // The name alone, so that nothing is written elsewhere.
        if let Some(name) = Path::new(name).file_name().filter(|name| name.len() < 100) {
            let _ = std::fs::write(within.join(name), part);
        }
    }
    if let Err(error) = read_pause(&state) {
        error.to_string();
    }
    for _ in 0..2 {
        let start = Start {
            at: MORNING,
            headroom: env!("CARGO_PKG_VERSION").to_owned(),
            cluster: "j-1".to_owned(),
            dry_run: false,
            policy: PolicySource {
                file: "policy.yaml".to_owned(),
                text: POLICY.to_owned(),
            },
            state: None,
        };
        match Journal::open(&journal, journal::Settings::default(), start) {
            Ok((journal, _)) => drop(journal.bytes()),
            Err(error) => drop(error.to_string()),
        }
    }
}

/// A folder with policies and a state folder.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        let folder = Self(tempfile::tempdir().expect("a folder"));
        std::fs::write(folder.path("policy.yaml"), POLICY).expect("written");
        std::fs::write(folder.path("shadow.yaml"), SHADOW).expect("written");
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The settings of a daemon that reads services at this address.
    pub fn settings(&self, address: &str) -> Settings {
        static READ: OnceLock<Settings> = OnceLock::new();
        let read = READ.get_or_init(|| {
            let file = self.path("headroom.toml");
            std::fs::write(&file, SETTINGS.replace("ADDRESS", address)).expect("written");
            Settings::load(Some(&file), Flags::default()).expect("settings")
        });
        let mut settings = read.clone();
        settings.policy = self.path("policy.yaml");
        settings.shadow_policies = vec![self.path("shadow.yaml")];
        settings.state_dir = self.path("state");
        settings
    }
}

/// An AWS configuration for services at this address.
pub fn sdk_config(address: &str) -> SdkConfig {
    let credentials = Credentials::new("fuzz", "fuzz", None, None, "fuzz");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(format!("http://{address}"))
        .build()
}
