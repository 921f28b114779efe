//! Starts a daemon from its settings. Every problem that can be found before the first tick is found
//! here, within seconds, and reported with its remedy.

mod unread_yarn;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;

use crate::daemon::act::{Actuator, Resizer};
use crate::daemon::clock::Clock;
use crate::daemon::discovery::{self, DiscoveryError};
use crate::daemon::journal::{Journal, JournalError};
use crate::daemon::observe::{Observer, Sources};
use crate::daemon::self_test::{self, SelfTestFailure};
use crate::daemon::settings::Settings;
use crate::daemon::sources::cloudwatch::{self, CloudWatch, MetricConflict};
use crate::daemon::sources::emr::{Emr, StepsRead};
use crate::daemon::sources::hdfs::Hdfs;
use crate::daemon::sources::http_get::{HttpGet, TrustError};
use crate::daemon::sources::sign_in::SignIn;
use crate::daemon::sources::work::{ProxyAddress, WorkLimits, WorkSource};
use crate::daemon::sources::yarn::Yarn;
use crate::daemon::state_dir::{StateDir, StateDirError};
use crate::daemon::telemetry::cost::CostMeter;
use crate::daemon::telemetry::monitor::{Identity, Monitor};
use crate::daemon::tick::{Daemon, Shadow, run_in_background};
use crate::daemon::trouble_log::TroubleLog;
use crate::engine::Engine;
use crate::file::read_text;
use crate::policy::diagnostic::PolicyErrors;
use crate::policy::{MetricSpec, Policy};
use crate::pricing::{PriceTable, PricingError};
use crate::replay::fold::fold;
use crate::trace::journal::TraceReader;
use crate::trace::{PolicySource, Start};

