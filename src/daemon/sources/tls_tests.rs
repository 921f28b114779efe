//! YARN, HDFS, applications and AWS over https, with certificates of a private authority.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Url;
use tempfile::NamedTempFile;

use crate::daemon::clock::Clock;
use crate::daemon::discovery::aws_client;
use crate::daemon::sources::emr::testing::{CLUSTER, FakeEmr, settings};
use crate::daemon::sources::emr::{Emr, StepsRead};
use crate::daemon::sources::error::SourceError;
use crate::daemon::sources::hdfs::Hdfs;
use crate::daemon::sources::http_get::HttpGet;
use crate::daemon::sources::work::{ProxyAddress, WorkLimits, WorkSource};
use crate::daemon::sources::yarn::{RunningApplication, Yarn};
use crate::daemon::testing::tls::{Authority, Shown, front};
use crate::daemon::testing::{Canned, Fake, recording};
use crate::observation::work::ApplicationKind;
use crate::units::{Mebibytes, VirtualCores};

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

fn http(trusted: &NamedTempFile) -> HttpGet {
    HttpGet::new(Some(trusted.path())).expect("certificates")
}

fn yarn(http: HttpGet, address: &Url) -> Yarn {
    Yarn::new(http, vec![address.clone()], None, PATIENCE, PATIENCE)
}

const ACTIVE: &str = include_str!("../../../tests/fixtures/yarn/info-active.json");
const STANDBY: &str = include_str!("../../../tests/fixtures/yarn/info-standby.json");

async fn hdfs_error(http: HttpGet, address: &Url) -> SourceError {
    let mut hdfs = Hdfs::new(http, vec![address.clone()], PATIENCE);
    hdfs.read(&Clock::real()).await.load.expect_err("no load")
}

/// What is wrong with each certificate, and what is said about it.
fn bad_certificates(authority: &Authority) -> [(Shown, &'static str, &'static str); 3] {
    [
        (
            Authority::new().issues("127.0.0.1"),
            "invalid peer certificate",
            "ca_file` to a PEM file",
        ),
        (
            authority.issued_in_2020(),
            "expired",
            "renew the certificate",
        ),
        (
            authority.issues("elsewhere.example"),
            "not valid for name",
            "set the address to a name",
        ),
    ]
}

#[tokio::test]
async fn yarn_and_hdfs_are_read_with_a_certificate_of_the_authority_in_the_file() {
    let authority = Authority::new();
    let file = authority.file();
    let fake = Fake::start().await;
    fake.answers("/info", Canned::json(ACTIVE));
    let https = front(&authority.issues("127.0.0.1"), &fake.url).await;
    // Both arrive at the service, which answers 404 to everything else.
    let reading = yarn(http(&file), &https).read(&Clock::real(), false).await;
    assert_eq!(reading.load.expect_err("no metrics").label(), "status");
    assert_eq!(hdfs_error(http(&file), &https).await.label(), "status");
}

#[tokio::test]
async fn another_certificate_is_refused_with_what_to_do_about_it() {
    let authority = Authority::new();
    let file = authority.file();
    let fake = Fake::start().await;
    for (shown, cause, remedy) in bad_certificates(&authority) {
        let https = front(&shown, &fake.url).await;
        let reading = yarn(http(&file), &https).read(&Clock::real(), false).await;
        let errors = [
            reading.load.expect_err("no load"),
            hdfs_error(http(&file), &https).await,
        ];
        for error in errors {
            assert_eq!(error.label(), "untrusted");
            let said = error.to_string();
            assert!(said.contains(cause) && said.contains(remedy), "{said}");
        }
    }
}

