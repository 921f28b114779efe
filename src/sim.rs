//! The simulator: the same engine, a simulated cluster, a simulated clock.

pub mod bounds;
pub mod elasticity;
pub mod pricing;
pub mod report;
pub mod run;
pub mod scorecard;
pub mod statistics;
