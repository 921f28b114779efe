//! A ResourceManager that requires Kerberos over HTTP, with MIT's KDC and Debian's curl.

use std::fs;
use std::path::Path;

use crate::parts::daemon::{Extra, Headroom};
use crate::parts::kerberos::{DAEMON, Realm};
use crate::parts::moto::Moto;
use crate::parts::yarn::YarnCluster;
use crate::parts::{eventually, http, seconds};

const POLICY: &str = "\
name: with-kerberos
poll: 2s
demand: { min: 0, max: 3, performance_index: 70 }
targets:
  - group: { role: task }
";

/// Settings and environment of a daemon that signs in with this keytab.
fn signing_in(realm: &Realm, keytab: &Path) -> Extra {
    Extra {
        dry_run: false,
        settings: "[kerberos]\nenabled = true\n",
        environment: vec![
            ("KRB5_CONFIG", realm.configuration()),
            ("KRB5_CLIENT_KTNAME", keytab.to_owned()),
            // No ticket outlives a sign-in, so that the KDC sees each of them.
            ("KRB5CCNAME", "MEMORY:".into()),
        ],
    }
}

/// Waits until the daemon has logged this.
async fn logged(daemon: &mut Headroom, words: &str) {
    eventually(words, seconds(60), async || {
        daemon.must_run();
        daemon.log().contains(words).then_some(())
    })
    .await;
}

/// How often the daemon could read YARN again.
fn recoveries(daemon: &Headroom) -> usize {
    let log = daemon.log();
    let recovered = log.lines().filter(|line| line.contains("recovered after"));
    recovered.filter(|line| line.contains("yarn_load")).count()
}

#[tokio::test]
async fn a_daemon_without_a_valid_keytab_says_what_to_do() {
    let realm = Realm::start().await;
    let yarn = YarnCluster::start_with_kerberos(&realm, seconds(36_000)).await;
    let moto = Moto::start(1).await;

    let mut unset = Headroom::launch(&yarn, &moto, POLICY, &Extra::default());
    logged(&mut unset, "set `kerberos.enabled = true`").await;
    unset.stop().await;

    let old = realm.keytab(DAEMON);
    realm.keytab(DAEMON);
    let missing = realm.configuration().with_extension("missing");
    for (keytab, said) in [
        (
            old,
            "no usable Kerberos ticket (Decrypt integrity check failed)",
        ),
        (
            missing,
            "no usable Kerberos ticket (SPNEGO cannot find mechanisms to negotiate)",
        ),
    ] {
        let mut daemon = Headroom::launch(&yarn, &moto, POLICY, &signing_in(&realm, &keytab));
        logged(&mut daemon, said).await;
        daemon.stop().await;
    }
}

#[tokio::test]
async fn a_daemon_with_a_keytab_reads_yarn_and_signs_in_again_when_it_has_to() {
    let realm = Realm::start().await;
    let mut yarn = YarnCluster::start_with_kerberos(&realm, seconds(20)).await;
    let moto = Moto::start(1).await;
    yarn.start_node(&moto.core.instances[0].private_dns_name);

    let extra = signing_in(&realm, &realm.keytab(DAEMON));
    let mut daemon = Headroom::launch(&yarn, &moto, POLICY, &extra);
    logged(&mut daemon, "with Kerberos as headroom").await;
    daemon.ready().await;
    let metrics = daemon.address().join("metrics").expect("an address");
    eventually("the node is read", seconds(60), async || {
        let text = http::text(&metrics).await?;
        let mut usable = text
            .lines()
            .filter(|line| line.starts_with("headroom_nodes{") && line.contains("\"usable\""));
        usable.any(|line| line.ends_with(" 1")).then_some(())
    })
    .await;

    // Cookies are good for 20 seconds. A ResourceManager that has just started may have to be recovered from.
    let (before, recovered) = (realm.tickets(), recoveries(&daemon));
    eventually("another sign-in", seconds(60), async || {
        (realm.tickets() >= before + 2).then_some(())
    })
    .await;
    assert_eq!(recoveries(&daemon), recovered, "{}", daemon.log());

    // The first restart gives cookies that are good for hours, and the second refuses them.
    for _ in 0..2 {
        let (before, recovered) = (realm.tickets(), recoveries(&daemon));
        yarn.restart_with_another_secret(seconds(36_000)).await;
        eventually("the daemon has recovered", seconds(90), async || {
            daemon.must_run();
            (recoveries(&daemon) > recovered).then_some(())
        })
        .await;
        assert!(realm.tickets() > before, "{}", daemon.log());
    }

    daemon.stop().await;
    let mut written = daemon.log();
    for entry in fs::read_dir(daemon.journal()).expect("reads") {
        written += &fs::read_to_string(entry.expect("an entry").path()).expect("reads");
    }
    assert!(written.contains("containers_allocated"), "{written}");
    for secret in ["hadoop.auth=", "&s=", "Negotiate Y"] {
        assert!(!written.contains(secret), "{secret}");
    }
}
