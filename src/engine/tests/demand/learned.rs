//! What is learned over time: idle units, habits.

use super::*;

#[test]
fn idle_units_go_in_the_end_down_to_the_minimum() {
    let mut cluster = Cluster::new(following("min: 1, max: 40, performance_index: 65"), 0);
    cluster.tick(0, Some(busy(2.0, 10.0)));
    assert!(cluster.size() > 5);
    for s in (60..86_400).step_by(60) {
        cluster.tick(s, Some(busy(0.5, 0.0)));
    }
    assert_eq!(cluster.size(), 1);
}

#[test]
fn each_of_the_scale_ins_that_follow_each_other_is_worth_a_call() {
    let mut cluster = Cluster::new(following("min: 0, max: 40, performance_index: 1"), 18);
    for s in (0..600).step_by(30) {
        cluster.tick(s, Some(busy(20.0, 0.0)));
    }
    let mut released = Vec::new();
    for poll in 0..60_i64 {
        let before = cluster.size();
        let allocated = (20.0 - 0.5 * poll as f64).max(2.0);
        cluster.tick(600 + 30 * poll, Some(busy(allocated, 0.0)));
        released.extend((cluster.size() < before).then(|| before - cluster.size()));
    }
    assert_eq!(cluster.size(), 0);
    assert!(
        released.len() <= 9 && released.iter().all(|units| *units > 1),
        "{released:?}"
    );
}

#[test]
fn units_still_on_their_way_are_taken_back_sooner_than_those_that_are_there() {
    let kept_s = |work_ends_s: i64| {
        let mut cluster = Cluster::new(following("min: 0, max: 40, performance_index: 68"), 0);
        for s in (0..work_ends_s).step_by(30) {
            let room = cluster.scene.groups[1].running.as_f64();
            cluster.tick(s, Some(busy(2.0 + room.min(10.0), 10.0 - room.min(10.0))));
        }
        let size = cluster.size();
        let mut later = (work_ends_s..86_400).step_by(30);
        later
            .find(|s| {
                cluster
                    .tick(*s, Some(busy(2.0, 0.0)))
                    .action
                    .reason()
                    .is_none()
                    && cluster.size() < size
            })
            .map(|s| s - work_ends_s)
    };
    let (coming_s, there_s) = (kept_s(120), kept_s(600));
    assert!(
        coming_s < there_s && coming_s.is_some(),
        "{coming_s:?} while they come, {there_s:?} once they are there"
    );
}

#[test]
fn what_comes_every_night_is_there_before_it_comes() {
    let mut cluster = Cluster::new(following("min: 0, max: 40, performance_index: 65"), 0);
    let fourth_night = 3 * 86_400 + 79_200;
    for s in (0..fourth_night - 300).step_by(60) {
        let room = f64::from(cluster.size() + 2);
        let needed = if (s / 3_600) % 24 == 22 { 20.0 } else { 0.0 };
        cluster.tick(s, Some(busy(room.min(needed), (needed - room).max(0.0))));
        let early = s % 86_400 < 79_200 - 1_800 && s % 86_400 > 3_600 * 6;
        assert!(!early || cluster.size() == 0, "by day: {}", cluster.size());
    }
    assert!(
        cluster.size() >= 18,
        "five minutes before the fourth night: {}",
        cluster.size()
    );
}

#[test]
fn what_was_learned_survives_a_restart_and_an_edited_policy() {
    let mut cluster = Cluster::new(following("min: 0, max: 40"), 0);
    for s in (0..3_600).step_by(30) {
        cluster.tick(
            s,
            Some(Work {
                allocated: 2.0,
                pending: if s % 600 == 0 { 9.0 } else { 0.0 },
                released: 4,
            }),
        );
    }
    let state = serde_json::to_string(&cluster.engine.state()).expect("written");
    let restored = Engine::restore(
        following("min: 0, max: 40"),
        serde_json::from_str(&state).expect("read"),
    )
    .expect("its own policy");
    let edited = restored.clone().adopt(following("min: 0, max: 30"));
    let observation = cluster.observation(3_600, Some(busy(2.0, 30.0)));
    let decision = cluster.engine.step(&observation).remove(0);
    assert_eq!(restored.clone().step(&observation).remove(0), decision);
    let learned = |decision: &Decision| {
        decision
            .demand
            .as_ref()
            .map(|demand| (demand.container_lifetime_s, demand.keep_idle_s))
    };
    assert_eq!(
        learned(&edited.clone().step(&observation).remove(0)),
        learned(&decision)
    );
    assert!(learned(&decision).expect("known").0.is_some());
}
