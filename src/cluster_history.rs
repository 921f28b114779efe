//! The history of a cluster in the metrics that EMR publishes to CloudWatch, and the observations that
//! it gives.

mod history;
mod observations;

pub use history::{History, METRICS, Part};
pub use observations::{missing, observations};
