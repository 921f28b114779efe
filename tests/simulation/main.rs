//! The simulator against things that no one here wrote, and the shipped scenarios against their
//! golden results.

mod agreement;
mod demand;
mod formulas;
mod queueing;
mod recorded;
mod scenarios;
