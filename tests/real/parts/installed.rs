//! Finds what `tests/run` has installed.

use std::path::PathBuf;

/// Folder of Hadoop's jars, in the version that `HADOOP_VERSION` names.
pub fn hadoop() -> PathBuf {
    let version = hadoop_version();
    part(&format!("Hadoop {version}"), &format!("hadoop-{version}"))
}

pub fn hadoop_version() -> String {
    std::env::var("HADOOP_VERSION").unwrap_or_else(|_| String::from("3.3.6"))
}

/// Spark's home, which has `bin` and `jars`. Its Python is [`spark_python`].
pub fn spark() -> PathBuf {
    part(
        &format!("Spark {}", spark_version()),
        &format!("spark-{}/home", spark_version()),
    )
}

/// A Python that has PySpark.
pub fn spark_python() -> PathBuf {
    part(
        "Spark's Python",
        &format!("spark-{}/bin/python", spark_version()),
    )
}

/// The archived classes of Spark's `driver` or `executor`.
pub fn spark_classes(name: &str) -> String {
    let archive = part(
        "An archive of Spark's classes",
        &format!("spark-{}/{name}.jsa", spark_version()),
    );
    archive.display().to_string()
}

pub fn spark_version() -> String {
    std::env::var("SPARK_VERSION").unwrap_or_else(|_| String::from("3.5.9"))
}

/// A browser.
pub fn chromium() -> PathBuf {
    of_distribution("Chromium", "/usr/bin/chromium")
}

/// systemd's analysis of units.
pub fn systemd_analyze() -> PathBuf {
    of_distribution("systemd-analyze", "/usr/bin/systemd-analyze")
}

/// A Python that has the module `seccomp`.
pub fn python_with_seccomp() -> PathBuf {
    of_distribution("Python", "/usr/bin/python3")
}

/// A program that `tests/run` installs from the distribution.
fn of_distribution(name: &str, path: &str) -> PathBuf {
    let path = PathBuf::from(path);
    assert!(
        path.exists(),
        "{name} is missing at {}; run tests/run parts",
        path.display()
    );
    path
}

/// Java's home.
pub fn java() -> PathBuf {
    part("Java 17", "java")
}

pub fn moto_server() -> PathBuf {
    part("moto's server", "moto/bin/moto_server")
}

/// A folder with the programs of MIT Kerberos in `usr/sbin` and their libraries in `usr/lib`.
pub fn kerberos() -> PathBuf {
    part("the KDC of MIT Kerberos", "kerberos")
}

pub fn prometheus() -> PathBuf {
    part("Prometheus", "prometheus/usr/bin/prometheus")
}

pub fn promtool() -> PathBuf {
    part("promtool", "prometheus/usr/bin/promtool")
}

fn part(name: &str, path: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("target/real")
        .join(path);
    assert!(
        path.exists(),
        "{name} is missing: {} does not exist; run tests/run real, which installs it",
        path.display()
    );
    path
}
