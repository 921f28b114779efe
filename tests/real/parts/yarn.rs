//! A Hadoop YARN cluster: a ResourceManager and NodeManagers, each a Java process of this machine,
//! on its local file system.

mod configuration;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use reqwest::Url;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use super::kerberos::{Realm, SERVICE};
use super::process::{Process, kill_all_of};
use super::{eventually, http, pause, seconds, within};
use configuration::YarnSite;

/// The resources that a NodeManager reports. They need not exist, because containers only sleep.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct NodeSize {
    pub memory_mib: u32,
    pub vcores: u32,
}

pub const NODE_MEMORY_MIB: u32 = 12_288;
pub const NODE_VCORES: u32 = 8;
pub const NODE: NodeSize = NodeSize {
    memory_mib: NODE_MEMORY_MIB,
    vcores: NODE_VCORES,
};

/// The queue that may have only a part of the cluster; the queue `default` may have all of it.
pub const LIMITED_QUEUE: &str = "limited";
pub const LIMITED_QUEUE_PERCENT: u32 = 25;

/// The cluster and its state.
#[derive(Debug)]
pub struct YarnCluster {
    folder: TempDir,
    rest: Url,
    site: YarnSite,
    resource_manager: Mutex<Process>,
    /// `None` if it requires no authentication.
    kerberos: Option<Kerberos>,
    /// By host name.
    node_managers: Mutex<BTreeMap<String, Process>>,
    /// Host names of all nodes that were ever decommissioned, as the exclude file lists them.
    excluded: Mutex<Vec<String>>,
}

/// How the ResourceManager requires Kerberos over HTTP.
#[derive(Debug)]
struct Kerberos {
    /// `krb5.conf`.
    configuration: PathBuf,
    keytab: PathBuf,
    secrets: u32,
}

/// A node as the ResourceManager knows it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    #[serde(rename = "nodeHostName")]
    pub host: String,
    /// In YARN's words.
    pub state: String,
    pub num_containers: u32,
}

/// An application as the ResourceManager knows it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Application {
    pub id: String,
    pub name: String,
    pub final_status: String,
    /// When YARN accepted it, and when it ended (0 until then); milliseconds since 1970.
    pub started_time: i64,
    pub finished_time: i64,
    /// Of all its containers; -1 once it has ended.
    pub running_containers: i64,
    #[serde(rename = "allocatedMB")]
    pub allocated_mib: i64,
    #[serde(rename = "allocatedVCores")]
    pub allocated_vcores: i64,
}

/// Figures of the whole cluster.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metrics {
    pub active_nodes: u32,
    #[serde(rename = "totalMB")]
    pub total_mib: u64,
}

