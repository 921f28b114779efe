//! Load: applications of Hadoop's DistributedShell, whose containers sleep.

use std::path::PathBuf;

use super::process::Process;
use super::yarn::{Application, YarnCluster};
use super::{eventually, installed, seconds};

/// One application: equal containers that sleep equally long, and an application master.
#[derive(Clone, Debug)]
pub struct Job {
    pub name: String,
    pub containers: u32,
    pub seconds: u32,
    /// Of each container.
    pub memory_mib: u32,
    pub vcores: u32,
}

/// The resources of each application master.
pub const MASTER_MEMORY_MIB: u32 = 512;

impl YarnCluster {
    /// Submits a job. Returns the id of the accepted application.
    pub async fn submit(&self, job: &Job) -> String {
        self.submit_to("default", job).await
    }

    /// Submits a job to a queue. Returns the id of the accepted application.
    pub async fn submit_to(&self, queue: &str, job: &Job) -> String {
        let jar = distributed_shell();
        let mut command = self.java(64);
        command
            .arg("org.apache.hadoop.yarn.applications.distributedshell.Client")
            .arg("-jar")
            .arg(jar);
        for (option, value) in [
            ("appname", job.name.clone()),
            ("queue", queue.to_owned()),
            ("shell_command", format!("sleep {}", job.seconds)),
            ("num_containers", job.containers.to_string()),
            ("container_memory", job.memory_mib.to_string()),
            ("container_vcores", job.vcores.to_string()),
            ("master_memory", MASTER_MEMORY_MIB.to_string()),
            ("master_vcores", String::from("1")),
        ] {
            command.args([format!("-{option}"), value]);
        }
        let mut client =
            Process::start(&format!("submit-{}", job.name), &mut command, self.folder());
        // Stop the client, which would watch the application until its end. Asking YARN saves a
        // Java process.
        eventually(
            &format!("YARN accepts {}", job.name),
            seconds(60),
            async || {
                let id = submitted(&client.log());
                if id.is_none() {
                    client.must_run();
                }
                id
            },
        )
        .await
    }

    /// The application once it has ended.
    pub async fn finished(&self, id: &str, within_s: u64) -> Application {
        eventually(&format!("{id} ends"), seconds(within_s), async || {
            self.applications()
                .await
                .into_iter()
                .find(|application| application.id == id && application.finished_time > 0)
        })
        .await
    }
}

fn submitted(log: &str) -> Option<String> {
    let line = log
        .lines()
        .find(|line| line.contains("Submitted application application_"))?;
    line.split_whitespace().last().map(String::from)
}

fn distributed_shell() -> PathBuf {
    let jars = std::fs::read_dir(installed::hadoop()).expect("a folder");
    let paths = jars.map(|jar| jar.expect("an entry").path());
    paths
        .into_iter()
        .find(|path| path.display().to_string().contains("distributedshell"))
        .expect("DistributedShell is among the jars")
}
