//! How well a policy did: what a simulation cost, how long work waited, and how that compares with
//! other policies and with what was possible at best.

pub mod bounds;
pub mod cut_off;
pub mod default_cluster;
pub mod elasticity;
pub mod report;
pub mod scorecard;
pub mod shortage;
pub mod statistics;
pub mod trials;
