//! What the commands that simulate have in common: traces with their clusters, and goals.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::names::told_apart;
use super::output::note;
use anyhow::Context;
use headroom::evaluation::default_cluster::{self, ChosenCluster};
use headroom::policy::scalar;
use headroom::sim::SimError;
use headroom::sim::input::{InputError, Loaded, Source};
use headroom::sim::no_wait_demand::no_wait_demand;
use headroom::sim::scenario::Scenario;
use headroom::sim::trace_work::TraceWork;

/// After how many days a simulation ends, unless the command says otherwise.
pub const MAX_DAYS: u32 = 400;

/// Finds the traces and their scenarios. Each has a name that no other one has; its simulations end
/// after `max_days`.
pub fn find(
    paths: &[PathBuf],
    scenario: Option<&Path>,
    max_days: u32,
) -> Result<Vec<Source>, InputError> {
    let mut sources = Vec::with_capacity(paths.len());
    for path in paths {
        let mut source = Source::find(path, scenario)?;
        source.scenario.max_duration = Duration::from_secs(u64::from(max_days) * 86_400);
        sources.push(source);
    }
    let named: Vec<(String, Option<PathBuf>)> = sources
        .iter()
        .zip(paths)
        .map(|(source, path)| (source.name.clone(), Some(path.clone())))
        .collect();
    for (source, name) in sources.iter_mut().zip(told_apart(&named)) {
        source.name = name;
    }
    Ok(sources)
}

/// Notes on standard error that a trace lasts longer than its simulations.
pub fn warn_of_the_end(source: &Source, work: &TraceWork) {
    let max = source.scenario.max_duration;
    let lasts = no_wait_demand(work)
        .0
        .last()
        .map_or(Duration::ZERO, |(end, _)| end.since(work.start()));
    if lasts > max {
        note(format_args!(
            "note: {} lasts {} days, and a simulation ends after {}; raise --max-days",
            source.trace.display(),
            lasts.as_secs().div_ceil(86_400),
            max.as_secs() / 86_400
        ));
    }
}

/// Reads every trace with its scenario. Traces without a scenario share one cluster, which is
/// chosen for all of their work.
pub fn read(
    paths: &[PathBuf],
    scenario: Option<&Path>,
    max_days: u32,
) -> anyhow::Result<Vec<(Source, Loaded)>> {
    let mut read = Vec::with_capacity(paths.len());
    for source in find(paths, scenario, max_days)? {
        let loaded = source.read(None)?;
        warn_of_the_end(&source, &loaded.workload);
        read.push((source, loaded));
    }
    let without_scenario = || {
        read.iter()
            .filter(|(source, _)| source.scenario_file.is_none())
    };
    let workloads: Vec<&TraceWork> = without_scenario()
        .map(|(_, loaded)| &loaded.workload)
        .collect();
    if let Some((first, _)) = without_scenario().next() {
        let (chosen, _) = cluster_for(first, &workloads)?;
        for (source, _) in &mut read {
            if source.scenario_file.is_none() {
                source.scenario = chosen.clone();
            }
        }
    }
    Ok(read)
}

/// The least `slo.wait` of the scenarios, if one sets it.
pub fn scenario_goal(read: &[(Source, Loaded)]) -> Option<Duration> {
    read.iter()
        .filter_map(|(source, _)| source.scenario.slo_wait)
        .min()
}

/// The cluster of a trace: its scenario's or, without a scenario, one that is chosen for all of
/// `workloads` and named on standard error.
pub fn cluster_for(
    source: &Source,
    workloads: &[&TraceWork],
) -> anyhow::Result<(Scenario, Option<ChosenCluster>)> {
    if source.scenario_file.is_some() {
        return Ok((source.scenario.clone(), None));
    }
    let trace = source.trace.display();
    if workloads.iter().all(|workload| workload.is_empty()) {
        return Err(SimError::NoWork).with_context(|| trace.to_string());
    }
    let (chosen, cluster) =
        default_cluster::choose(workloads).with_context(|| trace.to_string())?;
    note(format_args!(
        "note: {trace} has no scenario (--scenario FILE), so it runs on {cluster}:\n      {}",
        cluster.reason
    ));
    let scenario = Scenario {
        slo_wait: source.scenario.slo_wait,
        max_duration: source.scenario.max_duration,
        ..chosen
    };
    Ok((scenario, Some(cluster)))
}

/// Reads a duration of the command line, such as `90s` or `5m`.
pub fn duration(text: &str) -> Result<Duration, String> {
    scalar::duration(text).map_err(|refusal| refusal.to_string())
}
