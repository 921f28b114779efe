//! The live world: polls YARN, HDFS, EMR and CloudWatch, lets the engine decide, writes it down and calls EMR.

pub mod act;
pub mod clock;
pub mod cloudwatch;
pub mod emr;
pub mod hdfs;
pub mod http_get;
pub mod record;
pub mod source;
pub mod yarn;
