//! Tests Headroom with real services: Hadoop YARN, Spark, an independent implementation of EMR's
//! API, Prometheus, a KDC, Chromium, systemd. `tests/run real` installs and runs them; plain `cargo test` leaves them out.

mod answers;
mod browser;
mod closed_loop;
mod cluster;
mod dashboard;
mod emr;
#[path = "../../src/daemon/sources/cloudwatch/testing.rs"]
#[allow(dead_code, reason = "the library's tests use more of it")]
mod fake_cloudwatch;
#[path = "../../src/daemon/sources/emr/testing/fake.rs"]
#[allow(dead_code, reason = "the library's tests use more of it")]
mod fake_emr;
mod hardening;
mod history_server;
mod kerberos;
mod known_work;
mod limits;
mod parts;
#[path = "../daemon/program.rs"]
#[allow(dead_code, reason = "the tests of the daemon use more of it")]
mod program;
mod recording;
mod scrape;
#[path = "../daemon/services.rs"]
#[allow(dead_code, reason = "the tests of the daemon use more of it")]
mod services;
mod spark_alone;
mod spark_hour;
#[path = "../daemon/tricks.rs"]
mod tricks;
mod work;
