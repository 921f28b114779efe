//! The program as a process, in a folder of its own, with settings for the services of a test.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::services::Services;

/// How often it is looked whether a daemon has started, at most. A busy machine takes long to start a process.
const LOOKS: u32 = 1_200;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

const POLICY: &str = "
name: at-once
poll: 10s
targets:
  - group: { role: task }
    limits: { min: 0, max: 20 }
    reversal: 0s
    rules:
      - name: short
        when: yarn_memory_available_percent < 15
        then: { grow: 5 }
";

/// The settings, and what the processes have in their environment.
pub struct Program {
    folder: TempDir,
    pub environment: Vec<(&'static str, String)>,
}

/// An address that nothing listens on at this moment.
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port")
}

impl Program {
    /// `userinfo` is that of the addresses of YARN and HDFS, such as `user:password@`.
    pub fn new(services: &Services, userinfo: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("policy.yaml"), POLICY).expect("writes");
        let address = services
            .address
            .replace("http://", &format!("http://{userinfo}"));
        let settings = format!(
            "policy = 'policy.yaml'\nstate_dir = 'state'\ncluster_id = 'j-TEST'\nlisten = 'off'\n\
             [log]\nlevel = 'trace'\n[yarn]\nresource_managers = ['{address}']\n\
             [hdfs]\nname_nodes = ['{address}']\n[aws]\nregion = 'us-east-1'\n"
        );
        fs::write(folder.path().join("headroom.toml"), settings).expect("writes");
        let environment = vec![
            ("AWS_ENDPOINT_URL", services.address.clone()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("AWS_ACCESS_KEY_ID", "any".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "any".to_owned()),
        ];
        Self {
            folder,
            environment,
        }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn journal(&self) -> String {
        self.folder
            .path()
            .join("state/journal")
            .display()
            .to_string()
    }

    /// The files of the state folder.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder.path().join("state")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push(path);
                }
            }
        }
        found
    }

    /// A command of the program, from within the folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_headroom"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("NO_COLOR", "1")
            .env_remove("RUST_BACKTRACE")
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null());
        command
    }

    /// All that a command prints, on both outputs.
    pub fn output(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().expect("starts");
        all(&output)
    }

    /// One tick: all that it prints.
    pub fn once(&self) -> String {
        self.output(&["run", "--config", "headroom.toml", "--once"])
    }

    /// Runs the daemon until `during` has got what it wants from its endpoints. Returns the log.
    pub fn serve(
        &self,
        address: SocketAddr,
        during: impl FnOnce(&dyn Fn(&str) -> String),
    ) -> String {
        let log = self.folder.path().join("log");
        let file = fs::File::create(&log).expect("a file");
        let child = self
            .command(&["run", "--config", "headroom.toml"])
            .env("HEADROOM__LISTEN", address.to_string())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .expect("starts");
        let mut running = Running(child);
        // Ready or not, the first tick has ended.
        let has_ticked =
            || get(address, "/api/v1/status").is_some_and(|status| status.contains("\"tick\":"));
        let mut looks = 0;
        while !has_ticked() {
            looks += 1;
            let runs = matches!(running.0.try_wait(), Ok(None));
            assert!(
                runs && looks < LOOKS,
                "{}",
                fs::read_to_string(&log).expect("a log")
            );
            std::thread::sleep(BETWEEN_LOOKS);
        }
        during(&|path| get(address, path).expect("an answer"));
        drop(running);
        fs::read_to_string(&log).expect("a log")
    }
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn all(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// The body of an answer.
fn get(address: SocketAddr, path: &str) -> Option<String> {
    let mut connection = TcpStream::connect(address).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n");
    connection.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).ok()?;
    Some(answer.split_once("\r\n\r\n")?.1.to_owned())
}
