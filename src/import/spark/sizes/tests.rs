use super::*;
use crate::import::spark::events::Executor;

fn text(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

fn with_hadoop(properties: &[(&str, &str)], hadoop: &[(&str, &str)]) -> Sizes {
    let mut kept = Properties::default();
    for (key, value) in text(hadoop) {
        kept.insert(key, value);
    }
    let mut sizes = Sizes::default();
    sizes.set_environment(EnvironmentUpdate {
        properties: text(properties),
        hadoop: kept,
        system: BTreeMap::new(),
    });
    sizes
}

fn with(properties: &[(&str, &str)]) -> Sizes {
    with_hadoop(properties, &[])
}

fn memory(properties: &[(&str, &str)]) -> u64 {
    with(properties).of_task(0).memory.get()
}

const EIGHT_GIB: (&str, &str) = ("spark.executor.memory", "8g");

#[test]
fn a_task_takes_its_share_of_the_executor() {
    type Case<'a> = (&'a [(&'a str, &'a str)], u64, u64);
    let cases: [Case<'_>; 5] = [
        (&[], 1024 + 384, 1),
        (
            &[
                ("spark.executor.memory", "40G"),
                ("spark.executor.memoryOverhead", "10g"),
                ("spark.executor.cores", "16"),
            ],
            3200,
            1,
        ),
        (
            &[
                ("spark.executor.memory", "4096"),
                ("spark.executor.cores", "5"),
                ("spark.task.cpus", "2"),
            ],
            (4096 + 409u64).div_ceil(2),
            2,
        ),
        (
            &[
                ("spark.executor.memory", "what"),
                ("spark.executor.cores", "-3"),
            ],
            1408,
            1,
        ),
        (
            &[
                ("spark.master", "local[4]"),
                ("spark.driver.memory", "8g"),
                ("spark.executor.memory", "1g"),
            ],
            8192 + 819,
            1,
        ),
    ];
    for (properties, memory, vcores) in cases {
        let expected = Resources {
            memory: Mebibytes(memory),
            vcores: VirtualCores(vcores),
        };
        assert_eq!(with(properties).of_task(0), expected, "{properties:?}");
    }
}

#[test]
fn the_overhead_is_configured_under_any_of_its_names_or_a_share_of_the_heap() {
    for (properties, overhead) in [
        (&[][..], 819),
        (&[("spark.executor.memoryOverhead", "512")], 512),
        (&[("spark.executor.memoryOverhead", "0")], 0),
        (&[("spark.yarn.executor.memoryOverhead", "1g")], 1024),
        (&[("spark.executor.memoryOverheadFactor", "0.25")], 2048),
        (
            &[("spark.yarn.executor.memoryOverheadFactor", "0.1875")],
            1536,
        ),
        (&[("spark.executor.memoryOverheadFactor", "0")], 384),
        (&[("spark.executor.minMemoryOverhead", "1g")], 1024),
        (
            &[
                ("spark.executor.memoryOverhead", "512"),
                ("spark.yarn.executor.memoryOverheadFactor", "0.5"),
            ],
            512,
        ),
    ] {
        let all = [&[EIGHT_GIB], properties].concat();
        assert_eq!(memory(&all), 8192 + overhead, "{properties:?}");
    }
    let emr = [
        ("spark.executor.memory", "9486M"),
        ("spark.executor.cores", "4"),
        ("spark.yarn.executor.memoryOverheadFactor", "0.1875"),
    ];
    assert_eq!(memory(&emr), 2816, "EMR fills a node of 11,264 MiB exactly");
}

#[test]
fn memory_outside_the_heap_counts_where_it_is_used() {
    let on = ("spark.memory.offHeap.enabled", "true");
    let off_heap = ("spark.memory.offHeap.size", "1073741824");
    let python = ("spark.executor.pyspark.memory", "2g");
    assert_eq!(memory(&[on, off_heap]), 1408 + 1024);
    assert_eq!(memory(&[off_heap]), 1408, "switched off");
    assert_eq!(memory(&[python]), 1408 + 2048);
    assert_eq!(
        memory(&[python, ("spark.yarn.isPython", "true")]),
        1408 + 2048
    );
    assert_eq!(memory(&[python, ("spark.yarn.isPython", "false")]), 1408);

    let mut scala = with(&[python, ("spark.master", "yarn")]);
    scala.command = Some("org.apache.spark.deploy.SparkSubmit --class Main app.jar".to_owned());
    let without_python = scala.of_task(0).memory.get();
    assert_eq!(
        without_python, 1408,
        "a whole log on YARN would name Python"
    );
}