#[tokio::test]
async fn applications_are_asked_over_https_with_a_certificate_of_the_authority_and_with_no_other() {
    let authority = Authority::new();
    let file = authority.file();
    let fake = Fake::start().await;
    let id = "application_1795884238280_0002";
    for (shown, result) in [
        (authority.issues("127.0.0.1"), "status"),
        (Authority::new().issues("127.0.0.1"), "untrusted"),
    ] {
        let https = front(&shown, &fake.url).await;
        let limits = WorkLimits {
            applications: 1,
            at_a_time: 1,
            timeout: PATIENCE,
            bytes: 1 << 20,
        };
        let proxy = ProxyAddress::new(None, String::new());
        let mut source = WorkSource::new(&http(&file), proxy, limits);
        let application = RunningApplication {
            id: id.into(),
            name: "a1".into(),
            queue: "default".into(),
            kind: ApplicationKind::Spark,
            memory_allocated: Mebibytes(1_024),
            vcores_allocated: VirtualCores(1),
            containers: 1,
            tracking_url: https.join(&format!("proxy/{id}/")).ok(),
        };
        let reading = source
            .read(&Clock::real(), vec![application], &https, false)
            .await;
        assert!(!reading.calls.is_empty());
        assert!(
            reading.calls.iter().all(|call| call.result == result),
            "{:?}",
            reading.calls
        );
    }
}

#[tokio::test]
async fn aws_is_called_with_a_certificate_of_the_authority_in_the_file_and_with_no_other() {
    let authority = Authority::new();
    let file = authority.file();
    let fake = FakeEmr::start().await;
    let client = aws_client(Some(file.path())).expect("certificates");
    let plain = Url::parse(fake.config().endpoint_url().expect("an address")).expect("an address");
    let read = async |shown: &Shown| {
        let https = front(shown, &plain).await;
        let mut config = fake.config().into_builder();
        config.set_http_client(client.clone());
        let config = config.endpoint_url(https).build();
        let mut emr = Emr::new(&config, CLUSTER, &settings(), StepsRead::Never);
        emr.read(&Clock::real()).await.status
    };
    read(&authority.issues("127.0.0.1"))
        .await
        .expect("a status");
    let calls = fake.seen("DescribeCluster").len();
    for (shown, cause, remedy) in bad_certificates(&authority) {
        let error = read(&shown).await.expect_err("not trusted");
        assert_eq!(error.label(), "untrusted", "{error}");
        let said = error.to_string();
        assert!(said.contains(cause) && said.contains(remedy), "{said}");
        assert!(!said.contains("yarn.ca_file"), "{said}");
    }
    assert_eq!(
        fake.seen("DescribeCluster").len(),
        calls,
        "nothing was sent"
    );
}

#[tokio::test]
async fn a_redirect_from_https_to_http_is_not_followed_and_no_password_goes_elsewhere() {
    let authority = Authority::new();
    let file = authority.file();
    let heard = Arc::new(Mutex::new(String::new()));
    let elsewhere = recording(&heard).await;
    let standby = Fake::start().await;
    standby.answers("/info", Canned::json(STANDBY));
    let shown = authority.issues("127.0.0.1");
    let https = front(&shown, &standby.url).await;
    let elsewhere_https = front(&shown, &elsewhere.url).await;
    for (target, arrives) in [(&elsewhere.url, false), (&elsewhere_https, true)] {
        let location = format!("{target}ws/v1/cluster/metrics");
        standby.answers("/metrics", Canned::redirect(location));
        let mut address = https.clone();
        address.set_username("hadoop").expect("a user");
        address.set_password(Some("s3cret")).expect("a password");
        let reading = yarn(http(&file), &address)
            .read(&Clock::real(), false)
            .await;
        let said = reading.load.expect_err("none is active").to_string();
        assert!(!said.contains("s3cret"), "{said}");
        let heard = heard.lock().expect("not poisoned").to_lowercase();
        assert_eq!(
            heard.contains("get /ws/v1/cluster/info"),
            arrives,
            "{heard}"
        );
        assert!(!heard.contains("authorization"), "{heard}");
    }
}

#[test]
fn a_file_without_certificates_is_refused_before_aws_is_called() {
    let mut file = NamedTempFile::new().expect("a file");
    std::io::Write::write_all(
        &mut file,
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    )
    .expect("writes");
    let error = aws_client(Some(file.path())).expect_err("no certificate");
    assert!(
        error
            .to_string()
            .contains("cannot be read as PEM certificates"),
        "{error}"
    );
}
