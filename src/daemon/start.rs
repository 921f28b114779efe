//! From settings to a daemon that may run: everything that can be found wrong is found here, within seconds, and said with its remedy.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};

use crate::daemon::act::{Actuator, Resizer};
use crate::daemon::clock::Clock;
use crate::daemon::cloudwatch::CloudWatch;
use crate::daemon::cost::CostMeter;
use crate::daemon::discovery::{self, DiscoveryError};
use crate::daemon::emr::Emr;
use crate::daemon::hdfs::Hdfs;
use crate::daemon::http_get::HttpGet;
use crate::daemon::journal::{Journal, JournalError};
use crate::daemon::monitor::{Identity, Monitor};
use crate::daemon::observe::{Observer, Sources};
use crate::daemon::self_test::{self, SelfTestError};
use crate::daemon::settings::{AwsSettings, Settings};
use crate::daemon::source::SourceError;
use crate::daemon::state_dir::{StateDir, StateDirError};
use crate::daemon::tick::{Daemon, Shadow, tend};
use crate::engine::Engine;
use crate::policy::diagnostic::PolicyErrors;
use crate::policy::signal::{Signal, SignalSource};
use crate::policy::{MetricSpec, Policy};
use crate::pricing::{PriceTable, PricingError};
use crate::trace::journal::TraceReader;
use crate::trace::{PolicySource, Record, Start};

/// Why a daemon does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{}: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Policy(#[from] PolicyErrors),
    #[error("the policies `{first}` and `{second}` declare the metric `{metric}` differently; give one of them another name")]
    MetricClash { metric: String, first: String, second: String },
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    #[error(transparent)]
    StateDir(#[from] StateDirError),
    #[error(transparent)]
    Prices(#[from] PricingError),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    SelfTest(#[from] SelfTestError),
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// A policy with the file that it came from.
#[derive(Clone, Debug)]
pub struct PolicyFile {
    pub source: PolicySource,
    pub policy: Policy,
}

impl PolicyFile {
    /// # Errors
    /// When the file cannot be read, or is no policy.
    pub fn read(path: &Path) -> Result<Self, StartError> {
        let text = std::fs::read_to_string(path).map_err(|source| StartError::Unreadable { path: path.to_owned(), source })?;
        let source = PolicySource { file: path.display().to_string(), text };
        let policy = source.parse()?;
        Ok(Self { source, policy })
    }
}

/// Credentials, region and endpoints as the AWS SDK finds them, and our timeouts.
pub async fn sdk_config(settings: &AwsSettings) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(settings.timeout.min(Duration::from_secs(5)))
        .operation_timeout(settings.timeout)
        .operation_attempt_timeout(settings.timeout)
        .build();
    let loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts);
    let region = settings.region.clone().map(Region::new);
    match region {
        Some(region) => loader.region(region).load().await,
        None => loader.load().await,
    }
}

/// Reads the policies, takes the state folder, looks at everything once, and restores what the engine knew.
///
/// # Errors
/// Whatever would keep the daemon from doing what it is there for.
pub async fn start(settings: &Settings, sdk: &SdkConfig, clock: Clock) -> Result<Daemon, StartError> {
    let main = PolicyFile::read(&settings.policy)?;
    let shadows = settings.shadow_policies.iter().map(|path| PolicyFile::read(path)).collect::<Result<Vec<_>, _>>()?;
    let metrics = metrics_of(&main, &shadows)?;
    let prices = match &settings.prices {
        Some(path) => PriceTable::shipped().with_override_file(path)?,
        None => PriceTable::shipped(),
    };
    let cluster_id = match &settings.cluster_id {
        Some(id) => id.clone(),
        None => discovery::cluster_id(&settings.info_dir)?,
    };
    let state_dir = StateDir::lock(&settings.state_dir)?;
    let policies: Vec<&Policy> = std::iter::once(&main).chain(&shadows).map(|file| &file.policy).collect();
    let sources = sources(settings, sdk, &cluster_id, metrics, &policies)?;
    let mut observer = Observer::new(sources, main.policy.poll());
    self_test::run(&mut observer, &main.policy, &clock, settings.dry_run).await?;

    let start = Start {
        at: clock.now(),
        headroom: env!("CARGO_PKG_VERSION").to_owned(),
        cluster: cluster_id.clone(),
        dry_run: settings.dry_run,
        policy: main.source.clone(),
        state: None,
    };
    let (journal, engine) = Journal::open(&state_dir.journal(), settings.journal, start)?;
    tend(journal.upkeep());
    let shadows = shadows.into_iter().map(|shadow| restored(shadow, &journal)).collect::<Result<Vec<_>, JournalError>>()?;
    let actuator = if settings.dry_run { Actuator::DryRun } else { Actuator::Live(Resizer::new(sdk, &cluster_id, &settings.aws)) };
    let identity = Identity { cluster_id, policy_file: main.source.file, dry_run: settings.dry_run };
    let monitor = Arc::new(Monitor::new(identity, &main.policy, clock));
    Ok(Daemon { clock, state_dir, observer, engine, shadows: numbered(shadows), journal, actuator, cost: CostMeter::new(prices), monitor })
}

