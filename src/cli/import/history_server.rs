//! `headroom import history-server`: from saved replies, or from the server itself.

use std::path::Path;

use super::conversion::{Files, convert, is_address, parse_timestamp};
use anyhow::bail;
use headroom::import::spark;
use headroom::units::Timestamp;

/// Applications of a Spark history server: its address, or saved replies of its REST service
#[derive(clap::Args)]
#[command(
    after_help = "Pass the address of the server (needs a build with `--features daemon`): its newest \
finished applications are fetched. The address of a running application's driver works, too. Or pass a \
folder with a folder for each application, which has the replies stages.json, environment.json, \
allexecutors.json and application.json (docs/traces.md has a script). Event logs are more exact: \
the replies have no single tasks, so the tasks of a stage take the mean time.

Examples:
  headroom import history-server http://HISTORY_SERVER:18080 --limit 50 --out spark.trace.zst
  headroom import history-server replies --out spark.trace.zst"
)]
pub struct HistoryServer {
    #[command(flatten)]
    files: Files,
    /// With an address: the most applications, the newest ones [default: 100]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// With an address: only applications that started at this time or later
    #[arg(long, value_name = "TIMESTAMP", value_parser = parse_timestamp)]
    since: Option<Timestamp>,
    /// With an address: only applications that started before this time
    #[arg(long, value_name = "TIMESTAMP", value_parser = parse_timestamp)]
    until: Option<Timestamp>,
}

pub fn run(args: &HistoryServer) -> anyhow::Result<()> {
    let inputs = &args.files.inputs[..];
    if let [address] = inputs
        && let address = address.to_string_lossy()
        && ["http://", "https://"]
            .iter()
            .any(|scheme| address.starts_with(scheme))
    {
        return fetch(args, &address);
    }
    if let Some(input) = inputs.iter().find(|input| lacks_scheme(input)) {
        let input = input.display();
        bail!(
            "{input} does not exist; the address of a server begins with http://, such as http://{input}"
        );
    }
    if inputs.len() > 1 && inputs.iter().any(|input| is_address(input)) {
        bail!("pass one address or folders, not both; import each server by itself");
    }
    if args.limit.is_some() || args.since.is_some() || args.until.is_some() {
        bail!(
            "--limit, --since and --until are for the address of a server, such as http://HOST:18080"
        );
    }
    convert(&args.files, spark::saved_replies, |sources| {
        spark::import_replies(sources)
    })
}

/// Whether an input is an address without `http://`: a host, a port, and perhaps a path.
fn lacks_scheme(input: &Path) -> bool {
    let text = input.to_string_lossy();
    let port = text.split_once(':').map(|(_, rest)| rest.split('/').next());
    let is_port = port
        .flatten()
        .is_some_and(|port| port.parse::<u16>().is_ok());
    is_port && !input.exists()
}

#[cfg(not(feature = "daemon"))]
fn fetch(_: &HistoryServer, address: &str) -> anyhow::Result<()> {
    bail!(
        "{address} cannot be fetched, because this build has the simulator only\n\
         help: build with the daemon: cargo install --locked --path . --profile dist --features daemon\n\
         help: or save the replies with the script in docs/traces.md (\"Spark history server\"), and import the folder"
    )
}

#[cfg(feature = "daemon")]
use from_server::fetch;

#[cfg(feature = "daemon")]
mod from_server {
    use std::cell::Cell;
    use std::time::Duration;

    use super::HistoryServer as Args;
    use crate::cli::import::conversion::report;
    use crate::cli::output::check_output;
    use anyhow::Context;
    use headroom::history_server::{Asked, Attempt, HistoryServer, HistoryServerError, Listed};
    use headroom::import::{ImportError, Imported, LeftOut, spark};
    use indicatif::{ProgressBar, ProgressStyle};
    use tokio::runtime::{Builder, Runtime};

    /// The most applications, unless the user says otherwise.
    const LIMIT: u32 = 100;

    pub fn fetch(args: &Args, address: &str) -> anyhow::Result<()> {
        check_output(&args.files.out)?;
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .context("the asynchronous runtime cannot start")?;
        let server = HistoryServer::at(address)?;
        let listed = runtime.block_on(server.list(Asked {
            limit: args.limit.unwrap_or(LIMIT) as usize,
            since: args.since,
            until: args.until,
        }))?;
        let mut imported = import(&runtime, &server, &listed)?;
        imported.header.source = format!(
            "Spark history server {}; tasks have the mean time of their stage",
            server.address()
        );
        for (count, what) in [
            (listed.older, "older applications; raise --limit"),
            (
                listed.incomplete,
                "applications that still run, or whose driver was killed",
            ),
        ] {
            let what = what.to_owned();
            let count = count as u64;
            imported
                .left_out
                .extend((count > 0).then_some(LeftOut { count, what }));
        }
        report(imported, &args.files, "applications")
    }

    /// Imports one application after another, each when it has been fetched. One that cannot be
    /// fetched is left out; a server that cannot be reached ends the import.
    fn import(
        runtime: &Runtime,
        server: &HistoryServer,
        listed: &Listed,
    ) -> anyhow::Result<Imported> {
        let style =
            ProgressStyle::with_template("fetching {wide_bar} {pos} of {len} applications")?;
        let progress = ProgressBar::new(listed.attempts.len() as u64).with_style(style);
        // The first application alone may take minutes.
        progress.enable_steady_tick(Duration::from_secs(1));
        let failure: Cell<Option<HistoryServerError>> = Cell::new(None);
        let sources = listed.attempts.iter().map_while(|attempt| {
            let source = runtime.block_on(server.replies(attempt));
            progress.inc(1);
            match source {
                Err(error) if error.concerns_all() => {
                    failure.set(Some(error));
                    None
                }
                Err(HistoryServerError::Import(error)) => Some(Err(error)),
                Err(error) => Some(Err(unusable(attempt, &error.to_string()))),
                Ok(source) => Some(Ok(source)),
            }
        });
        let imported = spark::import_replies(sources);
        progress.finish_and_clear();
        match failure.take() {
            Some(error) => Err(error.into()),
            None => imported.with_context(|| server.address()),
        }
    }
    /// An application that cannot be fetched. The error begins with the address of the reply.
    fn unusable(attempt: &Attempt, error: &str) -> ImportError {
        let application = attempt.address();
        let of_a_reply = error
            .split_once(": ")
            .filter(|(address, _)| address.starts_with(&application));
        let (path, problem) = of_a_reply.unwrap_or((&application, error));
        ImportError::Unusable {
            path: path.into(),
            problem: problem.to_owned(),
        }
    }
}
