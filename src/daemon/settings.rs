//! The settings of a daemon, in layers: defaults < file < environment < flags.
//!
//! The file is TOML. An environment variable overrides each setting of the file:
//! `HEADROOM__YARN__TIMEOUT=5s` for `timeout` in `[yarn]`. Unknown settings are errors.

mod reference;
mod values;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use config::{Config, Environment, File, FileFormat};
use reqwest::Url;
use serde::Deserialize;

use crate::daemon::journal;
use crate::daemon::sources::http_get::shown;
use crate::daemon::sources::work::WorkLimits;
pub use reference::{SETTINGS, Setting};
pub use values::SettingsError;
use values::{cluster_id, duration, level, listen, timeout, url, urls, wrong};

/// All settings, validated.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The policy that acts.
    pub policy: PathBuf,
    /// Policies that are evaluated for comparison and never act.
    pub shadow_policies: Vec<PathBuf>,
    /// The folder of the journal, the lock and the pause file.
    pub state_dir: PathBuf,
    /// Decide and write the journal, but change nothing.
    pub dry_run: bool,
    /// The cluster; `None` to find it in `info_dir`.
    pub cluster_id: Option<String>,
    /// The folder in which EMR describes the node.
    pub info_dir: PathBuf,
    /// How to read YARN.
    pub yarn: YarnSettings,
    /// How to ask running applications about their work; `None` if they are not asked.
    pub work: Option<WorkLimits>,
    /// How to read HDFS.
    pub hdfs: HdfsSettings,
    /// How to sign in to YARN and HDFS; `None` if the daemon does not.
    pub kerberos: Option<KerberosSettings>,
    /// How to call EMR and CloudWatch.
    pub aws: AwsSettings,
    /// How large the journal grows.
    pub journal: journal::Settings,
    /// The address of the HTTP server; `None` for no server.
    pub listen: Option<SocketAddr>,
    /// A file of prices that differ from the shipped table.
    pub prices: Option<PathBuf>,
    /// What is logged, and how.
    pub log: LogSettings,
}

/// How to read YARN.
#[derive(Clone, Debug, PartialEq)]
pub struct YarnSettings {
    /// All ResourceManagers, of which the active one is read. Never empty.
    pub resource_managers: Vec<Url>,
    /// The ResourceManager on this node, where a daemon runs on each of several primary nodes. The
    /// daemon leads while it is active, and is a standby otherwise. `None` for a single daemon.
    pub local_resource_manager: Option<Url>,
    /// The time limit for one reading, all requests together.
    pub timeout: Duration,
    /// A PEM file of the certificates to trust for YARN and HDFS, instead of the machine's
    /// certificate authorities.
    pub ca_file: Option<PathBuf>,
    /// YARN's web proxy; `None` for the ResourceManager or EMR's proxy on its host.
    pub proxy: Option<Url>,
}

/// How to read HDFS.
#[derive(Clone, Debug, PartialEq)]
pub struct HdfsSettings {
    /// All NameNodes, of which the active one is read. If empty, HDFS is not read and core groups
    /// never shrink.
    pub name_nodes: Vec<Url>,
    /// The time limit for one reading.
    pub timeout: Duration,
}

/// How to sign in where a service requires Kerberos over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KerberosSettings {
    /// The program that signs in: a path, or a name that is looked up in PATH.
    pub curl: PathBuf,
}

/// How to call EMR and CloudWatch.
#[derive(Clone, Debug, PartialEq)]
pub struct AwsSettings {
    /// The region; `None` for the one that the AWS SDK finds.
    pub region: Option<String>,
    /// A PEM file of the certificates to trust for AWS, instead of the machine's certificate
    /// authorities; `None` for the file in AWS_CA_BUNDLE, if that is set.
    pub ca_file: Option<PathBuf>,
    /// The time limit for one call to EMR.
    pub timeout: Duration,
    /// The most calls to EMR per minute, of all operations together.
    pub calls_per_minute: u32,
    /// How long EMR waits for containers on nodes that leave; `None` for EMR's default.
    pub decommission_timeout: Option<Duration>,
    /// Ask EMR whether managed scaling is on. False only for EMR emulators that lack the
    /// operation.
    pub check_managed_scaling: bool,
}

