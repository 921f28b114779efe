//! Running an engine over recorded observations again: to restore its state after a restart, and to
//! verify that the recorded decisions follow from the observations.

pub mod fold;
pub mod verify;
