//! The whole daemon against services that speak HTTP on loopback, and misbehave.

mod faults;
mod limits;
mod restart;
mod world;
