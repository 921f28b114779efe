//! Reading and writing traces one record at a time: memory does not grow with the file, and every
//! error names its line.

mod check;
mod error;
pub(crate) mod lines;
mod reader;
mod segments;
mod writer;

pub use check::InvalidRecord;
#[cfg(feature = "daemon")]
pub(crate) use check::Sequence;
pub(crate) use check::{TASKS_MAX, check_job};
pub use error::TraceError;
pub(crate) use reader::json_problem;
pub use reader::{TornTail, TraceReader};
pub use segments::{Segment, segments};
pub use writer::TraceWriter;

#[cfg(test)]
mod tests;
