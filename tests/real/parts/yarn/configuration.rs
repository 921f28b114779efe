//! The cluster's configuration: small, local, and quick to notice what changes.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::super::{free_port, installed};
use super::{LIMITED_QUEUE, LIMITED_QUEUE_PERCENT, NODE_MEMORY_MIB, NODE_VCORES};

const LOG4J: &str = "\
log4j.rootLogger=INFO,console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.target=System.err
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d{ISO8601} %p %c{2}: %m%n
";

/// YARN's settings by name.
pub type YarnSite = Vec<(&'static str, String)>;

/// Writes the files that Hadoop reads into `folder`. Returns the port of the ResourceManager's REST
/// API, and the settings.
pub fn write(folder: &Path) -> (u16, YarnSite) {
    let configuration = folder.join("configuration");
    fs::create_dir(&configuration).expect("a folder");
    let rest_port = free_port();
    let yarn_site = yarn_site(folder, rest_port);
    fs::write(configuration.join("yarn-site.xml"), properties(&yarn_site)).expect("writes");
    let core_site = [
        ("fs.defaultFS", String::from("file:///")),
        ("hadoop.tmp.dir", folder.join("tmp").display().to_string()),
    ];
    fs::write(configuration.join("core-site.xml"), properties(&core_site)).expect("writes");
    fs::write(configuration.join("log4j.properties"), LOG4J).expect("writes");
    fs::write(folder.join("exclude"), "").expect("writes");
    let this_machine = fs::read_to_string("/proc/sys/kernel/hostname").expect("reads");
    fs::write(
        folder.join("hosts"),
        format!("127.0.0.1 localhost {}\n", this_machine.trim()),
    )
    .expect("writes");
    (rest_port, yarn_site)
}

/// A Java program with Hadoop's classes, this configuration, and the host names of `FOLDER/hosts`.
/// Containers inherit its options.
pub fn java(folder: &Path, heap_mib: u32) -> Command {
    let home = installed::java();
    let mut command = Command::new(home.join("bin/java"));
    command
        .env("JAVA_HOME", &home)
        .env("JAVA_TOOL_OPTIONS", java_options(folder))
        .arg(format!("-Xmx{heap_mib}m"))
        .arg(format!("-Duser.home={}", folder.display()))
        .args(["-cp", &class_path(folder)]);
    command
}

/// Java's options for all programs of the cluster.
pub fn java_options(folder: &Path) -> String {
    // A small machine starts many of them: little memory and a quick start count, not speed.
    // Hadoop's injection needs java.lang open.
    let options =
        "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 --add-opens=java.base/java.lang=ALL-UNNAMED";
    let hosts = folder.join("hosts");
    format!("{options} -Djdk.net.hosts.file={}", hosts.display())
}

fn address(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

fn yarn_site(folder: &Path, rest_port: u16) -> YarnSite {
    let exclude_path = folder.join("exclude").display().to_string();
    vec![
        ("yarn.resourcemanager.webapp.address", address(rest_port)),
        ("yarn.resourcemanager.address", address(free_port())),
        (
            "yarn.resourcemanager.scheduler.address",
            address(free_port()),
        ),
        (
            "yarn.resourcemanager.resource-tracker.address",
            address(free_port()),
        ),
        ("yarn.resourcemanager.admin.address", address(free_port())),
        ("yarn.resourcemanager.nodes.exclude-path", exclude_path),
        (
            "yarn.resourcemanager.decommissioning-nodes-watcher.poll-interval-secs",
            "1".to_owned(),
        ),
        (
            "yarn.nm.liveness-monitor.expiry-interval-ms",
            "20000".to_owned(),
        ),
        ("yarn.scheduler.minimum-allocation-mb", "256".to_owned()),
        (
            "yarn.scheduler.capacity.root.queues",
            format!("default,{LIMITED_QUEUE}"),
        ),
        (
            "yarn.scheduler.capacity.root.default.capacity",
            "90".to_owned(),
        ),
        (
            "yarn.scheduler.capacity.root.default.user-limit-factor",
            "2".to_owned(),
        ),
        (
            "yarn.scheduler.capacity.root.limited.capacity",
            "10".to_owned(),
        ),
        (
            "yarn.scheduler.capacity.root.limited.maximum-capacity",
            LIMITED_QUEUE_PERCENT.to_string(),
        ),
        (
            "yarn.scheduler.capacity.root.limited.user-limit-factor",
            "10".to_owned(),
        ),
        (
            "yarn.scheduler.capacity.maximum-am-resource-percent",
            "0.5".to_owned(),
        ),
        // Memory and vcores both count, as they do in the simulator.
        (
            "yarn.scheduler.capacity.resource-calculator",
            "org.apache.hadoop.yarn.util.resource.DominantResourceCalculator".to_owned(),
        ),
        ("yarn.application.classpath", class_path(folder)),
        (
            "yarn.nodemanager.resource.memory-mb",
            NODE_MEMORY_MIB.to_string(),
        ),
        (
            "yarn.nodemanager.resource.cpu-vcores",
            NODE_VCORES.to_string(),
        ),
        (
            "yarn.nodemanager.env-whitelist",
            "JAVA_HOME,JAVA_TOOL_OPTIONS".to_owned(),
        ),
        // How full this machine's disks are, and how much of its memory a container really takes,
        // is not what is tested.
        (
            "yarn.nodemanager.disk-health-checker.enable",
            "false".to_owned(),
        ),
        (
            "yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage",
            "100".to_owned(),
        ),
        (
            "yarn.nodemanager.container-monitor.enabled",
            "false".to_owned(),
        ),
        ("yarn.nodemanager.vmem-check-enabled", "false".to_owned()),
        ("yarn.nodemanager.pmem-check-enabled", "false".to_owned()),
    ]
}

fn class_path(folder: &Path) -> String {
    format!(
        "{}:{}/*",
        folder.join("configuration").display(),
        installed::hadoop().display()
    )
}

fn properties(properties: &[(&str, String)]) -> String {
    let mut xml = String::from("<configuration>\n");
    for (name, value) in properties {
        writeln!(
            xml,
            "<property><name>{name}</name><value>{value}</value></property>"
        )
        .expect("a string");
    }
    xml + "</configuration>\n"
}
