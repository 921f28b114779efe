//! Reads all sources concurrently and combines their answers into one observation.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::daemon::clock::Clock;
use crate::daemon::sources::call::Call;
use crate::daemon::sources::cloudwatch::{CloudWatch, CloudWatchReading};
use crate::daemon::sources::emr::start::StartProblem;
use crate::daemon::sources::emr::{Emr, EmrReading};
use crate::daemon::sources::error::SourceError;
use crate::daemon::sources::hdfs::{Hdfs, HdfsReading};
use crate::daemon::sources::work::{WorkReading, WorkSource};
use crate::daemon::sources::yarn::{Yarn, YarnNode, YarnReading};
use crate::daemon::telemetry::report::{Source, SourceReport};
use crate::observation::work::{Storage, StoringNode, Work};
use crate::observation::{
    ClusterStatus, Control, GroupKind, GroupStatus, InstanceId, MetricId, NodeHealth, NodeLoad,
    NodeSnapshot, Observation, Pause, Role, Sampled,
};
use crate::policy::Policy;
use crate::units::Timestamp;

/// The services of one cluster.
#[derive(Debug)]
pub struct Sources {
    /// All ResourceManagers; `None` if no policy uses YARN.
    pub yarn: Option<Yarn>,
    /// The running applications; `None` if they are not asked.
    pub work: Option<WorkSource>,
    /// This daemon leads only while the ResourceManager on its node is the active one.
    pub follows_local_active: bool,
    /// All NameNodes; `None` if HDFS is not read.
    pub hdfs: Option<Hdfs>,
    /// EMR's description of the cluster.
    pub emr: Emr,
    /// The CloudWatch metrics of the policies; `None` if they have none.
    pub cloudwatch: Option<CloudWatch>,
}

/// Reads the sources. It remembers EMR's last description of the cluster, which is used with its
/// old `measured_at` while EMR cannot be read. Everything else that cannot be read is unknown.
#[derive(Debug)]
pub struct Observer {
    sources: Sources,
    poll: Duration,
    cluster: Option<Sampled<ClusterStatus>>,
    /// When each source was last read successfully.
    measured: BTreeMap<Source, Timestamp>,
}

/// The result of reading all sources once.
#[derive(Clone, Debug)]
pub struct Observed {
    /// `None` until EMR has described the cluster for the first time.
    pub observation: Option<Observation>,
    /// The age and the error of each source.
    pub sources: Vec<SourceReport>,
    /// All calls that were made.
    pub calls: Vec<Call>,
}

/// What each source answered.
struct Readings {
    yarn: Option<YarnReading>,
    work: Option<WorkReading>,
    hdfs: Option<HdfsReading>,
    emr: EmrReading,
    cloudwatch: Option<CloudWatchReading>,
}

impl Readings {
    fn calls(&self) -> Vec<Call> {
        let yarn = self.yarn.iter().flat_map(|reading| &reading.calls);
        let work = self.work.iter().flat_map(|reading| &reading.calls);
        let hdfs = self.hdfs.iter().flat_map(|reading| &reading.calls);
        let cloudwatch = self.cloudwatch.iter().flat_map(|reading| &reading.calls);
        let calls = yarn.chain(work).chain(&self.emr.calls);
        calls.chain(hdfs).chain(cloudwatch).copied().collect()
    }

    /// Whether applications run or wait on YARN. Work outside YARN is not seen, so that a cluster
    /// without YARN never counts as idle.
    fn may_have_work(&self) -> bool {
        self.yarn.as_ref().is_none_or(|yarn| {
            yarn.load
                .as_ref()
                .is_ok_and(|load| load.value.apps_running + load.value.apps_pending > 0)
        })
    }
}

impl Sources {
    /// `scales_in` is whether EMR was terminating instances when it was last read, and `asks_for_output`
    /// whether applications are asked where they store data.
    async fn read(&mut self, clock: &Clock, scales_in: bool, asks_for_output: bool) -> Readings {
        let yarn_and_work = async {
            let Some(yarn) = &mut self.yarn else {
                return (None, None);
            };
            let mut reading = yarn.read(clock, scales_in).await;
            let running = reading.running.take().zip(reading.active.as_ref());
            let work = match (&mut self.work, running) {
                (Some(work), Some((running, active))) => {
                    Some(work.read(clock, running, active, asks_for_output).await)
                }
                _ => None,
            };
            (Some(reading), work)
        };
        let hdfs = async {
            match &mut self.hdfs {
                Some(hdfs) => Some(hdfs.read(clock).await),
                None => None,
            }
        };
        let cloudwatch = async {
            match &mut self.cloudwatch {
                Some(cloudwatch) => Some(cloudwatch.read(clock).await),
                None => None,
            }
        };
        let ((yarn, work), hdfs, emr, cloudwatch) =
            tokio::join!(yarn_and_work, hdfs, self.emr.read(clock), cloudwatch);
        Readings {
            yarn,
            work,
            hdfs,
            emr,
            cloudwatch,
        }
    }
}

