//! How a daemon is set up: defaults < file < environment < flags.
//!
//! The file is TOML. Every setting of it can be overridden by an environment variable:
//! `HEADROOM__YARN__TIMEOUT=5s` for `timeout` in `[yarn]`. Unknown settings are refused, wherever
//! they come from.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use config::{Config, Environment, File, FileFormat};
use reqwest::Url;
use serde::Deserialize;

use crate::daemon::journal;
use crate::policy::scalar;

/// Everything that a daemon is told, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The policy in force.
    pub policy: PathBuf,
    /// Policies that are evaluated beside it and cannot act.
    pub shadow_policies: Vec<PathBuf>,
    /// Journal, lock and pause file lie here.
    pub state_dir: PathBuf,
    /// Decide and write down, but change nothing.
    pub dry_run: bool,
    /// `None`: asked of the node's own files.
    pub cluster_id: Option<String>,
    /// Where EMR puts the files that tell a node its cluster.
    pub info_dir: PathBuf,
    pub yarn: YarnSettings,
    pub hdfs: HdfsSettings,
    pub aws: AwsSettings,
    pub journal: journal::Settings,
    /// Where HTTP is served; `None`: nowhere.
    pub listen: Option<SocketAddr>,
    /// Prices that differ from the shipped table.
    pub prices: Option<PathBuf>,
    pub log: LogSettings,
}

