//! Imports workloads from the file formats of other tools as job traces.

pub mod cloudwatch;
pub mod csv;
mod error;
mod gather;
mod hadoop;
mod inputs;
pub mod jhist;
mod recognize;
pub mod rumen;
mod source;
pub mod spark;
pub mod swim;
pub mod yarn_apps;

pub use error::ImportError;
pub use gather::{Imported, LeftOut};
pub use inputs::{Input, single_files};
pub use recognize::{Recording, recognize};
pub use source::Source;

#[cfg(test)]
mod tests;
