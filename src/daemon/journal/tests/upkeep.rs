//! Rotates, compresses and deletes segments.

use super::*;

#[test]
fn segments_follow_each_other_by_size_and_age_and_the_oldest_go_when_the_budget_is_spent() {
    let folder = folder();
    let settings = Settings {
        segment_bytes: 6_000,
        segment_age: Duration::from_secs(300),
        ..Settings::default()
    };
    let mut rig = Rig::open(folder.path(), settings, start(0, POLICY));
    rig.ticks(40);
    rig.journal.upkeep().run().expect("keeps up");
    let files = segments(folder.path()).expect("lists");
    assert!(files.len() >= 4, "{files:?}");
    assert!(
        files
            .iter()
            .rev()
            .skip(1)
            .all(|segment| segment.is_compressed)
            && !files[files.len() - 1].is_compressed
    );
    let steps = files
        .windows(2)
        .map(|pair| pair[1].begin.since(pair[0].begin));
    assert!(
        steps.clone().all(|step| step <= Duration::from_secs(300))
            && steps
                .into_iter()
                .any(|step| step < Duration::from_secs(300))
    );

    let known = rig.engine.state();
    let all = records(folder.path());
    assert_eq!(
        all.iter()
            .filter(|record| matches!(record, Record::Observation(_)))
            .count(),
        40,
        "read as one trace"
    );
    Upkeep {
        folder: folder.path().to_owned(),
        budget_bytes: 0,
    }
    .run()
    .expect("keeps up");
    assert_eq!(
        segments(folder.path()).expect("lists"),
        files[files.len() - 1..]
    );
    assert_eq!(
        rig.reopened(start(0, POLICY)).engine.state(),
        known,
        "one segment is enough"
    );
}

#[test]
fn what_a_crash_leaves_of_a_compression_is_tidied_up() {
    let folder = folder();
    let mut rig = Rig::new(folder.path());
    rig.ticks(3);
    let first = segments(folder.path()).expect("lists").remove(0);
    let mut rig = rig.reopened(start(150, &POLICY.replace("grow: 5", "grow: 4")));
    rig.ticks(1);
    let whole = records(folder.path());
    fs::write(first.compressed_path(), b"half of it").expect("writes");
    fs::write(folder.path().join(".headroom-a1b2.tmp"), b"half of it").expect("writes");
    assert_eq!(records(folder.path()), whole, "the plain one counts");
    let upkeep = rig.journal.upkeep();
    std::thread::scope(|scope| {
        let both = [0, 1].map(|_| scope.spawn(|| upkeep.run()));
        for run in both {
            run.join()
                .expect("no panic")
                .expect("two at a time are one too many, and no harm");
        }
    });
    assert!(!first.path.exists());
    assert_eq!(records(folder.path()), whole);
    drop(rig.reopened(start(300, POLICY)));
    assert!(!folder.path().join(".headroom-a1b2.tmp").exists());
}
