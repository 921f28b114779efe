//! How a fault changes an answer of YARN, HDFS or EMR.

use axum::body::Bytes;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::faults::Kind;
use super::link::Whole;

/// A host that EMR does not know.
const UNKNOWN_HOST: &str = "ip-10-9-9-9.ec2.internal";

/// Changes an answer of YARN or HDFS. `choose` says which of so many things the fault concerns.
pub fn hadoop(kind: Kind, uri: &str, answer: Whole, choose: &dyn Fn(usize) -> usize) -> Whole {
    let is_hdfs = uri.starts_with("/jmx") && uri.contains("NameNode");
    let is_yarn = uri.starts_with("/ws/v1/cluster");
    let is_nodes = uri.starts_with("/ws/v1/cluster/nodes");
    let is_applications = uri.starts_with("/ws/v1/cluster/apps");
    let is_metrics = uri.starts_with("/ws/v1/cluster/metrics");
    match kind {
        _ if uri.starts_with("/proxy/") => work(kind, answer),
        Kind::YarnDown if is_yarn => unavailable(),
        Kind::NodesDown if is_nodes => unavailable(),
        Kind::ApplicationsDown if is_applications => unavailable(),
        Kind::HdfsDown if is_hdfs => unavailable(),
        Kind::YarnCut if is_yarn => cut(answer),
        Kind::YarnLogin if is_yarn => Whole {
            status: StatusCode::OK,
            media_type: "text/html",
            body: Bytes::from_static(b"<html><form action=\"/login\"></form></html>"),
        },
        Kind::YarnNotANumber if is_metrics => edited(answer, |load| {
            each_number(load, &|_| json!("NaN"));
        }),
        Kind::YarnNegative if is_metrics => edited(answer, |load| {
            each_number(load, &|number| json!(-1.0 - number));
        }),
        Kind::HdfsNegative if is_hdfs => edited(answer, |load| {
            each_number(load, &|number| json!(-1.0 - number));
        }),
        Kind::YarnHuge if is_metrics => edited(answer, |load| {
            each_number(load, &|number| json!((number * 1e6) as u64));
        }),
        Kind::YarnHalf if is_metrics || is_applications || is_nodes => edited(answer, half),
        Kind::YarnStandby if uri.starts_with("/ws/v1/cluster/info") || uri == "/ws/v1/cluster" => {
            edited(answer, |info| {
                info["clusterInfo"]["haState"] = json!("STANDBY")
            })
        }
        Kind::YarnStandby if is_yarn => unavailable(),
        Kind::YarnRestarted if is_applications => {
            edited(answer, |apps| *apps = json!({ "apps": null }))
        }
        Kind::YarnRestarted if is_metrics => edited(answer, |load| {
            each_number(load, &|_| json!(0));
        }),
        Kind::YarnSaysIdle if is_metrics => edited(answer, |load| {
            let load = &mut load["clusterMetrics"];
            load["availableMB"] = load["totalMB"].clone();
            load["availableVirtualCores"] = load["totalVirtualCores"].clone();
            for name in [
                "allocatedMB",
                "pendingMB",
                "allocatedVirtualCores",
                "pendingVirtualCores",
                "containersAllocated",
                "containersPending",
                "appsRunning",
                "appsPending",
            ] {
                load[name] = json!(0);
            }
        }),
        Kind::NodeLost if is_metrics => edited(answer, |load| moved(load, "lostNodes")),
        Kind::NodeUnhealthy if is_metrics => edited(answer, |load| moved(load, "unhealthyNodes")),
        Kind::NodesUnhealthy if is_metrics => edited(answer, half_unhealthy),
        Kind::NodeMissing if is_metrics => edited(answer, |load| moved(load, "rebootedNodes")),
        _ if is_nodes => nodes(kind, answer, choose),
        _ => answer,
    }
}

/// Changes an answer of a ResourceManager to that of another process.
pub fn of_second(uri: &str, answer: Whole) -> Whole {
    if !uri.starts_with("/ws/v1/cluster/info") {
        return answer;
    }
    edited(answer, |info| {
        for name in ["id", "startedOn"] {
            let started = info["clusterInfo"][name].as_u64().unwrap_or(0);
            info["clusterInfo"][name] = json!(started + 1);
        }
    })
}

