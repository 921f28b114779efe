//! `headroom status` against a server of this process.

use std::sync::Arc;

use headroom::daemon::clock::Clock;
use headroom::daemon::telemetry::monitor::{Identity, Monitor};
use headroom::daemon::telemetry::server::Server;
use headroom::policy::parse::parse;

use super::{Folder, POLICY};

/// Serves a daemon that has not ticked yet for as long as `during` takes.
fn served(during: impl FnOnce(String) + Send + 'static) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let identity = Identity {
            cluster_id: "j-1".to_owned(),
            policy_file: "mine.yaml".to_owned(),
            dry_run: true,
        };
        let policy = parse(POLICY, "mine.yaml").expect("a policy");
        let monitor = Arc::new(Monitor::new(identity, &policy, Clock::real()));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let server = Server::start(listener, monitor).expect("a thread");
        let asking = tokio::task::spawn_blocking(|| during(url));
        asking.await.expect("no panic");
        server.stop().await.expect("serves");
    });
}

#[test]
fn a_daemon_that_lives_is_told_of_in_words_as_json_and_to_health_checks() {
    served(|url| {
        let folder = Folder::new();
        let text = folder.stdout(&format!("status --url {url}"));
        assert_eq!(
            text,
            "j-1, policy mine (mine.yaml), dry run\nPROBLEM: no tick has completed yet\n"
        );
        assert_eq!(
            folder.stdout(&format!("status --health --url {url}/")),
            "ok\n"
        );
        let json = folder.stdout(&format!("status --format json --url {url}"));
        let status: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(status["cluster_id"], "j-1");
    });
}

#[test]
fn where_no_daemon_answers_the_exit_code_says_so_and_the_message_what_to_do() {
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address")
    };
    let answer = Folder::new().run(&format!("status --health --url http://{closed}"));
    assert_eq!((answer.code, answer.stdout.as_str()), (Some(1), ""));
    let expected = format!(
        "error: no daemon answers at http://{closed}; check that `headroom run` is running, or name its address with --url"
    );
    assert!(answer.stderr.starts_with(&expected), "{}", answer.stderr);
}

#[test]
fn another_server_is_not_taken_for_a_daemon() {
    served(|url| {
        let answer = Folder::new().run(&format!("status --url {url}/elsewhere"));
        assert_eq!(answer.code, Some(1));
        assert!(
            answer.stderr.contains("404")
                && answer
                    .stderr
                    .contains("check that a Headroom daemon listens there"),
            "{}",
            answer.stderr
        );
    });
}