impl Observer {
    /// Reads for a policy with this poll interval. A sample is stale after three of them.
    pub fn new(sources: Sources, poll: Duration) -> Self {
        Self {
            sources,
            poll,
            cluster: None,
            measured: BTreeMap::new(),
        }
    }

    /// EMR, as it was last read.
    pub fn emr(&self) -> &Emr {
        &self.sources.emr
    }

    /// Checks what the daemon needs from EMR; see [`Emr::check`].
    pub async fn check_emr(&mut self, clock: &Clock, policy: &Policy) -> Vec<StartProblem> {
        self.sources.emr.check(clock, policy).await
    }

    /// Reads all sources concurrently, and where applications store data if `asks_for_output`. Takes as
    /// long as the slowest one, limited by its timeout.
    pub async fn observe(
        &mut self,
        clock: &Clock,
        asks_for_output: bool,
        pause: impl FnOnce(Timestamp) -> Option<Pause>,
    ) -> Observed {
        let groups = self.groups().iter();
        let scales_in = groups
            .filter(|group| group.role != Role::Primary)
            .any(|group| group.leaving() > 0);
        let readings = self.sources.read(clock, scales_in, asks_for_output).await;
        let at = clock.now();
        let calls = readings.calls();
        if readings.may_have_work() {
            self.sources.emr.note_work();
        }
        if let Ok(status) = &readings.emr.status {
            self.cluster = Some(status.clone());
        }
        let nodes = readings.yarn.as_ref().map(|yarn| {
            let nodes = yarn.nodes.clone();
            nodes.and_then(|nodes| self.snapshot(nodes, &yarn.decommissioned))
        });
        let sources = self.reports(&readings, nodes.as_ref());
        let control = Control {
            pause: pause(at),
            leader: self.is_leader(readings.yarn.as_ref()),
            looks_at_nodes: readings.yarn.is_some(),
            is_first: false,
        };
        let (yarn, pending_limits) = readings
            .yarn
            .map_or((None, None), |yarn| (yarn.load.ok(), yarn.pending_limits));
        let observation = self.cluster.clone().map(|cluster| Observation {
            at,
            yarn,
            hdfs: readings.hdfs.and_then(|reading| reading.load.ok()),
            nodes: nodes.and_then(Result::ok),
            pending_limits,
            work: readings.work.map(|reading| self.with_instances(reading)),
            steps: readings.emr.steps,
            metrics: readings.cloudwatch.map(known).unwrap_or_default(),
            cluster,
            control,
        });
        Observed {
            observation,
            sources,
            calls,
        }
    }

    /// The work with instance ids in place of the hosts on which applications store data. A host that
    /// EMR does not list is gone.
    fn with_instances(&self, reading: WorkReading) -> Sampled<Work> {
        let hosts = self.sources.emr.hosts();
        let mut work = reading.work;
        work.value.storage = reading.storage.map(|storage| {
            let stored = storage.hosts.into_iter();
            let mut nodes: Vec<StoringNode> = stored
                .filter_map(|(name, stored)| {
                    Some(StoringNode {
                        instance: hosts.get(&name)?.instance.clone(),
                        shuffle: stored.shuffle,
                        cached: stored.cached,
                    })
                })
                .collect();
            nodes.sort_by(|one, other| one.instance.cmp(&other.instance));
            Storage {
                nodes,
                apps_unknown: storage.apps_unknown,
            }
        });
        work
    }

    fn reports(
        &mut self,
        readings: &Readings,
        nodes: Option<&Result<Sampled<NodeSnapshot>, SourceError>>,
    ) -> Vec<SourceReport> {
        let mut reports = vec![self.report(Source::Emr, &readings.emr.status)];
        if let Some(reading) = &readings.yarn {
            reports.push(self.report(Source::YarnLoad, &reading.load));
        }
        if let Some(nodes) = nodes {
            reports.push(self.report(Source::YarnNodes, nodes));
        }
        if self.sources.work.is_some() {
            reports.push(self.report_work(readings));
        }
        if let Some(reading) = &readings.hdfs {
            reports.push(self.report(Source::Hdfs, &reading.load));
        }
        if let Some(reading) = &readings.cloudwatch {
            reports.push(self.report_cloudwatch(reading));
        }
        reports
    }

    /// Whether this daemon is the leader. While it is unknown which ResourceManager is active, it
    /// is not.
    fn is_leader(&self, yarn: Option<&YarnReading>) -> bool {
        !self.sources.follows_local_active || yarn.is_some_and(|yarn| yarn.active_is_local)
    }

