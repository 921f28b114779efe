//! Running an engine over recorded observations again: to restore its state after a restart, and to
//! check that recorded decisions follow from what was observed.

pub mod fold;
pub mod verify;
