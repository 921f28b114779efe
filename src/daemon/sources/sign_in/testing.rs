//! A curl that writes what a test says.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A program in the place of curl, in a folder of its own.
#[derive(Debug)]
pub struct StubCurl(TempDir);

impl StubCurl {
    /// A curl with GSS-API, which answers nothing.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // A link to a file that is never written: a program that was just written may still be open in
        // another test that starts a process at this moment, and does not start then.
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/kerberos/curl");
        std::os::unix::fs::symlink(script, folder.path().join("curl")).expect("links");
        let stub = Self(folder);
        stub.write("version", "curl 8.0\nFeatures: GSS-API SPNEGO\n");
        stub.ends(0, "", "");
        stub
    }

    pub fn program(&self) -> PathBuf {
        self.0.path().join("curl")
    }

    /// From now on, it ends with this code after writing this.
    pub fn ends(&self, code: i32, stdout: &str, stderr: &str) {
        self.write("code", &code.to_string());
        self.write("stdout", stdout);
        self.write("stderr", stderr);
    }

    /// From now on, it signs in and gets this cookie, after the service has asked for a ticket.
    pub fn gets(&self, cookie: &str) {
        let asked = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Negotiate\r\n\
                     Set-Cookie: hadoop.auth=; Path=/; HttpOnly\r\n\r\n";
        let given = format!("HTTP/1.1 200 OK\r\nset-cookie: {cookie}; Path=/; HttpOnly\r\n\r\n");
        self.ends(0, &format!("{asked}{given}"), "* a line of --verbose\n");
    }

    pub fn write(&self, name: &str, text: &str) {
        // As a whole, because the program may be reading it.
        let partial = self.0.path().join(format!("{name}.partial"));
        fs::write(&partial, text).expect("writes");
        fs::rename(partial, self.0.path().join(name)).expect("renames");
    }

    pub fn remove(&self, name: &str) {
        fs::remove_file(self.0.path().join(name)).expect("removes");
    }

    /// The arguments of each call so far.
    pub fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.0.path().join("calls")).unwrap_or_default();
        calls.lines().map(str::to_owned).collect()
    }
}
