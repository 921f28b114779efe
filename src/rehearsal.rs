//! The whole daemon beside a simulated cluster: everything is real but the cluster, which lives in this process and serves the APIs of YARN, HDFS
//! and EMR on loopback. The only place where both worlds meet.

mod services;
mod simulated;

pub use services::Services;
pub use simulated::{Ended, SimulatedCluster};
