//! Imports workloads from the file formats of other tools as job traces.

pub mod csv;
mod error;
mod gather;
mod hadoop;
mod inputs;
pub mod rumen;
mod source;
pub mod spark;
pub mod swim;

pub use error::ImportError;
pub use gather::{Imported, LeftOut};
pub use inputs::{Input, single_files};
pub use source::Source;

#[cfg(test)]
mod tests;