/// Why a daemon does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A policy file cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A policy is invalid.
    #[error(transparent)]
    Policy(#[from] PolicyErrors),
    /// Two policies define one metric differently.
    #[error(transparent)]
    Metrics(#[from] MetricConflict),
    /// The cluster is unknown.
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    /// The state folder cannot be used.
    #[error(transparent)]
    StateDir(#[from] StateDirError),
    /// The price file is invalid.
    #[error(transparent)]
    Prices(#[from] PricingError),
    /// The file of trusted certificates is invalid.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// No policy uses YARN, and only YARN shows which of several daemons leads.
    #[error(
        "setting `yarn.local_resource_manager`: no policy uses YARN (`uses_yarn: false`), so it does not show which primary node leads; \
         remove the setting, and run the daemon on one primary node only"
    )]
    NoLeader,
    /// The self-test failed.
    #[error(transparent)]
    SelfTest(#[from] SelfTestFailure),
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// A policy and its source.
#[derive(Clone, Debug)]
pub struct PolicyFile {
    /// The path and the text of the file.
    pub source: PolicySource,
    /// The policy in it.
    pub policy: Policy,
}

impl PolicyFile {
    /// Reads a policy file.
    ///
    /// # Errors
    /// When the file cannot be read, or is not a valid policy.
    pub fn read(path: &Path) -> Result<Self, StartError> {
        let text = read_text(path).map_err(|source| StartError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let source = PolicySource {
            file: path.display().to_string(),
            text,
        };
        let policy = source.parse()?;
        Ok(Self { source, policy })
    }
}

/// Reads the policies, locks the state folder, runs the self-test, and restores the engine from the
/// journal.
///
/// # Errors
/// Everything that would keep the daemon from working.
pub async fn start(
    settings: &Settings,
    sdk: &SdkConfig,
    clock: Clock,
) -> Result<Daemon, StartError> {
    let main = PolicyFile::read(&settings.policy)?;
    let shadows = settings
        .shadow_policies
        .iter()
        .map(|path| PolicyFile::read(path))
        .collect::<Result<Vec<_>, _>>()?;
    let prices = prices(settings)?;
    let cluster_id = cluster_id(settings)?;
    let state_dir = StateDir::lock(&settings.state_dir)?;
    let policies: Vec<&Policy> = std::iter::once(&main)
        .chain(&shadows)
        .map(|file| &file.policy)
        .collect();
    let metrics = cloudwatch::metrics_of(policies.iter().copied())?;
    let http = http(settings)?;
    let mut sources = sources(
        settings,
        &http,
        sdk,
        &cluster_id,
        metrics,
        &policies,
        main.policy.poll(),
    )?;
    sources.emr = sources.emr.with_types(prices.clone());
    let mut observer = Observer::new(sources, main.policy.poll());
    self_test::run(&mut observer, &main.policy, &clock, settings.dry_run).await?;
    unread_yarn::log(&main.policy, http, &settings.yarn, &clock).await;

    let start = Start {
        at: clock.now(),
        headroom: env!("CARGO_PKG_VERSION").to_owned(),
        cluster: cluster_id.clone(),
        dry_run: settings.dry_run,
        policy: main.source.clone(),
        state: None,
    };
    let (journal, engine) = Journal::open(&state_dir.journal(), settings.journal, start)?;
    run_in_background(journal.upkeep());
    let shadows = shadows
        .into_iter()
        .map(|shadow| restored(shadow, &journal))
        .collect::<Result<Vec<_>, StartError>>()?;
    let actuator = actuator(settings, sdk, &cluster_id);
    let identity = Identity {
        cluster_id,
        policy_file: main.source.file,
        dry_run: settings.dry_run,
    };
    let monitor = Arc::new(Monitor::new(identity, &main.policy, clock.clone()));
    Ok(Daemon {
        clock,
        state_dir,
        observer,
        engine,
        shadows: numbered(shadows),
        journal,
        actuator,
        cost: CostMeter::new(prices),
        monitor,
        failures: BTreeMap::new(),
        troubles: TroubleLog::default(),
        has_observed: false,
    })
}

/// The configured cluster, or the one that this node belongs to.
fn cluster_id(settings: &Settings) -> Result<String, DiscoveryError> {
    match &settings.cluster_id {
        Some(id) => Ok(id.clone()),
        None => Ok(discovery::node(&settings.info_dir)?.cluster_id),
    }
}

fn actuator(settings: &Settings, sdk: &SdkConfig, cluster_id: &str) -> Actuator {
    if settings.dry_run {
        Actuator::DryRun
    } else {
        Actuator::Live(Resizer::new(sdk, cluster_id, &settings.aws))
    }
}

fn prices(settings: &Settings) -> Result<PriceTable, PricingError> {
    let shipped = PriceTable::shipped();
    match &settings.prices {
        Some(path) => shipped.with_override_file(path),
        None => Ok(shipped),
    }
}

/// The client for YARN, HDFS and applications. It signs in at the addresses of the settings.
fn http(settings: &Settings) -> Result<HttpGet, TrustError> {
    let (yarn, hdfs) = (&settings.yarn, &settings.hdfs);
    let sign_in = settings.kerberos.as_ref().map(|kerberos| {
        let urls = yarn.resource_managers.iter().chain(&hdfs.name_nodes);
        // Cookies end in real time, whatever the clock of the daemon.
        SignIn::new(
            kerberos.curl.clone(),
            yarn.ca_file.clone(),
            urls.chain(&yarn.proxy),
            Clock::real(),
        )
    });
    Ok(HttpGet::new(yarn.ca_file.as_deref())?.with_sign_in(sign_in))
}

fn sources(
    settings: &Settings,
    http: &HttpGet,
    sdk: &SdkConfig,
    cluster_id: &str,
    metrics: Vec<MetricSpec>,
    policies: &[&Policy],
    poll: Duration,
) -> Result<Sources, StartError> {
    let (yarn, hdfs) = (&settings.yarn, &settings.hdfs);
    let uses_yarn = policies.iter().any(|policy| policy.uses_yarn());
    let follows_local_active = yarn.local_resource_manager.is_some();
    if follows_local_active && !uses_yarn {
        return Err(StartError::NoLeader);
    }
    let read_yarn = || {
        Yarn::new(
            http.clone(),
            yarn.resource_managers.clone(),
            yarn.local_resource_manager.clone(),
            yarn.timeout,
            poll * 3,
        )
    };
    Ok(Sources {
        yarn: uses_yarn.then(read_yarn),
        work: settings.work.filter(|_| uses_yarn).map(|limits| {
            let proxy = ProxyAddress::new(yarn.proxy.clone(), discovery::host_name());
            // Applications that hang must not make the other data stale.
            let timeout = limits.timeout.min(poll / 2);
            WorkSource::new(http, proxy, WorkLimits { timeout, ..limits })
        }),
        follows_local_active,
        hdfs: (!hdfs.name_nodes.is_empty())
            .then(|| Hdfs::new(http.clone(), hdfs.name_nodes.clone(), hdfs.timeout)),
        emr: Emr::new(
            sdk,
            cluster_id,
            &settings.aws,
            StepsRead::by(
                policies.iter().copied(),
                settings.work.is_some() && uses_yarn,
            ),
        ),
        cloudwatch: (!metrics.is_empty()).then(|| CloudWatch::new(sdk, cluster_id, metrics)),
    })
}

/// Restores a shadow by replaying the newest segment of the journal.
fn restored(shadow: PolicyFile, journal: &Journal) -> Result<Shadow, StartError> {
    let mut engine = Engine::new(shadow.policy);
    for record in TraceReader::open(journal.path()).map_err(JournalError::Damaged)? {
        fold(&mut engine, &record.map_err(JournalError::Damaged)?);
    }
    Ok(Shadow {
        name: engine.policy().name().to_owned(),
        engine,
    })
}

/// Numbers shadows that have the same name.
fn numbered(mut shadows: Vec<Shadow>) -> Vec<Shadow> {
    for index in 1..shadows.len() {
        let (before, rest) = shadows.split_at_mut(index);
        let shadow = &mut rest[0];
        let same = before
            .iter()
            .filter(|other| other.name == shadow.name)
            .count();
        if same > 0 {
            shadow.name = format!("{}-{}", shadow.name, same + 1);
        }
    }
    shadows
}