    /// The snapshot with instance ids in place of host names. A node that EMR has not listed yet
    /// makes the whole snapshot unknown, because it may run an application master. An instance that
    /// YARN does not list is part of the snapshot.
    fn snapshot(
        &mut self,
        nodes: Sampled<Vec<YarnNode>>,
        decommissioned: &BTreeSet<String>,
    ) -> Result<Sampled<NodeSnapshot>, SourceError> {
        let hosts = self.sources.emr.hosts();
        let mut snapshot = Vec::with_capacity(nodes.value.len());
        let mut unknown_host = None;
        for node in nodes.value {
            match hosts.get(&node.host) {
                Some(host) => snapshot.push(NodeLoad {
                    instance: host.instance.clone(),
                    group: host.group.clone(),
                    containers: node.containers,
                    has_application_master: node.has_application_master,
                    draining: node.draining,
                    idle_since: node.idle_since,
                    health: if node.is_healthy {
                        NodeHealth::Usable
                    } else {
                        NodeHealth::Unhealthy
                    },
                }),
                None => unknown_host = Some(node.host),
            }
        }
        let workers = self.sources.emr.running_workers(self.groups());
        // The units of a fleet do not say how many instances it has.
        let has_fleets = self
            .groups()
            .iter()
            .any(|group| group.kind == GroupKind::Fleet);
        if workers.is_none() && has_fleets {
            return Err(SourceError::InstancesOutdated);
        }
        snapshot.extend(self.not_listed(&snapshot, decommissioned));
        match unknown_host {
            None => Ok(Sampled {
                value: NodeSnapshot(snapshot),
                measured_at: nodes.measured_at,
            }),
            Some(host) => {
                self.sources.emr.note_unknown_host();
                Err(SourceError::UnknownHost { host })
            }
        }
    }

    /// The groups, as EMR was last read; none before that.
    fn groups(&self) -> &[GroupStatus] {
        let cluster = self.cluster.as_ref();
        cluster.map_or(&[][..], |cluster| &cluster.value.groups)
    }

    /// The instances that EMR runs and that are not among the nodes. Those that have been decommissioned
    /// are draining.
    fn not_listed(&self, nodes: &[NodeLoad], decommissioned: &BTreeSet<String>) -> Vec<NodeLoad> {
        let hosts = self.sources.emr.hosts();
        let have_left: BTreeSet<&InstanceId> = decommissioned
            .iter()
            .filter_map(|name| Some(&hosts.get(name)?.instance))
            .collect();
        let listed: BTreeSet<&InstanceId> = nodes.iter().map(|node| &node.instance).collect();
        let workers = self.sources.emr.running_workers(self.groups());
        let workers = workers.unwrap_or_default();
        workers
            .into_iter()
            .filter(|host| !listed.contains(&host.instance))
            .map(|host| NodeLoad {
                instance: host.instance.clone(),
                group: host.group.clone(),
                containers: 0,
                has_application_master: false,
                draining: have_left.contains(&host.instance),
                idle_since: None,
                health: NodeHealth::NotListed,
            })
            .collect()
    }

    /// Reports the work of applications. That it is unknown of some is no error of the source.
    fn report_work(&mut self, readings: &Readings) -> SourceReport {
        let read = readings.work.as_ref().map(|reading| &reading.work);
        if let Some(work) = read {
            self.measured.insert(Source::Work, work.measured_at);
        }
        let of_yarn = readings.yarn.as_ref();
        let error = of_yarn.and_then(|yarn| yarn.load.as_ref().err());
        SourceReport {
            source: Source::Work,
            measured_at: self.measured.get(&Source::Work).copied(),
            allowance: self.poll * 3,
            error: error.filter(|_| read.is_none()).cloned(),
        }
    }

    /// Reports CloudWatch with the metric that becomes stale first, and the first error.
    fn report_cloudwatch(&self, reading: &CloudWatchReading) -> SourceReport {
        let error = reading
            .values
            .values()
            .find_map(|value| value.as_ref().err())
            .cloned();
        let allowance_of = |metric: &MetricId| {
            self.sources
                .cloudwatch
                .as_ref()
                .and_then(|cloudwatch| cloudwatch.allowance(metric))
        };
        let ages = reading.values.iter().filter_map(|(metric, value)| {
            Some((value.as_ref().ok()?.measured_at, allowance_of(metric)?))
        });
        let first_stale = ages.min_by_key(|(measured_at, allowance)| *measured_at + *allowance);
        let (measured_at, allowance) = first_stale
            .map_or((None, self.poll * 3), |(measured_at, allowance)| {
                (Some(measured_at), allowance)
            });
        SourceReport {
            source: Source::CloudWatch,
            measured_at,
            allowance,
            error,
        }
    }

    /// Reports a source with the time of its last successful reading.
    fn report<T>(
        &mut self,
        source: Source,
        reading: &Result<Sampled<T>, SourceError>,
    ) -> SourceReport {
        let error = reading.as_ref().err().cloned();
        if let Ok(sample) = reading {
            self.measured.insert(source, sample.measured_at);
        }
        let measured_at = self.measured.get(&source).copied();
        SourceReport {
            source,
            measured_at,
            allowance: self.poll * 3,
            error,
        }
    }
}

/// The metrics that could be read.
fn known(reading: CloudWatchReading) -> BTreeMap<MetricId, Sampled<f64>> {
    reading
        .values
        .into_iter()
        .filter_map(|(metric, value)| Some((metric, value.ok()?)))
        .collect()
}
