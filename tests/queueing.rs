//! The queueing formulas that simulated waiting times are held against, checked against printed tables.

#[path = "support/queueing.rs"]
mod queueing;