/// Changes what an application says of its work.
fn work(kind: Kind, answer: Whole) -> Whole {
    let replace: &dyn Fn(f64) -> Value = match kind {
        Kind::WorkDown => return unavailable(),
        Kind::WorkHuge => &|number| json!((number * 1e6) as u64),
        Kind::WorkNothing => &|_| json!(0),
        Kind::WorkNegative => &|number| json!(-1.0 - number),
        _ => return answer,
    };
    edited(answer, |work| each_number(work, replace))
}

/// Changes the list of nodes.
fn nodes(kind: Kind, answer: Whole, choose: &dyn Fn(usize) -> usize) -> Whole {
    match kind {
        Kind::YarnRestarted => edited(answer, |nodes| *nodes = json!({ "nodes": null })),
        Kind::YarnRegistering => edited(answer, |nodes| {
            let mut even = false;
            listed(nodes).retain(|_| {
                even = !even;
                even
            });
        }),
        // The name of a node that is lost says nothing.
        Kind::NodeRenamed => edited(answer, |nodes| {
            let works = |node: &&mut Value| node["state"] == "RUNNING";
            let mut nodes: Vec<&mut Value> = listed(nodes).iter_mut().filter(works).collect();
            let chosen = choose(nodes.len());
            if let Some(node) = nodes.get_mut(chosen) {
                node["nodeHostName"] = json!(UNKNOWN_HOST);
                node["id"] = json!(format!("{UNKNOWN_HOST}:8041"));
            }
        }),
        Kind::NodeLost => edited_node(answer, choose, |node| {
            node["state"] = json!("LOST");
            node["numContainers"] = json!(0);
        }),
        Kind::NodeUnhealthy => {
            edited_node(answer, choose, |node| node["state"] = json!("UNHEALTHY"))
        }
        Kind::NodesUnhealthy => edited(answer, |nodes| {
            for node in listed(nodes).iter_mut().skip(1).step_by(2) {
                node["state"] = json!("UNHEALTHY");
            }
        }),
        Kind::NodeMissing => edited(answer, |nodes| {
            let nodes = listed(nodes);
            if !nodes.is_empty() {
                nodes.remove(choose(nodes.len()));
            }
        }),
        _ => answer,
    }
}

/// Changes an answer of EMR to an operation that reads.
pub fn emr(kind: Kind, operation: &str, answer: Whole) -> Whole {
    match kind {
        Kind::EmrThrottled => error("ThrottlingException", "Rate exceeded"),
        Kind::EmrDenied => error("AccessDeniedException", "not authorized"),
        Kind::EmrFails => failed(),
        Kind::EmrCut => cut(answer),
        Kind::EmrManages if operation == "GetManagedScalingPolicy" => edited(answer, |policy| {
            let limits = json!({ "UnitType": "Instances", "MinimumCapacityUnits": 2, "MaximumCapacityUnits": 9 });
            policy["ManagedScalingPolicy"] = json!({ "ComputeLimits": limits });
        }),
        Kind::EmrListsNothing if operation == "ListInstances" => {
            edited(answer, |listed| *listed = json!({ "Instances": [] }))
        }
        Kind::EmrListsNothing if operation == "ListInstanceGroups" => {
            edited(answer, |listed| *listed = json!({ "InstanceGroups": [] }))
        }
        Kind::EmrSuspended | Kind::EmrArrested | Kind::EmrScales
            if operation == "ListInstanceGroups" =>
        {
            edited(answer, |listed| {
                let groups = listed["InstanceGroups"].as_array_mut();
                for group in groups.into_iter().flatten() {
                    match kind {
                        Kind::EmrSuspended if group["Status"]["State"] == "ARRESTED" => {}
                        Kind::EmrSuspended => group["Status"]["State"] = json!("SUSPENDED"),
                        Kind::EmrArrested => group["Status"]["State"] = json!("ARRESTED"),
                        _ => {
                            group["AutoScalingPolicy"] =
                                json!({ "Status": { "State": "ATTACHED" } })
                        }
                    }
                }
            })
        }
        _ => answer,
    }
}

