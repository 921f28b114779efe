//! Checks what the daemon logs about a source that fails.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::MakeWriter;

use crate::faults::{POLICY, start_in};
use crate::services::{Fault, Services};

/// What a daemon logs.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Lines that contain this text, without the time.
    pub fn lines(&self, wanted: &str) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().expect("not poisoned").clone()).expect("UTF-8");
        text.lines()
            .filter(|line| line.contains(wanted))
            .map(str::to_owned)
            .collect()
    }

    /// Collects what this thread logs until the guard is dropped.
    pub fn start(&self) -> tracing::subscriber::DefaultGuard {
        let subscriber = tracing_subscriber::fmt()
            .with_writer(self.clone())
            .with_ansi(false)
            .without_time()
            .with_target(false)
            .finish();
        tracing::subscriber::set_default(subscriber)
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("not poisoned").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn a_source_that_fails_at_every_tick_is_told_once_and_so_is_its_recovery() {
    let log = Log::default();
    let _guard = log.start();
    let services = Services::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut daemon = start_in(folder.path(), &services, POLICY, false)
        .await
        .expect("starts");
    for fault in [
        Fault::Text,
        Fault::Text,
        Fault::Text,
        Fault::None,
        Fault::None,
    ] {
        services.load().yarn = fault;
        daemon.once().await.expect("a tick");
    }
    let lines = log.lines("source=\"yarn_load\"");
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(
        lines[0].trim_start().starts_with("WARN ") && lines[0].contains("kind=\""),
        "{}",
        lines[0]
    );
    assert!(
        lines[1].trim_start().starts_with("INFO recovered after "),
        "{}",
        lines[1]
    );
}