#[derive(Clone, Debug, PartialEq)]
pub struct YarnSettings {
    /// All of them; the active one is followed. Never empty.
    pub resource_managers: Vec<Url>,
    /// The one of them beside this daemon, which then acts only while that one is active. `None`:
    /// this is the only daemon.
    pub beside: Option<Url>,
    /// For one reading, however many requests it takes.
    pub timeout: Duration,
    /// Certificates to believe of Hadoop's services, HDFS too, in place of the machine's own
    /// authorities; PEM.
    pub ca_file: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct HdfsSettings {
    /// None: HDFS is not read, and core groups are never shrunk.
    pub name_nodes: Vec<Url>,
    pub timeout: Duration,
}

#[derive(Clone, Debug, PartialEq)]
pub struct AwsSettings {
    /// `None`: as the AWS SDK finds it.
    pub region: Option<String>,
    /// For each call.
    pub timeout: Duration,
    /// All calls to EMR together.
    pub calls_per_minute: u32,
    /// How long EMR may wait for containers on nodes that leave; `None`: EMR's own default.
    pub decommission_timeout: Option<Duration>,
    /// Ask EMR whether its managed scaling is on. Only services that resemble EMR and lack the
    /// operation make it necessary not to.
    pub check_managed_scaling: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    pub format: LogFormat,
    pub level: tracing::Level,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

/// What the command line says; it has the last word.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    pub policy: Option<PathBuf>,
    pub state_dir: Option<PathBuf>,
    pub cluster_id: Option<String>,
    pub dry_run: bool,
}

/// What is wrong with the settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("{0}; `headroom run --help` lists every setting")]
    Read(#[from] config::ConfigError),
    #[error("setting `{key}`: {problem}")]
    Value { key: &'static str, problem: String },
}

impl Settings {
    /// Reads the file, if one is given, the environment and the flags.
    ///
    /// # Errors
    /// An unreadable file, an unknown setting, a value that is none, or no policy.
    pub fn load(file: Option<&Path>, flags: Flags) -> Result<Self, SettingsError> {
        Self::load_from(
            file,
            Environment::with_prefix("HEADROOM")
                .prefix_separator("__")
                .separator("__"),
            flags,
        )
    }

    fn load_from(
        file: Option<&Path>,
        environment: Environment,
        flags: Flags,
    ) -> Result<Self, SettingsError> {
        let mut builder = Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
        if let Some(file) = file {
            builder = builder.add_source(File::from(file).format(FileFormat::Toml));
        }
        let lists = [
            "shadow_policies",
            "yarn.resource_managers",
            "hdfs.name_nodes",
        ];
        let environment = lists.iter().fold(
            environment.try_parsing(true).list_separator(","),
            |source, key| source.with_list_parse_key(key),
        );
        let overrides = [
            (
                "policy",
                flags.policy.map(|path| path.to_string_lossy().into_owned()),
            ),
            (
                "state_dir",
                flags
                    .state_dir
                    .map(|path| path.to_string_lossy().into_owned()),
            ),
            ("cluster_id", flags.cluster_id),
            ("dry_run", flags.dry_run.then(|| "true".to_owned())),
        ];
        let mut builder = builder.add_source(environment);
        for (key, value) in overrides {
            builder = builder.set_override_option(key, value)?;
        }
        let raw: Raw = builder.build()?.try_deserialize()?;
        raw.check(file.and_then(Path::parent))
    }
}

/// Every setting with the value that it has when nobody sets it.
pub const DEFAULTS: &str = r#"
shadow_policies = []
state_dir = "/var/lib/headroom"
dry_run = false
info_dir = "/mnt/var/lib/info"
listen = "127.0.0.1:9742"

[yarn]
resource_managers = ["http://localhost:8088"]
timeout = "10s"

[hdfs]
name_nodes = ["http://localhost:9870"]
timeout = "10s"

[aws]
timeout = "20s"
calls_per_minute = 60
check_managed_scaling = true

[journal]
segment_mb = 64
budget_mb = 1024

[log]
format = "text"
level = "info"
"#;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    policy: Option<PathBuf>,
    shadow_policies: Vec<PathBuf>,
    state_dir: PathBuf,
    dry_run: bool,
    cluster_id: Option<String>,
    info_dir: PathBuf,
    listen: String,
    prices: Option<PathBuf>,
    yarn: RawYarn,
    hdfs: RawHdfs,
    aws: RawAws,
    journal: RawJournal,
    log: RawLog,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawYarn {
    resource_managers: Vec<String>,
    beside: Option<String>,
    timeout: String,
    ca_file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHdfs {
    name_nodes: Vec<String>,
    timeout: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAws {
    region: Option<String>,
    timeout: String,
    calls_per_minute: u32,
    decommission_timeout: Option<String>,
    check_managed_scaling: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawJournal {
    segment_mb: u64,
    budget_mb: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLog {
    format: LogFormat,
    level: String,
}

impl Raw {
    /// Relative paths count from `folder`, that of the file.
    fn check(self, folder: Option<&Path>) -> Result<Settings, SettingsError> {
        let at = |path: PathBuf| folder.map_or_else(|| path.clone(), |folder| folder.join(&path));
        let policy = self.policy.ok_or_else(|| {
            wrong(
                "policy",
                "no policy is given; name a file here or with --policy",
            )
        })?;
        Ok(Settings {
            policy: at(policy),
            shadow_policies: self.shadow_policies.into_iter().map(at).collect(),
            state_dir: at(self.state_dir),
            dry_run: self.dry_run,
            cluster_id: self.cluster_id.map(cluster_id).transpose()?,
            info_dir: self.info_dir,
            listen: listen(&self.listen)?,
            prices: self.prices.map(at),
            yarn: self.yarn.check()?,
            hdfs: HdfsSettings {
                name_nodes: urls("hdfs.name_nodes", &self.hdfs.name_nodes)?,
                timeout: timeout("hdfs.timeout", &self.hdfs.timeout)?,
            },
            aws: self.aws.check()?,
            journal: self.journal.check()?,
            log: LogSettings {
                format: self.log.format,
                level: level(&self.log.level)?,
            },
        })
    }
}

impl RawYarn {
    fn check(self) -> Result<YarnSettings, SettingsError> {
        let resource_managers = urls("yarn.resource_managers", &self.resource_managers)?;
        if resource_managers.is_empty() {
            return Err(wrong(
                "yarn.resource_managers",
                "the list is empty; name at least one, such as \"http://localhost:8088\"",
            ));
        }
        let beside = self
            .beside
            .map(|text| url("yarn.beside", &text))
            .transpose()?;
        if let Some(beside) = beside
            .as_ref()
            .filter(|beside| !resource_managers.contains(beside))
        {
            return Err(wrong(
                "yarn.beside",
                format!("{beside} is not one of yarn.resource_managers"),
            ));
        }
        Ok(YarnSettings {
            resource_managers,
            beside,
            timeout: timeout("yarn.timeout", &self.timeout)?,
            ca_file: self.ca_file,
        })
    }
}

impl RawAws {
    fn check(self) -> Result<AwsSettings, SettingsError> {
        if self.calls_per_minute < CALLS_PER_MINUTE_LEAST {
            let problem = format!(
                "{} is too few to follow a cluster; {CALLS_PER_MINUTE_LEAST} is the least",
                self.calls_per_minute
            );
            return Err(wrong("aws.calls_per_minute", problem));
        }
        Ok(AwsSettings {
            region: self.region,
            timeout: timeout("aws.timeout", &self.timeout)?,
            calls_per_minute: self.calls_per_minute,
            decommission_timeout: self
                .decommission_timeout
                .map(|text| duration("aws.decommission_timeout", &text))
                .transpose()?,
            check_managed_scaling: self.check_managed_scaling,
        })
    }
}

/// Two calls at each poll of 30 s, and one to resize.
const CALLS_PER_MINUTE_LEAST: u32 = 6;

impl RawJournal {
    fn check(self) -> Result<journal::Settings, SettingsError> {
        if self.segment_mb == 0 || self.budget_mb / 2 < self.segment_mb {
            let problem = "give at least 1, and a budget of at least two segments: one that grows and one that is compressed";
            return Err(wrong("journal.segment_mb", problem));
        }
        let bytes = |megabytes: u64| megabytes.saturating_mul(1_000_000);
        Ok(journal::Settings {
            segment_bytes: bytes(self.segment_mb),
            budget_bytes: bytes(self.budget_mb),
            ..journal::Settings::default()
        })
    }
}

fn wrong(key: &'static str, problem: impl Into<String>) -> SettingsError {
    SettingsError::Value {
        key,
        problem: problem.into(),
    }
}

fn cluster_id(text: String) -> Result<String, SettingsError> {
    let is_id = text.strip_prefix("j-").is_some_and(|rest| {
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    if is_id {
        Ok(text)
    } else {
        Err(wrong(
            "cluster_id",
            format!("`{text}` is no cluster id; they look like j-2AXXXXXXGAPLF"),
        ))
    }
}

fn listen(text: &str) -> Result<Option<SocketAddr>, SettingsError> {
    if text == "off" {
        return Ok(None);
    }
    let problem =
        || format!("`{text}` is no address with a port, such as 127.0.0.1:9742, and not `off`");
    text.parse()
        .map(Some)
        .map_err(|_| wrong("listen", problem()))
}

fn urls(key: &'static str, texts: &[String]) -> Result<Vec<Url>, SettingsError> {
    texts.iter().map(|text| url(key, text)).collect()
}

fn url(key: &'static str, text: &str) -> Result<Url, SettingsError> {
    let parsed = Url::parse(text).map_err(|error| {
        wrong(
            key,
            format!("`{text}` is no URL ({error}); write http://HOST:PORT"),
        )
    })?;
    if !matches!(parsed.scheme(), "http" | "https") || parsed.host().is_none() {
        return Err(wrong(
            key,
            format!("`{text}` does not start with http:// or https:// and a host"),
        ));
    }
    Ok(parsed)
}

fn duration(key: &'static str, text: &str) -> Result<Duration, SettingsError> {
    scalar::duration(text).map_err(|refusal| wrong(key, refusal.to_string()))
}

fn timeout(key: &'static str, text: &str) -> Result<Duration, SettingsError> {
    let timeout = duration(key, text)?;
    if timeout.is_zero() || timeout > LONGEST_TIMEOUT {
        return Err(wrong(
            key,
            format!("`{text}` is not between 1ms and 2m: a tick waits for it"),
        ));
    }
    Ok(timeout)
}

const LONGEST_TIMEOUT: Duration = Duration::from_secs(120);

fn level(text: &str) -> Result<tracing::Level, SettingsError> {
    text.parse().map_err(|_| {
        wrong(
            "log.level",
            format!("`{text}` is none of error, warn, info, debug, trace"),
        )
    })
}

#[cfg(test)]
mod tests;
