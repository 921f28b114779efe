//! The list of settings: their names, defaults and meanings.

/// One setting, as `headroom run --help` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The key in the file, with its table: `yarn.timeout`.
    pub key: &'static str,
    /// The default as TOML; `None` if the setting has none.
    pub default: Option<&'static str>,
    /// What the setting does, with its unit.
    pub help: &'static str,
}

/// Every setting.
pub const SETTINGS: &[Setting] = &[
    without_default("policy", "The policy file. Required, here or with --policy"),
    with_default(
        "shadow_policies",
        "[]",
        "Policies to evaluate for comparison; they never act",
    ),
    with_default(
        "state_dir",
        "\"/var/lib/headroom\"",
        "Folder of the journal, the lock and the pause file",
    ),
    with_default(
        "dry_run",
        "false",
        "Decide and write the journal, but change nothing",
    ),
    without_default("cluster_id", "The cluster; found in `info_dir` if not set"),
    with_default(
        "info_dir",
        "\"/mnt/var/lib/info\"",
        "Folder in which EMR describes the node",
    ),
    with_default(
        "listen",
        "\"127.0.0.1:9742\"",
        "Address of the status page and /metrics, or \"off\"",
    ),
    without_default(
        "prices",
        "CSV file of prices that differ from the shipped us-east-1 list",
    ),
    with_default(
        "yarn.resource_managers",
        "[\"http://localhost:8088\"]",
        "URLs of all ResourceManagers; the active one is read",
    ),
    without_default(
        "yarn.local_resource_manager",
        "With several primary nodes: the URL of this node's ResourceManager. \
         The daemon acts only while that one is active",
    ),
    with_default(
        "yarn.timeout",
        "\"10s\"",
        "Time limit for one reading of YARN, all requests together; 1ms to 2m",
    ),
    without_default(
        "yarn.ca_file",
        "PEM file of the certificates to trust for YARN and HDFS, instead of the machine's",
    ),
    without_default(
        "yarn.proxy",
        "URL of YARN's web proxy, through which running applications are asked; \
         the ResourceManager or port 20888 on its host if not set",
    ),
    with_default(
        "work.applications",
        "20",
        "How many running applications are asked at each poll what is left to do, those with most memory first; 0 for none",
    ),
    with_default(
        "work.at_a_time",
        "4",
        "How many applications are asked at the same time; 1 to 50",
    ),
    with_default(
        "work.timeout",
        "\"3s\"",
        "Time limit for asking the applications, all together, and at most half of the poll interval; 1ms to 2m",
    ),
    with_default(
        "work.answers_mib",
        "1",
        "The most that all applications together may answer at one poll, in MiB; 1 to 64",
    ),
    with_default(
        "hdfs.name_nodes",
        "[\"http://localhost:9870\"]",
        "URLs of all NameNodes. If empty, HDFS is not read and core groups never shrink",
    ),
    with_default(
        "hdfs.timeout",
        "\"10s\"",
        "Time limit for one reading of HDFS; 1ms to 2m",
    ),
    with_default(
        "kerberos.enabled",
        "false",
        "Sign in to YARN, HDFS and YARN's proxy where they require Kerberos over HTTP",
    ),
    with_default(
        "kerberos.curl",
        "\"curl\"",
        "The curl that signs in, built with GSS-API: a path, or a name that is looked up in PATH",
    ),
    without_default("aws.region", "AWS region; found by the AWS SDK if not set"),
    without_default(
        "aws.ca_file",
        "PEM file of the certificates to trust for AWS, instead of the machine's; AWS_CA_BUNDLE if not set",
    ),
    with_default(
        "aws.timeout",
        "\"20s\"",
        "Time limit for one call to EMR; 1ms to 2m",
    ),
    with_default(
        "aws.calls_per_minute",
        "60",
        "The most calls to EMR per minute; at least 6",
    ),
    without_default(
        "aws.decommission_timeout",
        "How long EMR waits for containers on nodes that leave; EMR's default is 1h",
    ),
    with_default(
        "aws.check_managed_scaling",
        "true",
        "Ask whether EMR managed scaling is on; turn off only for EMR emulators",
    ),
    with_default(
        "journal.segment_mib",
        "64",
        "Size at which a new journal segment begins, in MiB",
    ),
    with_default(
        "journal.budget_mib",
        "1024",
        "Size of the whole journal, in MiB; the oldest segments are deleted beyond it",
    ),
    with_default("log.format", "\"text\"", "\"text\" or \"json\""),
    with_default(
        "log.level",
        "\"info\"",
        "\"error\", \"warn\", \"info\", \"debug\" or \"trace\"",
    ),
];

const fn without_default(key: &'static str, help: &'static str) -> Setting {
    Setting {
        key,
        default: None,
        help,
    }
}

const fn with_default(key: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting {
        key,
        default: Some(default),
        help,
    }
}

impl Setting {
    /// The environment variable that overrides the setting: `HEADROOM__YARN__TIMEOUT`.
    pub fn environment_variable(&self) -> String {
        format!("HEADROOM__{}", self.key.replace('.', "__").to_uppercase())
    }
}

/// The defaults as a settings file.
pub(super) fn defaults() -> String {
    SETTINGS
        .iter()
        .filter_map(|setting| Some(format!("{} = {}\n", setting.key, setting.default?)))
        .collect()
}
