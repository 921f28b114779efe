//! A realm of Kerberos: MIT's KDC on loopback, with its configuration, its database and its keytabs in a
//! temporary folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::process::Process;
use super::{eventually, free_port, installed, seconds};

const REALM: &str = "HEADROOM.TEST";
/// The principal of the services on this machine.
pub const SERVICE: &str = "HTTP/localhost@HEADROOM.TEST";
/// The principal of the daemon.
pub const DAEMON: &str = "headroom@HEADROOM.TEST";

/// The KDC with its realm.
#[derive(Debug)]
pub struct Realm {
    _kdc: Process,
    folder: TempDir,
}

impl Realm {
    /// A realm with the two principals.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        fs::write(folder.path().join("krb5.conf"), krb5_conf(port)).expect("writes");
        let settings = kdc_conf(folder.path(), port);
        fs::write(folder.path().join("kdc.conf"), settings).expect("writes");
        let create = ["create", "-s", "-P", "master", "-r", REALM];
        succeed(program("kdb5_util", folder.path()).args(create));
        let kdc = Process::start(
            "krb5kdc",
            program("krb5kdc", folder.path()).arg("-n"),
            folder.path(),
        );
        let mut realm = Self { _kdc: kdc, folder };
        for principal in [SERVICE, DAEMON] {
            realm.administrate(&format!("addprinc -randkey {principal}"));
        }
        eventually("the KDC is there", seconds(30), async || {
            realm._kdc.must_run();
            realm.log().contains("commencing operation").then_some(())
        })
        .await;
        realm
    }

    /// `krb5.conf`, for the service and the daemon.
    pub fn configuration(&self) -> PathBuf {
        self.folder.path().join("krb5.conf")
    }

    /// Gives a principal a new key, and returns a keytab with it. Earlier keytabs no longer serve.
    pub fn keytab(&self, principal: &str) -> PathBuf {
        let name = format!("{}.keytab", free_port());
        let path = self.folder.path().join(name);
        self.administrate(&format!("ktadd -k {} {principal}", path.display()));
        path
    }

    /// How many tickets for the service the KDC has given.
    pub fn tickets(&self) -> usize {
        let log = self.log();
        let given = log.lines().filter(|line| line.contains("TGS_REQ"));
        given.filter(|line| line.contains(": ISSUE: ")).count()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("requests.log")).unwrap_or_default()
    }

    fn administrate(&self, query: &str) {
        succeed(program("kadmin.local", self.folder.path()).args(["-q", query]));
    }
}

/// Names are taken as they are: what the resolver of this machine makes of them does not matter.
fn krb5_conf(port: u16) -> String {
    format!(
        "[libdefaults]
default_realm = {REALM}
dns_lookup_kdc = false
dns_canonicalize_hostname = false
rdns = false
[realms]
{REALM} = {{
    kdc = 127.0.0.1:{port}
}}
[domain_realm]
localhost = {REALM}
"
    )
}

fn kdc_conf(folder: &Path, port: u16) -> String {
    let (folder, modules) = (folder.display(), libraries().join("krb5/plugins/kdb"));
    format!(
        "[realms]
{REALM} = {{
    kdc_listen = 127.0.0.1:{port}
    kdc_tcp_listen = 127.0.0.1:{port}
    database_name = {folder}/principal
    key_stash_file = {folder}/stash
    acl_file = {folder}/acl
}}
[dbmodules]
db_module_dir = {modules}
[logging]
kdc = FILE:{folder}/requests.log
admin_server = FILE:{folder}/admin.log
",
        modules = modules.display()
    )
}

/// A program of the KDC, which reads nothing outside of the folder.
fn program(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(installed::kerberos().join("usr/sbin").join(name));
    command
        .env("KRB5_CONFIG", folder.join("krb5.conf"))
        .env("KRB5_KDC_PROFILE", folder.join("kdc.conf"))
        .env("LD_LIBRARY_PATH", libraries());
    command
}

/// The folder of its libraries, which has the name of this machine's architecture.
fn libraries() -> PathBuf {
    let all = fs::read_dir(installed::kerberos().join("usr/lib")).expect("reads");
    let folders = all.filter_map(|entry| Some(entry.ok()?.path()));
    let mut matching = folders.filter(|path| path.join("krb5/plugins/kdb").is_dir());
    matching.next().expect("the module of the database")
}

fn succeed(command: &mut Command) {
    let output = command.output().expect("starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}
