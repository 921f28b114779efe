//! One look at everything: the sources side by side, and what they said as one observation.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::daemon::clock::Clock;
use crate::daemon::sources::cloudwatch::{CloudWatch, CloudWatchReading};
use crate::daemon::sources::emr::Emr;
use crate::daemon::sources::emr::start::StartProblem;
use crate::daemon::sources::hdfs::Hdfs;
use crate::daemon::sources::source::{Call, SourceError};
use crate::daemon::sources::yarn::{Yarn, YarnNode, YarnReading};
use crate::daemon::telemetry::report::{Source, SourceReport};
use crate::observation::{
    ClusterStatus, Control, MetricId, NodeLoad, NodeSnapshot, Observation, Pause, Sampled,
};
use crate::policy::Policy;
use crate::units::Timestamp;

/// The services that tell of one cluster.
#[derive(Debug)]
pub struct Sources {
    pub yarn: Yarn,
    /// This daemon may act only while the ResourceManager on its machine is the active one.
    pub acts_beside_active: bool,
    pub hdfs: Option<Hdfs>,
    pub emr: Emr,
    pub cloudwatch: Option<CloudWatch>,
}

/// Reads the sources, and remembers what EMR said last: a cluster does not cease to be because one
/// call failed. Everything else that is not there now is unknown now.
#[derive(Debug)]
pub struct Observer {
    sources: Sources,
    poll: Duration,
    cluster: Option<Sampled<ClusterStatus>>,
    /// When each source last had an answer.
    measured: Vec<(Source, Timestamp)>,
}

/// What one look brought.
#[derive(Clone, Debug)]
pub struct Look {
    /// `None` as long as EMR has never described the cluster.
    pub observation: Option<Observation>,
    pub sources: Vec<SourceReport>,
    pub calls: Vec<Call>,
}

impl Observer {
    /// `poll` is the policy's: nothing may be older than three of them.
    pub fn new(sources: Sources, poll: Duration) -> Self {
        Self {
            sources,
            poll,
            cluster: None,
            measured: Vec::new(),
        }
    }

    pub fn emr(&self) -> &Emr {
        &self.sources.emr
    }

    /// What keeps EMR from being followed: see [`Emr::check`].
    pub async fn check_emr(&mut self, clock: &Clock, policy: &Policy) -> Vec<StartProblem> {
        self.sources.emr.check(clock, policy).await
    }

    /// Asks all sources at once. Takes as long as the slowest, and never longer than its timeout.
    pub async fn look(
        &mut self,
        clock: &Clock,
        pause: impl FnOnce(Timestamp) -> Option<Pause>,
    ) -> Look {
        let Sources {
            yarn,
            hdfs,
            emr,
            cloudwatch,
            ..
        } = &mut self.sources;
        let hdfs = async {
            match hdfs {
                Some(hdfs) => Some(hdfs.read(clock).await),
                None => None,
            }
        };
        let cloudwatch = async {
            match cloudwatch {
                Some(cloudwatch) => Some(cloudwatch.read(clock).await),
                None => None,
            }
        };
        let (yarn, hdfs, emr, cloudwatch) =
            tokio::join!(yarn.read(clock), hdfs, emr.read(clock), cloudwatch);
        let at = clock.now();
        let mut calls: Vec<Call> = yarn.calls.iter().chain(&emr.calls).copied().collect();
        calls.extend(
            hdfs.iter()
                .flat_map(|reading| reading.calls.iter().copied()),
        );
        calls.extend(
            cloudwatch
                .iter()
                .flat_map(|reading| reading.calls.iter().copied()),
        );
        if yarn
            .load
            .as_ref()
            .is_ok_and(|load| load.value.apps_running + load.value.apps_pending > 0)
        {
            self.sources.emr.note_work();
        }
        let nodes = yarn.nodes.clone().and_then(|nodes| self.snapshot(nodes));
        let mut sources = vec![
            self.source(
                Source::Emr,
                emr.status.as_ref().map(|status| status.measured_at),
            ),
            self.source(
                Source::YarnLoad,
                yarn.load.as_ref().map(|load| load.measured_at),
            ),
            self.source(
                Source::YarnNodes,
                nodes.as_ref().map(|nodes| nodes.measured_at),
            ),
        ];
        if let Some(reading) = &hdfs {
            sources.push(self.source(
                Source::Hdfs,
                reading.load.as_ref().map(|load| load.measured_at),
            ));
        }
        if let Some(reading) = &cloudwatch {
            sources.push(self.cloudwatch(reading));
        }
        if let Ok(status) = emr.status {
            self.cluster = Some(status);
        }
        let control = Control {
            pause: pause(at),
            leader: self.leads(&yarn),
            looks_at_nodes: true,
        };
        let observation = self.cluster.clone().map(|cluster| Observation {
            at,
            yarn: yarn.load.ok(),
            hdfs: hdfs.and_then(|reading| reading.load.ok()),
            nodes: nodes.ok(),
            metrics: cloudwatch.map(known).unwrap_or_default(),
            cluster,
            control,
        });
        Look {
            observation,
            sources,
            calls,
        }
    }

    /// Whether this daemon may act. While it is not known which ResourceManager is active, it may
    /// not.
    fn leads(&self, yarn: &YarnReading) -> bool {
        yarn.active_is_local || !self.sources.acts_beside_active
    }

    /// Nodes under the names of their instances. One that EMR does not know yet leaves the whole
    /// snapshot unknown: it may host what must not be let go.
    fn snapshot(
        &mut self,
        nodes: Sampled<Vec<YarnNode>>,
    ) -> Result<Sampled<NodeSnapshot>, SourceError> {
        let hosts = self.sources.emr.hosts();
        let mut snapshot = Vec::with_capacity(nodes.value.len());
        let mut stranger = None;
        for node in nodes.value {
            match hosts.get(&node.host) {
                Some(host) => snapshot.push(NodeLoad {
                    instance: host.instance.clone(),
                    group: host.group.clone(),
                    containers: node.containers,
                    has_application_master: node.has_application_master,
                    draining: node.draining,
                    idle_since: node.idle_since,
                }),
                None => stranger = Some(node.host),
            }
        }
        match stranger {
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

    /// Of many metrics, each of its own age, the one that is the first to become stale; and the
    /// first error.
    fn cloudwatch(&self, reading: &CloudWatchReading) -> SourceReport {
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

    /// How one source stands: fresh, or as old as its last answer.
    fn source(
        &mut self,
        source: Source,
        measured_at: Result<Timestamp, &SourceError>,
    ) -> SourceReport {
        let error = measured_at.err().cloned();
        self.measured
            .retain(|(known, _)| *known != source || error.is_some());
        self.measured
            .extend(measured_at.ok().map(|at| (source, at)));
        let measured_at = self
            .measured
            .iter()
            .find(|(known, _)| *known == source)
            .map(|(_, at)| *at);
        SourceReport {
            source,
            measured_at,
            allowance: self.poll * 3,
            error,
        }
    }
}

fn known(reading: CloudWatchReading) -> BTreeMap<MetricId, Sampled<f64>> {
    reading
        .values
        .into_iter()
        .filter_map(|(metric, value)| Some((metric, value.ok()?)))
        .collect()
}
