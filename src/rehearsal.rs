//! Runs the whole daemon on a simulated cluster, which serves the APIs of YARN, HDFS and EMR on
//! loopback. The only place where the simulator and the daemon meet.

pub mod narrator;
mod services;
mod simulated;
pub mod summary;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_emr::config::{Credentials, SharedCredentialsProvider};
use reqwest::Url;

use crate::daemon::clock::Clock;
use crate::daemon::journal::{self, JournalError};
use crate::daemon::settings::{
    AwsSettings, HdfsSettings, LogFormat, LogSettings, Settings, YarnSettings,
};
use crate::daemon::sources::work::WorkLimits;
use crate::daemon::start::{StartError, start};
use crate::daemon::state_dir;
use crate::daemon::telemetry::report::TickReport;
use crate::daemon::telemetry::server::Server;
use crate::daemon::tick::Daemon;
use crate::evaluation::trials::started_within_limits;
use crate::file::read_text;
use crate::observation::GroupKind;
use crate::policy::Policy;
use crate::policy::diagnostic::PolicyErrors;
use crate::policy::parse::parse;
use crate::sim::run::Run;
use crate::sim::scenario::Scenario;
use crate::sim::trace_work::TraceWork;
use crate::sim::{SimError, check_signals, check_targets};
pub use services::Services;
pub use simulated::{Ended, SimulatedCluster};

/// The id of every simulated cluster.
pub const CLUSTER_ID: &str = "j-REHEARSAL";

/// How often, in simulated time, the rehearsal checks whether all work is done.
const FINISHED_EVERY: Duration = Duration::from_secs(10);

/// The plan of a rehearsal.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The name of the simulation.
    pub name: String,
    /// The work.
    pub workload: Arc<TraceWork>,
    /// The cluster.
    pub scenario: Scenario,
    /// The daemon's policy file.
    pub policy: PathBuf,
    /// The seed of provisioning times, failures and interruptions.
    pub seed: u64,
    /// How many times faster than real time it runs.
    pub speed: u32,
    /// The simulated time after which it ends, finished or not.
    pub at_most: Option<Duration>,
    /// The address of the daemon's HTTP server.
    pub listen: SocketAddr,
    /// The daemon's state folder.
    pub state_dir: PathBuf,
}

/// Why a rehearsal failed.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message is its documentation; the fields are its parts"
)]
pub enum RehearsalError {
    #[error("{} cannot be read", path.display())]
    Unreadable {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the policy is invalid")]
    Policy(#[from] PolicyErrors),
    #[error(transparent)]
    Simulation(#[from] SimError),
    #[error(
        "group `{group}` of scenario `{scenario}` is a fleet, but a rehearsal supports only instance groups; write `kind: group`"
    )]
    Fleet { group: String, scenario: String },
    #[error(
        "cannot listen on {address}; choose another address with --listen, such as 127.0.0.1:0 for any free port"
    )]
    Listen {
        address: SocketAddr,
        source: std::io::Error,
    },
    #[error("the simulated services cannot listen on a loopback port")]
    Services(#[source] std::io::Error),
    #[error("the daemon cannot start")]
    Start(#[from] StartError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Ended(#[from] Ended),
}

/// A daemon that has passed its self-test on a simulated cluster and serves its status page.
pub struct Rehearsal {
    daemon: Daemon,
    cluster: SimulatedCluster,
    services: Services,
    address: SocketAddr,
    server: Server,
    policy: Policy,
    journal: PathBuf,
    at_most: Option<Duration>,
}

/// Why a rehearsal ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All work is done.
    WorkDone,
    /// [`Plan::at_most`] has passed.
    TimeUp,
    /// It was asked to stop.
    Stopped,
}

/// A rehearsal that has ended.
#[derive(Debug)]
pub struct Rehearsed {
    /// Why it ended.
    pub ending: Ending,
    /// What happened on the simulated cluster.
    pub run: Run,
}

