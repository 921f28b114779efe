//! Makes a trace of observations from CloudWatch's history, for a cluster without a daemon.
//!
//! EMR publishes the load of a cluster under `AWS/ElasticMapReduce`. The history is fetched in parts,
//! which are kept in a file next to the trace until all are complete, so that an interruption loses at
//! most one part.

mod error;
mod history;
mod partial;
mod plan;
mod scenario;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_cloudwatch::Client;

use crate::cluster_history::{History, missing, observations};
use crate::observation::Role;
use crate::trace::journal::TraceWriter;
use crate::trace::{FORMAT_VERSION, Header, Kind, Record};
use crate::units::{Timestamp, display_duration};
use partial::Partial;

pub use error::RecordError;
pub use plan::{Asked, Plan, PlanError, When, WhenError};
pub use scenario::{Sizes, scenario};

/// A finished recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// The number of observations.
    pub observations: usize,
    /// How many of them have YARN's load.
    pub with_yarn: usize,
    /// The recorded span.
    pub plan: Plan,
    /// The time between two observations: the plan's period, or five minutes if EMR published only
    /// every five.
    pub step: Duration,
    /// The sizes of each role of which CloudWatch counted nodes.
    pub sizes: BTreeMap<Role, Sizes>,
}

/// Fetches a history, or the missing parts of it, and writes the trace. Calls `progress` with the
/// number of finished parts and of all parts: before the first one, and after each.
///
/// # Errors
/// When the span is invalid, CloudWatch does not answer or has no points, or a file cannot be
/// written.
pub async fn cloudwatch(
    config: &SdkConfig,
    asked: &Asked,
    now: Timestamp,
    out: &Path,
    mut progress: impl FnMut(usize, usize),
) -> Result<Recorded, RecordError> {
    let region = config.region().ok_or(RecordError::NoRegion)?.to_string();
    let client = Client::new(config);
    let mut partial = Partial::open(out, asked, &region, now)?;
    let parts = partial.plan().parts();
    progress(partial.done(), parts.len());
    for (from, to) in &parts[partial.done().min(parts.len())..] {
        let part = history::fetch(
            &client,
            &asked.cluster_id,
            (*from, *to),
            partial.plan().period,
        )
        .await;
        partial.add(part.map_err(|source| partial.interrupted(source))?)?;
        progress(partial.done(), parts.len());
    }
    let history = partial.history();
    if history.beginnings().is_empty() {
        let Plan { from, to, .. } = *partial.plan();
        partial.delete()?;
        let hint = history::hint(&client, &asked.cluster_id).await;
        return Err(RecordError::NoPoints {
            cluster_id: asked.cluster_id.clone(),
            region,
            from,
            to,
            hint,
        });
    }
    match write(&history, asked, &region, partial.plan(), out) {
        // All parts are fetched; another attempt only has to write the trace.
        Err(error @ RecordError::Trace(_)) => Err(error),
        written => partial.delete().and(written),
    }
}

fn write(
    history: &History,
    asked: &Asked,
    region: &str,
    plan: &Plan,
    out: &Path,
) -> Result<Recorded, RecordError> {
    let (history, step) = history.on_native_grid(plan.period);
    let observations = observations(&history, step);
    let with_yarn = observations
        .iter()
        .filter(|observation| observation.yarn.is_some())
        .count();
    if with_yarn == 0 {
        let missing = missing(&history).join(", ");
        return Err(RecordError::NoYarn {
            cluster_id: asked.cluster_id.clone(),
            missing,
        });
    }
    let header = Header {
        headroom_trace: FORMAT_VERSION,
        kind: Kind::Observations,
        start: observations.first().map_or(plan.from, |first| first.at),
        source: format!(
            "CloudWatch's history of cluster {} in {region}, means of {}. Estimated: pending memory (pending containers times the mean size of \
             a running one). Not known: vcores, released containers, steps, the market of the instances (written as on-demand).",
            asked.cluster_id,
            display_duration(step)
        ),
        synthetic: false,
    };
    let mut writer = TraceWriter::create(out, &header)?;
    let (count, sizes) = (observations.len(), scenario::sizes(&observations));
    for observation in observations {
        writer.write(&Record::Observation(Box::new(observation)))?;
    }
    writer.finish()?;
    Ok(Recorded {
        observations: count,
        with_yarn,
        plan: plan.clone(),
        step,
        sizes,
    })
}
