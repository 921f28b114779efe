//! The simulator: the same engine, a simulated cluster, a simulated clock.

pub mod report;
pub mod run;
pub mod scorecard;
