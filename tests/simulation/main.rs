//! The simulator compared with queueing theory and with a recorded cluster, and the shipped scenarios
//! with their golden results.

mod agreement;
mod aims;
mod demand;
mod formulas;
mod queueing;
mod recorded;
mod scenarios;
mod spark_alone;
