//! Simulates the web interfaces of Spark and MapReduce applications, behind YARN's proxy.
//!
//! The simulation knows of a stage how many tasks are left and run, and their mean time, as the daemon
//! does. So a stage is served as if one task of that time had completed.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::served::Served;
use super::yarn::{application_id, hosts};
use crate::observation::work::{ApplicationKind, ApplicationWork, KnownWork, WorkOrReason};
use crate::rehearsal::simulated::Ended;

/// The part of an executor's container that is served as its overhead.
const OVERHEAD_MIB: u64 = 384;

/// The answer to a request that an application cannot serve.
pub enum Unanswered {
    /// There is no such application, or it does not serve this.
    NotFound,
    /// The cluster has ended.
    Ended(Ended),
}

impl axum::response::IntoResponse for Unanswered {
    fn into_response(self) -> axum::response::Response {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND.into_response(),
            Self::Ended(ended) => ended.into_response(),
        }
    }
}

type Answer = Result<Json<Value>, Unanswered>;

pub async fn spark_metrics(State(served): State<Served>, Path(id): Path<String>) -> Answer {
    let known = known_work(&served, &id, ApplicationKind::Spark).await?;
    let mut gauges = serde_json::Map::new();
    if let Some(executors) = known.executors
        && let Some(needed) = executors.needed
    {
        let mut add = |name: &str, value: u32| {
            let name = format!("{id}.driver.ExecutorAllocationManager.executors.{name}");
            gauges.insert(name, json!({ "value": value }));
        };
        add("numberAllExecutors", executors.held);
        add("numberMaxNeededExecutors", needed);
    }
    Ok(Json(json!({ "version": "4.0.0", "gauges": gauges })))
}

pub async fn spark_stages(
    State(served): State<Served>,
    Path((id, _)): Path<(String, String)>,
) -> Answer {
    let known = known_work(&served, &id, ApplicationKind::Spark).await?;
    let stages = known.stages.iter().map(|stage| {
        // Before a task is done, its time so far stands for the one that is done.
        let completed = stage.tasks_done.max(u32::from(stage.task_s.is_some()));
        let run_s = stage.task_s.unwrap_or(0.0) * f64::from(completed);
        json!({
            "status": if stage.is_blocked { "PENDING" } else { "ACTIVE" },
            "stageId": stage.id,
            "attemptId": 0,
            "numTasks": stage.tasks_remaining + completed,
            "numActiveTasks": stage.tasks_running,
            "numCompleteTasks": completed,
            "executorRunTime": (run_s * 1e3).round() as u64,
        })
    });
    Ok(Json(stages.collect()))
}

/// Lists each stage as a job of its own, so that none counts as done because a later one runs.
pub async fn spark_jobs(
    State(served): State<Served>,
    Path((id, _)): Path<(String, String)>,
) -> Answer {
    let known = known_work(&served, &id, ApplicationKind::Spark).await?;
    let ids = known.stages.iter().map(|stage| stage.id);
    let jobs = ids.map(|id| json!({ "jobId": id, "status": "RUNNING", "stageIds": [id] }));
    Ok(Json(jobs.collect()))
}

pub async fn spark_environment(
    State(served): State<Served>,
    Path((id, _)): Path<(String, String)>,
) -> Answer {
    let known = known_work(&served, &id, ApplicationKind::Spark).await?;
    let mut properties = vec![("spark.master", "yarn".to_owned())];
    if let Some(executors) = known.executors {
        let heap_mib = executors.memory.get().saturating_sub(OVERHEAD_MIB);
        properties.push(("spark.executor.memory", format!("{heap_mib}m")));
        let overhead = format!("{OVERHEAD_MIB}m");
        properties.push(("spark.executor.memoryOverhead", overhead));
        properties.push(("spark.executor.cores", executors.slots.to_string()));
        let is_dynamic = executors.needed.is_some();
        properties.push(("spark.dynamicAllocation.enabled", is_dynamic.to_string()));
        let limit = if is_dynamic {
            "spark.dynamicAllocation.maxExecutors"
        } else {
            "spark.executor.instances"
        };
        let most = executors.most.map(|most| (limit, most.to_string()));
        properties.extend(most);
    }
    Ok(Json(json!({ "sparkProperties": properties })))
}

/// Lists one executor on each node that stores data of any application.
pub async fn spark_executors(
    State(served): State<Served>,
    Path((id, _)): Path<(String, String)>,
) -> Answer {
    known_work(&served, &id, ApplicationKind::Spark).await?;
    let stored = served.cluster.ask(|cluster| {
        let storage = cluster.work().and_then(|work| work.storage);
        let hosts = hosts(cluster);
        let nodes = storage.unwrap_or_default().nodes.into_iter();
        let named = nodes.filter_map(|node| Some((hosts.get(&node.instance)?.clone(), node)));
        named.collect::<Vec<_>>()
    });
    let stored = stored.await.map_err(Unanswered::Ended)?;
    let executors = stored.into_iter().zip(1..).map(|((host, node), number)| {
        json!({
            "id": number.to_string(),
            "hostPort": format!("{host}:7337"),
            "isActive": true,
            "rddBlocks": u32::from(node.cached),
            "totalShuffleWrite": u32::from(node.shuffle),
        })
    });
    Ok(Json(executors.collect()))
}

pub async fn map_reduce_jobs(State(served): State<Served>, Path(id): Path<String>) -> Answer {
    let known = known_work(&served, &id, ApplicationKind::MapReduce).await?;
    // Reduces that are alone may stand for maps: nothing else follows from either.
    let maps = known.stages.first().copied().unwrap_or_default();
    let reduces = known.stages.get(1).copied().unwrap_or_default();
    Ok(Json(json!({ "jobs": { "job": [{
        "id": id.replace("application", "job"),
        "state": "RUNNING",
        "elapsedTime": (maps.task_s.unwrap_or(0.0) * 1e3).round() as u64,
        "mapsTotal": maps.tasks_remaining,
        "mapsCompleted": 0,
        "mapsRunning": maps.tasks_running,
        "reducesTotal": reduces.tasks_remaining,
        "reducesCompleted": 0,
        "reducesRunning": reduces.tasks_running,
    }]}})))
}

/// What the simulation knows of the work of an application of this kind.
async fn known_work(
    served: &Served,
    id: &str,
    kind: ApplicationKind,
) -> Result<KnownWork, Unanswered> {
    let wanted = id.to_owned();
    let application: Option<ApplicationWork> = served
        .cluster
        .ask(move |cluster| {
            let start = cluster.start();
            let applications = cluster.applications();
            let named = applications
                .iter()
                .find(|application| application_id(start, application.number) == wanted)?;
            let work = cluster.work()?.applications;
            work.into_iter().find(|work| work.id == named.name)
        })
        .await
        .map_err(Unanswered::Ended)?;
    match application {
        Some(ApplicationWork {
            kind: own,
            work: WorkOrReason::Known(known),
            ..
        }) if own == kind => Ok(known),
        _ => Err(Unanswered::NotFound),
    }
}