impl YarnCluster {
    /// A ResourceManager without nodes.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (port, site) = configuration::write(folder.path());
        let rest = http::local(port);
        let mut command = resource_manager(folder.path(), None);
        let cluster = Self {
            resource_manager: Mutex::new(start(&mut command, folder.path())),
            kerberos: None,
            rest,
            site,
            folder,
            node_managers: Mutex::default(),
            excluded: Mutex::default(),
        };
        cluster.metrics().await;
        cluster
    }

    /// A ResourceManager without nodes that requires Kerberos over HTTP, and gives cookies of this
    /// validity. Its other protocols require nothing, so that nodes join as ever.
    pub async fn start_with_kerberos(realm: &Realm, validity: Duration) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (port, site) = configuration::write(folder.path());
        let kerberos = Kerberos {
            configuration: realm.configuration(),
            keytab: realm.keytab(SERVICE),
            secrets: 0,
        };
        fs::write(folder.path().join("secret"), "secret-0").expect("writes");
        let mut command = resource_manager(folder.path(), Some((&kerberos, validity)));
        let cluster = Self {
            resource_manager: Mutex::new(start(&mut command, folder.path())),
            kerberos: Some(kerberos),
            // The name of the principal.
            rest: Url::parse(&format!("http://localhost:{port}/")).expect("an address"),
            site,
            folder,
            node_managers: Mutex::default(),
            excluded: Mutex::default(),
        };
        cluster.asks_for_kerberos().await;
        cluster
    }

    /// Restarts the ResourceManager with another secret: it refuses the cookies that it gave before.
    pub async fn restart_with_another_secret(&mut self, validity: Duration) {
        let kerberos = self.kerberos.as_mut().expect("it requires Kerberos");
        kerberos.secrets += 1;
        let secret = format!("secret-{}", kerberos.secrets);
        fs::write(self.folder.path().join("secret"), secret).expect("writes");
        let mut command = resource_manager(self.folder.path(), Some((&*kerberos, validity)));
        {
            let mut running = self.resource_manager.lock().expect("whole");
            running.kill();
            *running = start(&mut command, self.folder.path());
        }
        self.asks_for_kerberos().await;
    }

    async fn asks_for_kerberos(&self) {
        eventually(
            "the ResourceManager answers 401",
            seconds(180),
            async || {
                self.resource_manager.lock().expect("whole").must_run();
                let status = http::status(&self.rest.join("ws/v1/cluster/info").ok()?).await;
                (status? == 401).then_some(())
            },
        )
        .await;
    }

    /// Address of the ResourceManager's REST API.
    pub fn rest(&self) -> &Url {
        &self.rest
    }

    /// Where everything is, logs included.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// YARN's settings, except those of a node's size, and those with paths and addresses of this
    /// machine.
    pub fn settings(&self) -> BTreeMap<&'static str, &str> {
        let folder = self.folder().display().to_string();
        let settings = self.site.iter().map(|(name, value)| (*name, &**value));
        let of_any_machine =
            settings.filter(|(_, value)| !value.contains(&folder) && !value.contains("127.0.0.1"));
        of_any_machine
            .filter(|(name, _)| !name.starts_with("yarn.nodemanager.resource."))
            .collect()
    }

    /// Java's options for programs that work with this cluster.
    pub fn java_options(&self) -> String {
        configuration::java_options(self.folder())
    }

    /// Starts a NodeManager under a host name that only this cluster knows. It joins some seconds
    /// later. A name can be used only once.
    pub fn start_node(&self, host: &str) {
        self.start_node_of(host, NODE);
    }

    /// Starts a NodeManager that reports these resources.
    pub fn start_node_of(&self, host: &str, size: NodeSize) {
        let mut nodes = self.node_managers.lock().expect("whole");
        let excluded = self.excluded.lock().expect("whole");
        assert!(
            !nodes.contains_key(host) && !excluded.iter().any(|name| name == host),
            "{host} was a node before"
        );
        self.learn_host(host, nodes.len() + excluded.len());
        let folder = self.folder().join(host);
        let mut command = self.java(96);
        command.arg("org.apache.hadoop.yarn.server.nodemanager.NodeManager");
        for (key, value) in [
            ("hostname", String::from(host)),
            ("localizer.address", format!("{host}:0")),
            ("webapp.address", format!("{host}:0")),
            ("local-dirs", folder.join("local").display().to_string()),
            ("log-dirs", folder.join("logs").display().to_string()),
            ("resource.memory-mb", size.memory_mib.to_string()),
            ("resource.cpu-vcores", size.vcores.to_string()),
        ] {
            command.arg(format!("-Dyarn.nodemanager.{key}={value}"));
        }
        nodes.insert(
            host.into(),
            Process::start(host, &mut command, self.folder()),
        );
    }

    /// Asks for nodes to be decommissioned: they take no new containers, and are gone when theirs
    /// have ended or `timeout` is over.
    pub async fn decommission(&self, hosts: &[String], timeout: Duration) {
        let list = {
            let mut excluded = self.excluded.lock().expect("whole");
            excluded.extend(hosts.iter().cloned());
            excluded.join("\n")
        };
        fs::write(self.folder().join("exclude"), list).expect("writes");
        let mut command = self.java(64);
        command.args([
            "org.apache.hadoop.yarn.client.cli.RMAdminCLI",
            "-refreshNodes",
            "-g",
            &timeout.as_secs().to_string(),
            "-server",
        ]);
        let mut admin = Process::start("refresh-nodes", &mut command, self.folder());
        within("rmadmin -refreshNodes", seconds(30), async {
            while admin.is_running() {
                pause().await;
            }
        })
        .await;
    }

    /// Ends the process of a node at once, as a terminated instance does.
    pub fn terminate_node(&self, host: &str) {
        self.node_managers.lock().expect("whole").remove(host);
    }

    /// All nodes that are running, decommissioning or unhealthy.
    pub async fn nodes(&self) -> Vec<Node> {
        #[derive(Deserialize)]
        struct Answer {
            nodes: Option<Nodes>,
        }
        #[derive(Deserialize)]
        struct Nodes {
            #[serde(default)]
            node: Vec<Node>,
        }
        let answer: Answer = self
            .ask("nodes?states=RUNNING,DECOMMISSIONING,UNHEALTHY")
            .await;
        answer.nodes.map(|nodes| nodes.node).unwrap_or_default()
    }

    /// All applications that the ResourceManager remembers.
    pub async fn applications(&self) -> Vec<Application> {
        #[derive(Deserialize)]
        struct Answer {
            apps: Option<Applications>,
        }
        #[derive(Deserialize)]
        struct Applications {
            #[serde(default)]
            app: Vec<Application>,
        }
        let answer: Answer = self.ask("apps").await;
        answer.apps.map(|apps| apps.app).unwrap_or_default()
    }

    /// The nodes of an application's containers that have started, one entry for each. The
    /// ResourceManager counts a container in [`Node::num_containers`] as soon as it has found room
    /// for it.
    pub async fn started_containers(&self, application: &str) -> Vec<String> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(default)]
            container: Vec<Container>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Container {
            container_state: String,
            /// Host and port.
            assigned_node_id: String,
        }
        let attempt = format!(
            "{}_000001",
            application.replace("application", "appattempt")
        );
        let answer: Answer = self
            .ask(&format!(
                "apps/{application}/appattempts/{attempt}/containers"
            ))
            .await;
        let started = answer
            .container
            .into_iter()
            .filter(|container| container.container_state == "RUNNING");
        started
            .filter_map(|container| Some(container.assigned_node_id.split_once(':')?.0.to_owned()))
            .collect()
    }

    pub async fn metrics(&self) -> Metrics {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            cluster_metrics: Metrics,
        }
        let answer: Answer = self.ask("metrics").await;
        answer.cluster_metrics
    }

    /// Waits until this number of nodes is active.
    pub async fn active(&self, nodes: u32) {
        eventually(&format!("{nodes} active nodes"), seconds(90), async || {
            (self.metrics().await.active_nodes == nodes).then_some(())
        })
        .await;
    }

    /// A Java program with Hadoop's classes, the cluster's configuration and its host names.
    pub fn java(&self, heap_mib: u32) -> Command {
        configuration::java(self.folder(), heap_mib)
    }

    /// What the ResourceManager answers, once it does: it takes its time to start, and under load.
    async fn ask<T: DeserializeOwned>(&self, what: &str) -> T {
        let url = self
            .rest
            .join("ws/v1/cluster/")
            .and_then(|base| base.join(what))
            .expect("an address");
        within("the ResourceManager answers", seconds(60), async {
            loop {
                self.resource_manager.lock().expect("whole").must_run();
                if let Some(answer) = http::get(&url).await {
                    return answer;
                }
                pause().await;
            }
        })
        .await
    }

    /// Gives a host name an address of the loopback network. Java reads the file at each look-up.
    fn learn_host(&self, host: &str, known: usize) {
        let path = self.folder().join("hosts");
        let mut hosts = fs::read_to_string(&path).expect("reads");
        writeln!(
            hosts,
            "127.0.{}.{} {host}",
            1 + known / 250,
            1 + known % 250
        )
        .expect("a string");
        let partial = self.folder().join("hosts.partial");
        fs::write(&partial, hosts).expect("writes");
        fs::rename(partial, path).expect("renames");
    }
}

