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
fn what_is_wrong_is_named_with_what_would_be_right() {
    for (toml, expected) in [
        (
            "",
            "setting `policy`: no policy is given; name a file here or with --policy",
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
            "policy = 'p'\n[yarn]\nbeside = 'http://other:8088'",
            "is not one of yarn.resource_managers",
        ),
        (
            "policy = 'p'\ncluster_id = 'cluster'",
            "`cluster` is no cluster id",
        ),
        (
            "policy = 'p'\nlisten = 'localhost'",
            "`localhost` is no address with a port",
        ),
        ("policy = 'p'\n[aws]\ncalls_per_minute = 1", "is too few"),
        (
            "policy = 'p'\n[journal]\nsegment_mb = 600",
            "a budget of at least two segments",
        ),
        ("policy = 'p'\n[log]\nlevel = 'loud'", "none of error, warn"),
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