fn sources(
    settings: &Settings,
    sdk: &SdkConfig,
    cluster_id: &str,
    metrics: Vec<MetricSpec>,
    policies: &[&Policy],
) -> Result<Sources, SourceError> {
    let yarn = Yarn::new(HttpGet::new(settings.yarn.timeout, settings.yarn.ca_file.as_deref())?, settings.yarn.resource_managers.clone());
    let hdfs = HttpGet::new(settings.hdfs.timeout, settings.yarn.ca_file.as_deref())?;
    Ok(Sources {
        yarn,
        beside: settings.yarn.beside.clone(),
        hdfs: (!settings.hdfs.name_nodes.is_empty()).then(|| Hdfs::new(hdfs, settings.hdfs.name_nodes.clone())),
        emr: Emr::new(sdk, cluster_id, &settings.aws, reads_steps(policies)),
        cloudwatch: (!metrics.is_empty()).then(|| CloudWatch::new(sdk, cluster_id, metrics)),
    })
}

/// The metrics of all policies; those that several declare, once.
fn metrics_of(main: &PolicyFile, shadows: &[PolicyFile]) -> Result<Vec<MetricSpec>, StartError> {
    let mut metrics: Vec<(&PolicyFile, &MetricSpec)> = Vec::new();
    for file in std::iter::once(main).chain(shadows) {
        for metric in file.policy.metrics() {
            match metrics.iter().find(|(_, known)| known.id == metric.id) {
                Some((_, known)) if *known == metric => {}
                Some((first, _)) => {
                    let (first, second) = (first.source.file.clone(), file.source.file.clone());
                    return Err(StartError::MetricClash { metric: metric.id.to_string(), first, second });
                }
                None => metrics.push((file, metric)),
            }
        }
    }
    Ok(metrics.into_iter().map(|(_, metric)| metric.clone()).collect())
}

/// Steps are listed only for those who look at them.
fn reads_steps(policies: &[&Policy]) -> bool {
    let is_of_steps = |source: &SignalSource| matches!(source, SignalSource::BuiltIn(Signal::EmrStepsPending | Signal::EmrStepsRunning));
    policies.iter().flat_map(|policy| policy.targets()).any(|target| target.signals.iter().any(is_of_steps))
}

/// A shadow as it would be had it seen what the newest segment of the journal holds.
fn restored(shadow: PolicyFile, journal: &Journal) -> Result<Shadow, StartError> {
    let mut shadow = Shadow { name: shadow.policy.name().to_owned(), engine: Engine::new(shadow.policy) };
    for record in TraceReader::open(journal.path()).map_err(JournalError::Damaged)? {
        if let Record::Observation(observation) = record.map_err(JournalError::Damaged)? {
            shadow.step(&observation);
        }
    }
    Ok(shadow)
}

/// Shadows of one name are told apart by a number.
fn numbered(mut shadows: Vec<Shadow>) -> Vec<Shadow> {
    for index in 1..shadows.len() {
        let (before, rest) = shadows.split_at_mut(index);
        let shadow = &mut rest[0];
        let same = before.iter().filter(|other| other.name == shadow.name).count();
        if same > 0 {
            shadow.name = format!("{}-{}", shadow.name, same + 1);
        }
    }
    shadows
}