fn start(resource_manager: &mut Command, folder: &Path) -> Process {
    Process::start("resource-manager", resource_manager, folder)
}

/// The command that starts a ResourceManager.
fn resource_manager(folder: &Path, kerberos: Option<(&Kerberos, Duration)>) -> Command {
    let mut command = configuration::java(folder, 256);
    let main = "org.apache.hadoop.yarn.server.resourcemanager.ResourceManager";
    let Some((kerberos, validity)) = kerberos else {
        command.arg(main);
        return command;
    };
    let configuration = kerberos.configuration.display();
    command.arg(format!("-Djava.security.krb5.conf={configuration}"));
    command.arg(main);
    let initializer = "org.apache.hadoop.security.AuthenticationFilterInitializer";
    command.arg(format!("-Dhadoop.http.filter.initializers={initializer}"));
    let secret = folder.join("secret").display().to_string();
    for (key, value) in [
        ("type", "kerberos".to_owned()),
        ("kerberos.principal", SERVICE.to_owned()),
        ("kerberos.keytab", kerberos.keytab.display().to_string()),
        ("signature.secret.file", secret),
        ("simple.anonymous.allowed", "false".to_owned()),
        ("token.validity", validity.as_secs().to_string()),
    ] {
        command.arg(format!("-Dhadoop.http.authentication.{key}={value}"));
    }
    command
}

impl Drop for YarnCluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.folder.disable_cleanup(true);
            eprintln!(
                "the logs of YARN are kept in {}",
                self.folder.path().display()
            );
        }
        self.node_managers.lock().expect("whole").clear();
        kill_all_of(self.folder.path());
    }
}
