//! Secrets in every place where the program can find one, and services that repeat them: none appears in
//! what it logs, writes, serves or prints.

use std::fs;

use crate::fake_emr::Reply;
use crate::program::{Program, free_address};
use crate::services::{Fault, Services};

const KEY_ID: &str = "AKIAPLANTEDKEYID0001";
const SECRET_KEY: &str = "plantedSecretKey/plantedSecretKey+000001";
const SESSION_TOKEN: &str =
    "plantedSessionToken0plantedSessionToken1plantedSessionToken2plantedSessionToken3==";
const YARN_USER: &str = "planted-yarn-user";
const YARN_PASSWORD: &str = "planted-yarn-password";
const PROXY_PASSWORD: &str = "planted-proxy-password";
const QUERY_TOKEN: &str = "planted-query-token";
/// No part of a secret appears. The fourth is the beginning of user and password, as HTTP sends them.
const PLANTED: [&str; 5] = [
    "planted",
    "Planted",
    "PLANTED",
    "cGxhbnRlZC",
    "hadoop.auth=\"u",
];

/// What AWS answers to a wrong signature: the request that it got, with the session token.
const WRONG_SIGNATURE: &str = "The request signature we calculated does not match the signature you provided. The Canonical String for this request should have been\n'POST\n/\n\ncontent-type:application/x-amz-json-1.1\nx-amz-security-token:plantedSessionToken0plantedSessionToken1plantedSessionToken2plantedSessionToken3==\n'\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIAPLANTEDKEYID0001/20260101/us-east-1/elasticmapreduce/aws4_request, SecretKey plantedSecretKey/plantedSecretKey+000001 end";

fn must_hide(what: &str, text: &str) {
    for secret in PLANTED {
        if let Some(at) = text.find(secret) {
            let from = text[..at]
                .char_indices()
                .rev()
                .nth(200)
                .map_or(0, |(from, _)| from);
            panic!("{what} has {secret}: {:.500}", &text[from..]);
        }
    }
}

/// A program with secrets everywhere.
fn planted(services: &Services) -> Program {
    let mut program = Program::new(services, &format!("{YARN_USER}:{YARN_PASSWORD}@"));
    let proxy = format!("http://proxy:{PROXY_PASSWORD}@127.0.0.1:9");
    program.environment.extend([
        ("AWS_ACCESS_KEY_ID", KEY_ID.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
        ("AWS_SESSION_TOKEN", SESSION_TOKEN.to_owned()),
        ("HTTP_PROXY", proxy.clone()),
        ("HTTPS_PROXY", proxy.clone()),
        ("ALL_PROXY", proxy),
    ]);
    program
}

fn state_must_hide(program: &Program) {
    for file in program.files() {
        let bytes = fs::read(&file).expect("reads");
        must_hide(
            &file.display().to_string(),
            &String::from_utf8_lossy(&bytes),
        );
    }
}

#[test]
fn no_output_has_a_secret_while_services_repeat_what_they_get() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let services = runtime.block_on(Services::start());
    let program = planted(&services);
    for fault in [
        Fault::Echo,
        Fault::EchoAsJson,
        Fault::RedirectLoop,
        Fault::ServerError,
    ] {
        (services.load().yarn, services.load().name_node) = (fault, fault);
        let said = program.once();
        assert!(said.contains("ig-task: hold at"), "{fault:?}: {said}");
        must_hide(&format!("the log, {fault:?}"), &said);
    }
    (services.load().yarn, services.load().name_node) = (Fault::EchoAsJson, Fault::Echo);
    let address = free_address();
    let url = format!("http://{YARN_USER}:{YARN_PASSWORD}@{address}");
    let log = program.serve(address, |get| {
        for path in ["/", "/metrics", "/api/v1/status", "/healthz", "/readyz"] {
            must_hide(path, &get(path));
        }
        must_hide("status", &program.output(&["status", "--url", &url]));
    });
    must_hide("the log", &log);
    must_hide("status", &program.output(&["status", "--url", &url]));
    let journal = program.journal();
    for arguments in [
        &["explain", &journal][..],
        &["explain", &journal, "--at", "last"],
        &["explain", &journal, "--format", "json"],
        &["trace", "info", &journal],
    ] {
        must_hide(&arguments.join(" "), &program.output(arguments));
    }
    state_must_hide(&program);
}

#[test]
fn no_output_has_a_secret_when_aws_repeats_the_request() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let services = runtime.block_on(Services::start());
    let program = planted(&services);
    services.load().available_percent = 5;
    let refused = || Reply::Error(403, "SignatureDoesNotMatch", WRONG_SIGNATURE);
    services.emr.script("ModifyInstanceGroups", vec![refused()]);
    let said = program.once();
    assert!(said.contains("SignatureDoesNotMatch"), "{said}");
    must_hide("the log", &said);
    state_must_hide(&program);
    for reply in [refused(), Reply::Text(400, WRONG_SIGNATURE)] {
        services.emr.fail_all(reply);
        let said = program.once();
        must_hide("the log", &said);
    }
    state_must_hide(&program);
}

#[test]
fn no_error_about_settings_or_files_has_a_secret() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let services = runtime.block_on(Services::start());
    let program = planted(&services);
    let file = program.folder().join("headroom.toml");
    let address = format!("http://{YARN_USER}:{YARN_PASSWORD}@rm");
    for wrong in [
        format!("[yarn]\nresource_managers = ['{address}:x']\n"),
        format!("[yarn]\nresource_managers = ['{address}\n"),
        format!("[yarn]\nresource_managers = '{address}' x\n"),
        format!("[yarn]\nresource_managers = ['ftp://{YARN_USER}:{YARN_PASSWORD}@rm']\n"),
        format!("[yarn]\nresource_managers = ['http://rm/?token={QUERY_TOKEN}']\n"),
        format!(
            "[yarn]\nresource_managers = ['{address}']\nlocal_resource_manager = '{address}:1'\n"
        ),
        format!("[yarn]\npassword = '{YARN_PASSWORD}'\n"),
        format!("[yarn]\ntimeout = {{ password = '{YARN_PASSWORD}' }}\n"),
        format!("[hdfs]\nname_nodes = '{address}'\n"),
    ] {
        fs::write(&file, format!("policy = 'policy.yaml'\n{wrong}")).expect("writes");
        let said = program.once();
        assert!(said.contains("error: "), "{said}");
        must_hide(&wrong, &said);
    }
    let credentials = program.folder().join("credentials");
    fs::write(
        &credentials,
        format!("[default]\naws_access_key_id = {KEY_ID}\naws_secret_access_key {SECRET_KEY}\n"),
    )
    .expect("writes");
    let mut from_profile = Program::new(&services, "");
    from_profile
        .environment
        .retain(|(name, _)| !name.contains("KEY"));
    let path = credentials.display().to_string();
    from_profile
        .environment
        .push(("AWS_SHARED_CREDENTIALS_FILE", path));
    must_hide("a broken profile", &from_profile.once());
}

#[test]
fn no_error_of_a_command_has_the_password_of_an_address() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let services = runtime.block_on(Services::start());
    let program = planted(&services);
    let nobody = free_address();
    for host in [nobody.to_string(), services.address.replace("http://", "")] {
        let url = format!("http://{YARN_USER}:{YARN_PASSWORD}@{host}/?token={QUERY_TOKEN}");
        must_hide("status", &program.output(&["status", "--url", &url]));
        let import = ["import", "history-server", &url, "--out", "x.trace"];
        must_hide("import", &program.output(&import));
    }
}
