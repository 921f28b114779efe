//! Tests Headroom with real services: Hadoop YARN, Spark, an independent implementation of EMR's
//! API, Prometheus, a KDC. `tests/run real` installs and runs them; plain `cargo test` leaves them out.

mod answers;
mod closed_loop;
mod cluster;
mod dashboard;
mod emr;
mod history_server;
mod kerberos;
mod known_work;
mod limits;
mod parts;
mod recording;
mod scrape;
mod spark_alone;
mod spark_hour;
mod work;