#[test]
fn yarn_rounds_the_container_up_and_others_do_not() {
    let minimum = [("yarn.scheduler.minimum-allocation-mb", "1024")];
    let of_executor = |master: &str| {
        let properties = [EIGHT_GIB, ("spark.master", master)];
        with_hadoop(&properties, &minimum).of_task(0).memory.get()
    };
    assert_eq!(of_executor("yarn"), 9216);
    assert_eq!(of_executor("spark://host:7077"), 8192 + 819);
    let master = with_hadoop(&[("spark.master", "yarn")], &minimum).application_master();
    assert_eq!(master.map(|master| master.memory.get()), Some(1024));
}

#[test]
fn in_local_mode_the_driver_runs_the_tasks_whatever_the_default_profile_says() {
    let mut sizes = with(&[("spark.master", "local[2]"), ("spark.driver.memory", "8g")]);
    let profile =
        r#"{"Resource Profile Id":0,"Executor Resource Requests":{"memory":{"Amount":1024}}}"#;
    sizes.add_profile(serde_json::from_str(profile).expect("a profile"));
    assert_eq!(sizes.of_task(0).memory.get(), 8192 + 819);
}

fn executor(profile: i64, cores: u32) -> ExecutorAdded {
    ExecutorAdded {
        executor: Executor {
            cores,
            profile,
            request_ms: None,
            registration_ms: None,
        },
    }
}

#[test]
fn without_the_setting_the_cores_are_those_that_executors_reported() {
    let standalone = [
        ("spark.master", "spark://10.0.0.1:7077"),
        ("spark.executor.memory", "21588m"),
    ];
    let mut sizes = with(&standalone);
    let profile =
        r#"{"Resource Profile Id":0,"Executor Resource Requests":{"cores":{"Amount":1}}}"#;
    sizes.add_profile(serde_json::from_str(profile).expect("a profile"));
    assert_eq!(sizes.of_task(0).memory.get(), 23_746);
    sizes.add_executor(&executor(0, 8));
    assert_eq!(sizes.of_task(0).memory.get(), 23_746_u64.div_ceil(8));
    sizes.add_executor(&executor(0, 4));
    assert_eq!(
        sizes.of_task(0).memory.get(),
        23_746_u64.div_ceil(6),
        "12 slots share the memory of 2 executors"
    );

    let mut configured = with(&[EIGHT_GIB, ("spark.executor.cores", "2")]);
    configured.add_executor(&executor(0, 8));
    assert_eq!(
        configured.of_task(0).memory.get(),
        (8192 + 819u64).div_ceil(2)
    );
}

#[test]
fn a_resource_profile_replaces_what_it_names_and_leaves_the_rest() {
    let mut sizes = with(&[EIGHT_GIB, ("spark.executor.cores", "4")]);
    for profile in [
        r#"{"Resource Profile Id":1,"Executor Resource Requests":{"memory":{"Amount":16384},"cores":{"Amount":8}}}"#,
        r#"{"Resource Profile Id":2,"Executor Resource Requests":{"memoryOverhead":{"Amount":4096}},"Task Resource Requests":{"cpus":{"Amount":2.0}}}"#,
        r#"{"Resource Profile Id":3,"Executor Resource Requests":{"offHeap":{"Amount":4096}}}"#,
    ] {
        sizes.add_profile(serde_json::from_str(profile).expect("a profile"));
    }
    let of = |profile: i64| {
        let each = sizes.of_task(profile);
        (each.memory.get(), each.vcores.get())
    };
    assert_eq!(of(0), ((8192 + 819u64).div_ceil(4), 1));
    assert_eq!(
        of(1),
        ((16384 + 819u64).div_ceil(8), 1),
        "the overhead is that of the configured memory"
    );
    assert_eq!(of(2), ((8192 + 4096u64).div_ceil(2), 2));
    assert_eq!(of(3), of(0), "off-heap memory is switched off");
}

#[test]
fn the_application_master_is_the_driver_in_cluster_mode_only() {
    let yarn = ("spark.master", "yarn");
    let cluster = ("spark.submit.deployMode", "cluster");
    let driver = ("spark.driver.memory", "8g");
    for (properties, expected) in [
        (&[("spark.master", "local[4]"), driver][..], None),
        (&[yarn, driver], Some(512 + 384)),
        (&[yarn, driver, cluster], Some(8192 + 819)),
        (
            &[("spark.master", "yarn-cluster"), driver],
            Some(8192 + 819),
        ),
        (
            &[
                yarn,
                driver,
                cluster,
                ("spark.yarn.driver.memoryOverhead", "512"),
            ],
            Some(8192 + 512),
        ),
        (
            &[
                yarn,
                driver,
                cluster,
                ("spark.yarn.driver.memoryOverheadFactor", "0.25"),
            ],
            Some(8192 + 2048),
        ),
        (
            &[
                yarn,
                ("spark.yarn.am.memory", "1g"),
                ("spark.yarn.am.memoryOverhead", "1g"),
            ],
            Some(2048),
        ),
    ] {
        let master = with(properties).application_master();
        assert_eq!(
            master.map(|master| master.memory.get()),
            expected,
            "{properties:?}"
        );
    }
}
