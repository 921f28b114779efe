//! What the handlers of all services share: the cluster, its names, and the answer after its end.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::rehearsal::simulated::{Ended, SimulatedCluster};

/// The state of the request handlers.
#[derive(Clone)]
pub(super) struct Served {
    pub cluster: SimulatedCluster,
    pub cluster_id: Arc<str>,
    pub name: Arc<str>,
    /// Whether EMR was asked to terminate the cluster.
    pub is_terminating: Arc<AtomicBool>,
}

impl IntoResponse for Ended {
    fn into_response(self) -> Response {
        (StatusCode::SERVICE_UNAVAILABLE, self.to_string()).into_response()
    }
}

/// The private DNS name of an instance, which both YARN and EMR report.
pub(super) fn private_dns_name(number: u32) -> String {
    let [.., a, b, c] = address_of(number);
    format!("ip-10-{a}-{b}-{c}.ec2.internal")
}

pub(super) fn private_ip_address(number: u32) -> String {
    let [.., a, b, c] = address_of(number);
    format!("10.{a}.{b}.{c}")
}

/// Counts from 10.0.0.10, because AWS reserves the first addresses of a subnet.
fn address_of(number: u32) -> [u8; 4] {
    number.saturating_add(10).to_be_bytes()
}