impl Rehearsal {
    /// Starts the cluster, its services, the daemon and its status page. Simulated time starts here.
    ///
    /// # Errors
    /// When policy, work and scenario do not fit together, or the daemon cannot start.
    pub async fn start(plan: Plan) -> Result<Self, RehearsalError> {
        let text = read_text(&plan.policy).map_err(|source| RehearsalError::Unreadable {
            path: plan.policy.clone(),
            source,
        })?;
        let policy = parse(&text, &plan.policy.display().to_string())?;
        check_targets(&policy, &plan.scenario)?;
        check_signals(&policy, plan.workload.says_what_is_left())?;
        if let Some(fleet) = plan
            .scenario
            .groups
            .iter()
            .find(|group| group.kind == GroupKind::Fleet)
        {
            return Err(RehearsalError::Fleet {
                group: fleet.name.to_string(),
                scenario: plan.scenario.name.clone(),
            });
        }
        let listener = TcpListener::bind(plan.listen)
            .and_then(|listener| Ok((listener.local_addr()?, listener)));
        let (address, listener) = listener.map_err(|source| RehearsalError::Listen {
            address: plan.listen,
            source,
        })?;

        let scenario = Arc::new(started_within_limits(&plan.scenario, &policy).into_owned());
        let cluster = SimulatedCluster::start(
            Arc::clone(&plan.workload),
            scenario,
            plan.seed,
            Clock::starting_at(plan.workload.start(), plan.speed),
        )?;
        let services = Services::start(cluster.clone(), CLUSTER_ID, &plan.name)
            .await
            .map_err(RehearsalError::Services)?;
        let daemon = start(
            &settings(&plan, services.url().clone()),
            &sdk_config(&services),
            cluster.clock(),
        )
        .await?;

        let server = Server::start(listener, daemon.monitor());
        let server = server.map_err(|source| RehearsalError::Listen { address, source })?;
        let journal = state_dir::journal(&plan.state_dir);
        Ok(Self {
            daemon,
            cluster,
            services,
            address,
            server,
            policy,
            journal,
            at_most: plan.at_most,
        })
    }

    /// The address of the status page, `/metrics` and the other endpoints.
    pub fn status_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address of the simulated services.
    pub fn services_url(&self) -> &Url {
        self.services.url()
    }

    /// The daemon's policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The simulated time.
    pub fn clock(&self) -> Clock {
        self.cluster.clock()
    }

    /// The folder of the daemon's journal.
    pub fn journal(&self) -> &PathBuf {
        &self.journal
    }

    /// Runs until all work is done, time is up or `stop` is ready. Calls `on_tick` after each tick.
    ///
    /// # Errors
    /// When the end of the journal cannot be made durable.
    pub async fn run(
        self,
        stop: impl Future<Output = ()>,
        on_tick: impl FnMut(&TickReport),
    ) -> Result<Rehearsed, RehearsalError> {
        let mut ending = Ending::Stopped;
        let end = async {
            tokio::select! {
                () = stop => {}
                reached = reaches_end(&self.cluster, self.at_most) => ending = reached,
            }
        };
        self.daemon.run(end, on_tick).await?;
        let run = self.cluster.end().await?;
        // Open connections to the status page are not waited for.
        drop(self.server);
        Ok(Rehearsed { ending, run })
    }
}

async fn reaches_end(cluster: &SimulatedCluster, at_most: Option<Duration>) -> Ending {
    let clock = cluster.clock();
    let start = cluster.ask(|cluster| cluster.start()).await;
    let last = start
        .ok()
        .zip(at_most)
        .map(|(start, at_most)| start + at_most);
    loop {
        let next = clock.now() + FINISHED_EVERY;
        clock
            .sleep_until(last.map_or(next, |last| last.min(next)))
            .await;
        // A cluster that has ended counts as finished.
        if cluster
            .ask(|cluster| cluster.is_finished())
            .await
            .unwrap_or(true)
        {
            return Ending::WorkDone;
        }
        if last.is_some_and(|last| clock.now() >= last) {
            return Ending::TimeUp;
        }
    }
}

/// The daemon's settings: the defaults, with the addresses of the simulated services.
fn settings(plan: &Plan, services: Url) -> Settings {
    let timeout = Duration::from_secs(10);
    Settings {
        policy: plan.policy.clone(),
        shadow_policies: Vec::new(),
        state_dir: plan.state_dir.clone(),
        dry_run: false,
        cluster_id: Some(CLUSTER_ID.to_owned()),
        info_dir: PathBuf::new(),
        yarn: YarnSettings {
            resource_managers: vec![services.clone()],
            local_resource_manager: None,
            timeout,
            ca_file: None,
            proxy: None,
        },
        work: plan.workload.says_what_is_left().then_some(WorkLimits {
            applications: 20,
            at_a_time: 4,
            timeout,
            bytes: 4 << 20,
        }),
        hdfs: HdfsSettings {
            name_nodes: vec![services],
            timeout,
        },
        kerberos: None,
        aws: AwsSettings {
            region: None,
            timeout,
            calls_per_minute: 60,
            ca_file: None,
            decommission_timeout: None,
            check_managed_scaling: true,
        },
        journal: journal::Settings {
            synthetic: true,
            ..journal::Settings::default()
        },
        listen: Some(plan.listen),
        prices: None,
        log: LogSettings {
            format: LogFormat::Text,
            level: tracing::Level::INFO,
        },
    }
}

/// An AWS configuration for the simulated EMR, independent of the environment and profiles.
fn sdk_config(services: &Services) -> SdkConfig {
    let credentials = Credentials::new("rehearsal", "rehearsal", None, None, "rehearsal");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(services.url().as_str())
        .build()
}

#[cfg(test)]
mod storm;
#[cfg(test)]
mod tests;