/// What is logged, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// The form of each line.
    pub format: LogFormat,
    /// The least severe level that is logged.
    pub level: tracing::Level,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Settings from the command line, which override all others.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--policy`.
    pub policy: Option<PathBuf>,
    /// `--state-dir`.
    pub state_dir: Option<PathBuf>,
    /// `--cluster-id`.
    pub cluster_id: Option<String>,
    /// `--dry-run`.
    pub dry_run: bool,
}

impl Settings {
    /// Reads the file, if one is given, the environment and the flags.
    ///
    /// # Errors
    /// When the file cannot be read, a setting is unknown or invalid, or no policy is named.
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
        let mut builder =
            Config::builder().add_source(File::from_str(&reference::defaults(), FileFormat::Toml));
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
    work: RawWork,
    hdfs: RawHdfs,
    kerberos: RawKerberos,
    aws: RawAws,
    journal: RawJournal,
    log: RawLog,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawYarn {
    resource_managers: Vec<String>,
    #[serde(alias = "beside")]
    local_resource_manager: Option<String>,
    timeout: String,
    ca_file: Option<PathBuf>,
    proxy: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWork {
    applications: usize,
    at_a_time: usize,
    timeout: String,
    answers_mib: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHdfs {
    name_nodes: Vec<String>,
    timeout: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKerberos {
    enabled: bool,
    curl: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAws {
    region: Option<String>,
    ca_file: Option<PathBuf>,
    timeout: String,
    calls_per_minute: u32,
    decommission_timeout: Option<String>,
    check_managed_scaling: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawJournal {
    segment_mib: u64,
    budget_mib: u64,
    /// Former names. Aliases would collide with the defaults under the new names.
    segment_mb: Option<u64>,
    budget_mb: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLog {
    format: LogFormat,
    level: String,
}

impl Raw {
    /// Validates the settings. `folder` is the file's; relative paths count from it.
    fn check(self, folder: Option<&Path>) -> Result<Settings, SettingsError> {
        let at = |path: PathBuf| match folder {
            Some(folder) => folder.join(path),
            None => path,
        };
        let policy = self.policy.ok_or_else(|| {
            wrong(
                "policy",
                "it is missing; name a policy file here or with --policy",
            )
        })?;
        Ok(Settings {
            policy: at(policy),
            shadow_policies: self.shadow_policies.into_iter().map(&at).collect(),
            state_dir: at(self.state_dir),
            dry_run: self.dry_run,
            cluster_id: self.cluster_id.map(cluster_id).transpose()?,
            info_dir: self.info_dir,
            listen: listen(&self.listen)?,
            prices: self.prices.map(&at),
            yarn: self.yarn.check(&at)?,
            work: self.work.check()?,
            hdfs: HdfsSettings {
                name_nodes: urls("hdfs.name_nodes", &self.hdfs.name_nodes)?,
                timeout: timeout("hdfs.timeout", &self.hdfs.timeout)?,
            },
            kerberos: (self.kerberos.enabled).then_some(KerberosSettings {
                curl: self.kerberos.curl,
            }),
            aws: self.aws.check(&at)?,
            journal: self.journal.check()?,
            log: LogSettings {
                format: self.log.format,
                level: level(&self.log.level)?,
            },
        })
    }
}

impl RawYarn {
    fn check(self, at: &impl Fn(PathBuf) -> PathBuf) -> Result<YarnSettings, SettingsError> {
        let resource_managers = urls("yarn.resource_managers", &self.resource_managers)?;
        if resource_managers.is_empty() {
            return Err(wrong(
                "yarn.resource_managers",
                "the list is empty; name at least one, such as \"http://localhost:8088\"",
            ));
        }
        let local = self
            .local_resource_manager
            .map(|text| url("yarn.local_resource_manager", &text))
            .transpose()?;
        if let Some(local) = &local
            && !resource_managers.contains(local)
        {
            return Err(wrong(
                "yarn.local_resource_manager",
                format!(
                    "{} is not one of yarn.resource_managers; spell it as it is there",
                    shown(local)
                ),
            ));
        }
        Ok(YarnSettings {
            resource_managers,
            local_resource_manager: local,
            timeout: timeout("yarn.timeout", &self.timeout)?,
            ca_file: self.ca_file.map(at),
            proxy: self
                .proxy
                .map(|text| url("yarn.proxy", &text))
                .transpose()?,
        })
    }
}

impl RawWork {
    fn check(self) -> Result<Option<WorkLimits>, SettingsError> {
        if !(1..=50).contains(&self.at_a_time) {
            return Err(wrong("work.at_a_time", "set 1 to 50"));
        }
        if !(1..=64).contains(&self.answers_mib) {
            return Err(wrong("work.answers_mib", "set 1 to 64"));
        }
        let limits = WorkLimits {
            applications: self.applications,
            at_a_time: self.at_a_time,
            timeout: timeout("work.timeout", &self.timeout)?,
            bytes: self.answers_mib << 20,
        };
        Ok((self.applications > 0).then_some(limits))
    }
}

impl RawAws {
    fn check(self, at: &impl Fn(PathBuf) -> PathBuf) -> Result<AwsSettings, SettingsError> {
        if self.calls_per_minute < CALLS_PER_MINUTE_LEAST {
            let problem = format!(
                "{} is too few to follow a cluster; set at least {CALLS_PER_MINUTE_LEAST}",
                self.calls_per_minute
            );
            return Err(wrong("aws.calls_per_minute", problem));
        }
        Ok(AwsSettings {
            region: self.region,
            ca_file: self.ca_file.map(at),
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

/// Enough for two calls at each poll of 30 s and a resize.
const CALLS_PER_MINUTE_LEAST: u32 = 6;

const BYTES_PER_MIB: u64 = 1 << 20;

impl RawJournal {
    fn check(self) -> Result<journal::Settings, SettingsError> {
        let segment_mib = self.segment_mb.unwrap_or(self.segment_mib);
        let budget_mib = self.budget_mb.unwrap_or(self.budget_mib);
        if segment_mib == 0 || budget_mib / 2 < segment_mib {
            let problem = "set at least 1, and journal.budget_mib to at least twice as much: a segment is compressed while the next one grows";
            return Err(wrong("journal.segment_mib", problem));
        }
        Ok(journal::Settings {
            segment_bytes: segment_mib.saturating_mul(BYTES_PER_MIB),
            budget_bytes: budget_mib.saturating_mul(BYTES_PER_MIB),
            ..journal::Settings::default()
        })
    }
}

#[cfg(test)]
mod tests;
