use super::*;

fn load(toml: &str, environment: &[(&str, &str)], flags: Flags) -> Result<Settings, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("headroom.toml");
    std::fs::write(&file, toml).expect("writes");
    let variables = environment
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let source = Environment::with_prefix("HEADROOM")
        .prefix_separator("__")
        .separator("__")
        .source(Some(variables));
    Settings::load_from(Some(&file), source, flags)
        .map_err(|error| {
            error
                .to_string()
                .replace(&folder.path().display().to_string(), "FOLDER")
        })
        .map(|settings| Settings {
            policy: settings
                .policy
                .strip_prefix(folder.path())
                .unwrap_or(&settings.policy)
                .to_owned(),
            ..settings
        })
}

#[test]
fn a_policy_is_all_that_must_be_said() {
    let settings = load("policy = 'p.yaml'", &[], Flags::default()).expect("loads");
    assert_eq!(settings.policy, Path::new("p.yaml"), "relative to the file");
    assert_eq!(
        settings.yarn.resource_managers[0].as_str(),
        "http://localhost:8088/"
    );
    assert_eq!(
        settings.listen,
        Some(SocketAddr::from(([127, 0, 0, 1], 9_742)))
    );
    assert!(!settings.dry_run);
}

#[test]
fn the_default_sizes_of_the_journal_are_those_of_the_journal_itself() {
    let settings = load("policy = 'p.yaml'", &[], Flags::default()).expect("loads");
    assert_eq!(settings.journal, journal::Settings::default());
}

#[test]
fn former_names_of_settings_are_still_read() {
    let toml = "policy = 'p'\n[yarn]\nbeside = 'http://localhost:8088'\n\
                [journal]\nsegment_mb = 1\nbudget_mb = 2";
    // A default under the new name must not get in the way.
    let settings = load(toml, &[], Flags::default()).expect("loads");
    assert!(settings.yarn.local_resource_manager.is_some());
    assert_eq!(settings.journal.segment_bytes, 1 << 20);
    assert_eq!(settings.journal.budget_bytes, 2 << 20);
}

#[test]
fn each_setting_of_the_reference_can_be_set_in_the_environment() {
    for setting in SETTINGS {
        let name = setting.environment_variable();
        let value = match setting.key {
            "cluster_id" => "j-2AXXXXXXGAPLF",
            "aws.decommission_timeout" => "1h",
            "yarn.local_resource_manager" | "yarn.proxy" => "http://localhost:8088",
            _ => setting.default.unwrap_or("x"),
        };
        let value = value.trim_matches(['[', ']', '"']);
        let environment = [("HEADROOM__POLICY", "p"), (name.as_str(), value)];
        load("", &environment, Flags::default()).expect(&name);
    }
}

#[test]
fn the_environment_overrides_the_file_and_flags_override_both() {
    let toml = "policy = 'file.yaml'\ncluster_id = 'j-FILE'\n[yarn]\ntimeout = '1s'";
    let environment = [
        ("HEADROOM__YARN__TIMEOUT", "2s"),
        ("HEADROOM__CLUSTER_ID", "j-ENV"),
        ("HEADROOM__SHADOW_POLICIES", "a.yaml,b.yaml"),
    ];
    let flags = Flags {
        cluster_id: Some("j-FLAG".into()),
        dry_run: true,
        ..Flags::default()
    };
    let settings = load(toml, &environment, flags).expect("loads");
    assert_eq!(settings.yarn.timeout, Duration::from_secs(2));
    assert_eq!(settings.cluster_id.as_deref(), Some("j-FLAG"));
    assert_eq!(settings.shadow_policies.len(), 2);
    assert!(settings.dry_run);
}

#[test]
fn an_error_names_the_setting_and_what_is_right() {
    for (toml, expected) in [
        (
            "",
            "setting `policy`: it is missing; name a policy file here or with --policy",
        ),
        (
            "policy = 'p'\n[yarn]\ntimeout = '5'",
            "setting `yarn.timeout`: `5` has no unit; write `5s`",
        ),
        (
            "policy = 'p'\n[yarn]\ntimeout = '5m'",
            "setting `yarn.timeout`: `5m` is not between 1ms and 2m",
        ),
        (
            "policy = 'p'\n[yarn]\nresource_managers = ['host:8088']",
            "does not start with http:// or https://",
        ),
        (
            "policy = 'p'\n[yarn]\nresource_managers = []",
            "the list is empty",
        ),
        (
            "policy = 'p'\n[yarn]\nlocal_resource_manager = 'http://other:8088'",
            "is not one of yarn.resource_managers",
        ),
        (
            "policy = 'p'\ncluster_id = 'cluster'",
            "`cluster` is not a cluster id",
        ),
        (
            "policy = 'p'\nlisten = 'localhost'",
            "`localhost` is not an address with a port",
        ),
        ("policy = 'p'\n[aws]\ncalls_per_minute = 1", "is too few"),
        (
            "policy = 'p'\n[journal]\nsegment_mib = 600",
            "journal.budget_mib to at least twice as much",
        ),
        (
            "policy = 'p'\n[log]\nlevel = 'loud'",
            "not one of error, warn",
        ),
        ("policy = 'p'\n[yarn]\ntimeuot = '5s'", "timeuot"),
        ("policy = p", "headroom.toml"),
    ] {
        let error = load(toml, &[], Flags::default()).expect_err(toml);
        assert!(error.contains(expected), "{toml:?}: {error}");
    }
    let error = load(
        "policy = 'p'",
        &[("HEADROOM__YARN__TIMEOT", "5s")],
        Flags::default(),
    )
    .expect_err("a slip");
    assert!(error.contains("timeot"), "{error}");
}

#[test]
fn files_of_certificates_count_from_the_folder_of_the_settings() {
    let toml = "policy = 'p.yaml'\n[yarn]\nca_file = 'yarn.pem'\n[aws]\nca_file = '/etc/aws.pem'";
    let settings = load(toml, &[], Flags::default()).expect("loads");
    let yarn = settings.yarn.ca_file.expect("a file");
    assert!(yarn.is_absolute() && yarn.ends_with("yarn.pem"), "{yarn:?}");
    assert_eq!(settings.aws.ca_file, Some(PathBuf::from("/etc/aws.pem")));
}

#[test]
fn an_address_with_a_query_is_refused_and_not_quoted() {
    for extra in ["?token=abc", "#abc"] {
        let toml = format!("policy = 'p.yaml'\n[hdfs]\nname_nodes = ['http://nn:9870/{extra}']");
        let error = load(&toml, &[], Flags::default()).expect_err("refused");
        assert!(
            error.contains("write http://HOST:PORT") && !error.contains("abc"),
            "{error}"
        );
    }
}