/// The answer to a resize that EMR refuses.
pub fn refused(kind: Kind) -> Whole {
    match kind {
        Kind::CallThrottled => error("ThrottlingException", "Rate exceeded"),
        Kind::CallDenied => error("AccessDeniedException", "not authorized"),
        _ => error(
            "ValidationException",
            "An instance group may only be modified when the cluster is running or waiting.",
        ),
    }
}

/// An answer that does not say whether a resize took effect.
pub fn failed() -> Whole {
    let answer = error("InternalServerException", "try again");
    Whole {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        ..answer
    }
}

fn error(kind: &str, message: &str) -> Whole {
    Whole {
        status: StatusCode::BAD_REQUEST,
        media_type: "application/x-amz-json-1.1",
        body: json!({ "__type": kind, "message": message })
            .to_string()
            .into(),
    }
}

fn unavailable() -> Whole {
    Whole {
        status: StatusCode::SERVICE_UNAVAILABLE,
        media_type: "text/plain",
        body: Bytes::new(),
    }
}

fn cut(answer: Whole) -> Whole {
    let half = answer.body.len() / 2;
    Whole {
        body: answer.body.slice(..half),
        ..answer
    }
}

fn edited(answer: Whole, edit: impl FnOnce(&mut Value)) -> Whole {
    // An earlier fault may have made it something else than JSON.
    let Ok(mut value) = serde_json::from_slice(&answer.body) else {
        return answer;
    };
    edit(&mut value);
    Whole {
        body: value.to_string().into(),
        ..answer
    }
}

/// Counts one active node as another kind.
fn moved(load: &mut Value, to: &str) {
    let load = &mut load["clusterMetrics"];
    let active = load["activeNodes"].as_u64().unwrap_or(0);
    if active > 0 {
        load["activeNodes"] = json!(active - 1);
        load[to] = json!(load[to].as_u64().unwrap_or(0) + 1);
    }
}

/// Counts every other node as unhealthy: what is free on it is no part of the cluster.
fn half_unhealthy(load: &mut Value) {
    let active = load["clusterMetrics"]["activeNodes"].as_u64().unwrap_or(0);
    (0..active / 2).for_each(|_| moved(load, "unhealthyNodes"));
    let load = &mut load["clusterMetrics"];
    for (available, total) in [
        ("availableMB", "totalMB"),
        ("availableVirtualCores", "totalVirtualCores"),
    ] {
        let lost = load[available].as_u64().unwrap_or(0) / 2;
        for name in [available, total] {
            load[name] = json!(load[name].as_u64().unwrap_or(0).saturating_sub(lost));
        }
    }
}

fn edited_node(
    answer: Whole,
    choose: &dyn Fn(usize) -> usize,
    edit: impl FnOnce(&mut Value),
) -> Whole {
    edited(answer, |nodes| {
        let nodes = listed(nodes);
        let chosen = choose(nodes.len());
        if let Some(node) = nodes.get_mut(chosen) {
            edit(node);
        }
    })
}

/// The nodes of a list; as for YARN, one that is empty is null.
fn listed(nodes: &mut Value) -> &mut Vec<Value> {
    if !nodes["nodes"]["node"].is_array() {
        nodes["nodes"] = json!({ "node": [] });
    }
    nodes["nodes"]["node"].as_array_mut().expect("made so")
}

/// Replaces each number.
fn each_number(value: &mut Value, replace: &dyn Fn(f64) -> Value) {
    match value {
        Value::Number(number) => *value = replace(number.as_f64().unwrap_or(0.0)),
        Value::Array(items) => items.iter_mut().for_each(|item| each_number(item, replace)),
        Value::Object(fields) => fields
            .values_mut()
            .for_each(|field| each_number(field, replace)),
        _ => {}
    }
}

/// Leaves out every other field.
fn half(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(half),
        Value::Object(fields) if fields.len() > 1 => {
            let mut even = false;
            fields.retain(|_, _| {
                even = !even;
                even
            });
            fields.values_mut().for_each(half);
        }
        Value::Object(fields) => fields.values_mut().for_each(half),
        _ => {}
    }
}
