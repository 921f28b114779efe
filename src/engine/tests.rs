//! The engine's behaviour, as its users rely on it.

use std::time::Duration;

use proptest::prelude::*;

use super::testing::{Scene, available_memory, core_group, guarded, policy, rule, task_group};
use super::{Engine, WakeReason};
use crate::decision::{Action, Cause, Decision, HoldReason, Limiter, Outcome, Rejection, RuleState};
use crate::observation::{ClusterState, Direction, GroupState, HdfsLoad, NodeCensus, NodeLoad, Observation, Pause, Sampled};
use crate::policy::condition::Comparison;
use crate::policy::{Amount, Budget, Change, FlipBudget, Guards, Policy, Size};
use crate::units::{Instances, Mebibytes, Timestamp};

const HOUR: Duration = Duration::from_secs(3_600);

fn second(s: i64) -> Timestamp {
    Timestamp::from_millis(1_000 * s)
}

fn grow(instances: u32) -> Change {
    Change::Grow(Amount::Instances(Instances(instances)))
}

fn shrink(instances: u32) -> Change {
    Change::Shrink(Amount::Instances(Instances(instances)))
}

/// An engine beside a task group that a test moves by hand.
struct Bench {
    engine: Engine,
    scene: Scene,
}

impl Bench {
    fn new(policy: Policy, task: u32) -> Self {
        Self { engine: Engine::new(policy), scene: Scene::new(vec![core_group(2), task_group(task)]) }
    }

    /// One tick at `s` seconds with so much memory available; `None` when YARN does not answer.
    fn tick(&mut self, s: i64, available_percent: Option<f64>) -> Action {
        self.scene.at = second(s);
        self.scene.available_percent = available_percent;
        self.observe(&self.scene.observation())
    }

    fn observe(&mut self, observation: &Observation) -> Action {
        let mut decisions = self.engine.step(observation);
        assert_eq!(decisions.len(), 1, "one decision a target");
        decisions.remove(0).action
    }

    /// Ticks every 30 s from `from` to `to`; the first resize with its time, accepted.
    fn until_resize(&mut self, from: i64, to: i64, available_percent: f64) -> Option<(i64, u32)> {
        (from..=to)
            .step_by(30)
            .find_map(|s| self.tick(s, Some(available_percent)).resized_to().map(|size| (s, size)))
            .inspect(|_| self.note(Outcome::Accepted))
    }

    fn note(&mut self, outcome: Outcome) {
        self.engine.note(&self.scene.groups[1].id.clone(), outcome);
    }

    /// What EMR reports of the task group from now on.
    fn report(&mut self, requested: u32, running: u32) {
        let group = &mut self.scene.groups[1];
        (group.requested, group.running) = (Instances(requested), Instances(running));
        group.state = if requested == running { GroupState::Running } else { GroupState::Resizing };
    }
}

impl Action {
    fn resized_to(&self) -> Option<u32> {
        match self {
            Self::Resize(resize) => Some(resize.to.get()),
            Self::Hold(_) => None,
        }
    }

    fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Resize(_) => None,
            Self::Hold(reason) => Some(reason.label()),
        }
    }
}

#[test]
fn a_rule_fires_exactly_when_its_condition_has_held_for_its_time() {
    let mut bench = Bench::new(available_memory(), 4);
    assert_eq!(bench.until_resize(0, 900, 10.0), Some((300, 9)));
}

#[test]
fn one_sample_on_the_other_side_starts_the_time_anew() {
    let mut bench = Bench::new(available_memory(), 4);
    assert_eq!(bench.until_resize(0, 270, 10.0), None);
    assert_eq!(bench.tick(300, Some(15.0)).reason(), Some("no_rule_ready"), "15 is not under 15");
    assert_eq!(bench.until_resize(330, 900, 10.0), Some((630, 9)));
}

#[test]
fn a_sample_that_is_repeated_does_not_advance_the_hold() {
    let mut bench = Bench::new(available_memory(), 4);
    bench.tick(0, Some(10.0));
    let first = bench.scene.observation();
    for s in (30..=90).step_by(30) {
        let mut repeated = first.clone();
        repeated.at = second(s);
        repeated.cluster.measured_at = second(s);
        assert_eq!(bench.observe(&repeated).resized_to(), None);
    }
    assert_eq!(bench.until_resize(90, 270, 10.0), None);
    assert_eq!(bench.until_resize(300, 900, 10.0), Some((300, 9)), "the clock is the samples'");
}

#[test]
fn a_gap_as_wide_as_the_allowance_is_bridged_and_one_sample_wider_restarts_the_hold() {
    for (gap_s, fires_at_s) in [(90, 300), (120, 540)] {
        let mut bench = Bench::new(available_memory(), 4);
        bench.until_resize(0, 120, 10.0);
        for s in (150..120 + gap_s).step_by(30) {
            assert_eq!(bench.tick(s, None).reason(), Some("missing_signal"));
        }
        assert_eq!(bench.until_resize(120 + gap_s, 900, 10.0), Some((fires_at_s, 9)), "a gap of {gap_s} s");
    }
}

#[test]
fn nothing_fires_on_an_observation_without_yarn_even_when_the_time_is_over() {
    let mut bench = Bench::new(available_memory(), 4);
    bench.until_resize(0, 270, 10.0);
    assert_eq!(bench.tick(300, None).reason(), Some("missing_signal"));
    assert_eq!(bench.tick(330, Some(10.0)).resized_to(), Some(9));
}

#[test]
fn a_value_that_is_not_a_number_counts_as_missing() {
    let mut bench = Bench::new(available_memory(), 4);
    bench.scene.groups[0].running = Instances(0);
    bench.scene.groups[1].running = Instances(0);
    assert_eq!(bench.tick(0, Some(10.0)).reason(), Some("missing_signal"), "a share of no memory at all");
}

#[test]
fn a_stale_value_is_named_with_its_age_and_never_acted_on() {
    let mut bench = Bench::new(available_memory(), 4);
    bench.until_resize(0, 270, 10.0);
    let mut stale = bench.scene.observation();
    stale.at = second(361);
    stale.cluster.measured_at = second(361);
    let action = bench.observe(&stale);
    assert_eq!(action, Action::Hold(HoldReason::StaleData { signal: "yarn_memory_available_percent".into(), measured_at: second(270) }));
}

#[test]
fn a_clock_that_goes_back_is_reported_and_restarts_every_hold() {
    let mut bench = Bench::new(available_memory(), 4);
    bench.until_resize(10_000, 10_270, 10.0);
    assert_eq!(bench.tick(0, Some(10.0)), Action::Hold(HoldReason::ClockWentBack { last: second(10_270) }));
    assert_eq!(bench.until_resize(30, 900, 10.0), Some((300, 9)), "held since the first sample of the new time");
}

#[test]
fn a_measurement_from_before_the_last_one_restarts_the_hold() {
    let mut bench = Bench::new(available_memory(), 4);
    bench.until_resize(0, 240, 10.0);
    bench.scene.at = second(270);
    let mut older = bench.scene.observation();
    older.yarn = older.yarn.map(|yarn| Sampled { measured_at: second(220), ..yarn });
    assert_eq!(bench.observe(&older).resized_to(), None);
    assert_eq!(bench.until_resize(300, 900, 10.0), Some((540, 9)), "300 s after the sample of 220 s, at the next poll");
}

#[test]
fn a_second_grow_waits_for_the_first_to_complete() {
    let mut bench = Bench::new(available_memory(), 4);
    assert_eq!(bench.until_resize(0, 300, 10.0), Some((300, 9)));
    bench.report(9, 4);
    assert_eq!(bench.tick(330, Some(10.0)), Action::Hold(HoldReason::ResizeInFlight { to: Instances(9) }));
    bench.report(9, 9);
    assert_eq!(bench.tick(660, Some(10.0)).reason(), Some("no_rule_ready"), "the samples had a gap: the hold starts anew");
    assert_eq!(bench.until_resize(690, 1_200, 10.0), Some((960, 14)));
}

#[test]
fn growing_does_not_wait_for_a_shrink_to_drain() {
    let mut bench = Bench::new(available_memory(), 9);
    assert_eq!(bench.until_resize(0, 180, 80.0), Some((180, 6)));
    bench.report(6, 9);
    assert_eq!(bench.until_resize(210, 900, 10.0), Some((510, 11)));
}

#[test]
fn cooldown_counts_from_the_completion_of_the_resize() {
    let mut bench = Bench::new(available_memory(), 12);
    assert_eq!(bench.until_resize(0, 180, 80.0), Some((180, 9)));
    bench.report(9, 12);
    assert_eq!(bench.until_resize(210, 1_200, 80.0), None, "draining takes its time");
    bench.report(9, 9);
    assert_eq!(bench.until_resize(1_230, 1_500, 80.0), None, "five minutes from 1,230 s");
    assert_eq!(bench.until_resize(1_530, 1_800, 80.0), Some((1_530, 6)));
}

#[test]
fn a_refused_call_starts_no_cooldown_and_waits_before_the_next() {
    let mut bench = Bench::new(available_memory(), 9);
    bench.tick(0, Some(80.0));
    bench.until_resize(30, 150, 80.0);
    assert_eq!(bench.tick(180, Some(80.0)).resized_to(), Some(6));
    bench.note(Outcome::Rejected(Rejection::Throttled));
    assert_eq!(bench.tick(200, Some(80.0)), Action::Hold(HoldReason::CallRefused { rejection: Rejection::Throttled, until: second(210) }));
    assert_eq!(bench.engine.next_wakeup(), (second(210), WakeReason::WaitEnds));
    assert_eq!(bench.tick(210, Some(80.0)).resized_to(), Some(6));
}

#[test]
fn an_unanswered_call_is_not_repeated_before_the_cluster_was_described_again() {
    let mut bench = Bench::new(available_memory(), 4);
    bench.until_resize(0, 270, 10.0);
    assert_eq!(bench.tick(300, Some(10.0)).resized_to(), Some(9));
    bench.note(Outcome::Unknown);
    let mut old_news = bench.scene.observation();
    (old_news.at, old_news.cluster.measured_at) = (second(330), second(300));
    assert_eq!(bench.observe(&old_news).reason(), Some("resize_in_flight"));
    assert_eq!(bench.tick(360, Some(10.0)).resized_to(), Some(9), "it never arrived");
}

#[test]
fn scale_out_beats_scale_in_then_the_larger_size_then_file_order() {
    let rules = vec![
        rule("shrink", Comparison::Less, 50.0, 0, shrink(1), 0),
        rule("small", Comparison::Less, 50.0, 0, grow(2), 0),
        rule("large", Comparison::Less, 50.0, 0, grow(4), 0),
        rule("large-too", Comparison::Less, 50.0, 0, grow(4), 0),
    ];
    let mut bench = Bench::new(policy(rules.clone()), 4);
    let Action::Resize(resize) = bench.tick(0, Some(10.0)) else { panic!("a resize") };
    assert_eq!((resize.to, resize.because), (Instances(8), Cause::Rule(rules[2].name.clone())));
    let shrinks = vec![rule("three", Comparison::Less, 50.0, 0, shrink(3), 0), rule("one", Comparison::Less, 50.0, 0, shrink(1), 0)];
    assert_eq!(Bench::new(policy(shrinks), 4).tick(0, Some(10.0)).resized_to(), Some(3), "of two scale-ins the one that keeps more");
}

#[test]
fn a_rule_that_wants_exactly_the_present_size_holds_off_scale_in() {
    let rules = vec![
        rule("stay", Comparison::Less, 50.0, 0, Change::Set(Size::Exactly(Instances(4))), 0),
        rule("shrink", Comparison::Less, 50.0, 0, shrink(1), 0),
    ];
    assert_eq!(Bench::new(policy(rules), 4).tick(0, Some(10.0)).reason(), Some("no_rule_ready"));
}

#[test]
fn scale_in_waits_while_a_rule_that_could_grow_cannot_be_judged() {
    let mut spec =
        policy(vec![rule("grow", Comparison::Less, 15.0, 0, grow(5), 0), rule("shrink", Comparison::Greater, 75.0, 0, shrink(3), 0)]);
    let mut bench = Bench::new(spec.clone(), 9);
    assert_eq!(bench.tick(0, Some(80.0)).resized_to(), Some(6));
    let target = spec.target_for_tests();
    target.signals.push(crate::policy::signal::SignalSource::BuiltIn(crate::policy::signal::Signal::HdfsUsedPercent));
    target.rules[0].when = crate::policy::condition::Condition::Any(vec![
        target.rules[0].when.clone(),
        crate::policy::condition::Condition::Compare {
            left: crate::policy::condition::Expr::Signal(1),
            operator: Comparison::Greater,
            right: crate::policy::condition::Expr::Constant(90.0),
        },
    ]);
    let mut bench = Bench::new(spec, 9);
    assert_eq!(bench.tick(0, Some(80.0)), Action::Hold(HoldReason::MissingSignal { signal: "hdfs_used_percent".into() }));
    assert_eq!(bench.tick(30, Some(10.0)).resized_to(), Some(14), "what is known is enough to grow");
}

#[test]
fn below_the_minimum_grows_at_once_and_above_the_maximum_shrinks_to_it() {
    let mut bench = Bench::new(policy(vec![]), 25);
    let Action::Resize(resize) = bench.tick(0, None) else { panic!("a resize") };
    assert_eq!((resize.to, resize.because), (Instances(20), Cause::AboveMaximum));
    let limits = crate::policy::Limits::new(Instances(3), Instances(20)).expect("in order");
    let Action::Resize(resize) = Bench::new(policy(vec![]).with_limits(limits), 1).tick(0, None) else { panic!("a resize") };
    assert_eq!((resize.to, resize.because), (Instances(3), Cause::BelowMinimum));
}

#[test]
fn at_the_maximum_the_reason_is_the_maximum() {
    let mut bench = Bench::new(available_memory(), 20);
    bench.until_resize(0, 270, 10.0);
    assert_eq!(bench.tick(300, Some(10.0)), Action::Hold(HoldReason::AtLimit { limiter: Limiter::Maximum, size: Instances(20) }));
}

#[test]
fn a_cut_resize_says_what_was_wanted_and_what_cut_it() {
    let mut bench = Bench::new(available_memory(), 18);
    bench.until_resize(0, 270, 10.0);
    let Action::Resize(resize) = bench.tick(300, Some(10.0)) else { panic!("a resize") };
    assert_eq!((resize.to.get(), resize.wanted.get(), resize.limited_by), (20, 23, Some(Limiter::Maximum)));
}

#[test]
fn a_pause_of_one_direction_leaves_the_other_alone_and_ends_by_itself() {
    let mut bench = Bench::new(
        policy(vec![rule("idle", Comparison::Greater, 75.0, 0, shrink(3), 0), rule("short", Comparison::Less, 15.0, 0, grow(1), 0)]),
        9,
    );
    let paused = |bench: &mut Bench, s: i64, available: f64| {
        bench.scene.at = second(s);
        bench.scene.available_percent = Some(available);
        let mut observation = bench.scene.observation();
        observation.control.pause = Some(Pause { until: second(60), direction: Some(Direction::In) });
        bench.observe(&observation)
    };
    assert_eq!(paused(&mut bench, 0, 80.0), Action::Hold(HoldReason::Paused { until: second(60) }));
    assert_eq!(paused(&mut bench, 60, 80.0).resized_to(), Some(6));
    let mut bench = Bench::new(bench.engine.policy().clone(), 9);
    assert_eq!(paused(&mut bench, 0, 10.0).resized_to(), Some(10));
}

#[test]
fn who_is_not_the_leader_or_has_no_ready_cluster_holds() {
    let mut bench = Bench::new(policy(vec![rule("now", Comparison::Less, 50.0, 0, grow(1), 0)]), 4);
    bench.tick(0, Some(80.0));
    bench.scene.available_percent = Some(10.0);
    let mut follower = bench.scene.observation();
    follower.control.leader = false;
    assert_eq!(bench.observe(&follower).reason(), Some("not_leader"));
    let mut ending = bench.scene.observation();
    ending.cluster.value.state = ClusterState::Terminating;
    assert_eq!(bench.observe(&ending).reason(), Some("cluster_not_ready"));
    let mut unclear = bench.scene.observation();
    unclear
        .cluster
        .value
        .groups
        .push(crate::observation::GroupStatus { id: crate::observation::GroupId::new("ig-other"), ..task_group(1) });
    assert_eq!(bench.observe(&unclear), Action::Hold(HoldReason::TargetNotFound { matches: 2 }));
    bench.scene.groups[1].state = GroupState::Arrested;
    assert_eq!(bench.tick(30, Some(10.0)), Action::Hold(HoldReason::GroupNotReady { state: GroupState::Arrested }));
}

#[test]
fn an_operators_resize_is_left_alone_for_a_while() {
    let mut bench = Bench::new(available_memory(), 4);
    bench.tick(0, Some(10.0));
    bench.report(12, 12);
    assert_eq!(bench.tick(30, Some(10.0)), Action::Hold(HoldReason::YieldingToOperator { until: second(930) }));
    assert_eq!(bench.until_resize(60, 1_500, 10.0), Some((930, 17)));
}

#[test]
fn stabilization_keeps_the_highest_size_wanted_in_its_time() {
    let rules = vec![rule("idle", Comparison::Greater, 75.0, 0, Change::Set(Size::Exactly(Instances(2))), 0)];
    let guards = Guards { stabilization: Duration::from_secs(300), reversal: Duration::ZERO, ..Guards::default() };
    let mut bench = Bench::new(guarded(rules, guards), 9);
    bench.tick(0, Some(50.0));
    assert_eq!(bench.tick(30, Some(80.0)), Action::Hold(HoldReason::AtLimit { limiter: Limiter::Stabilization, size: Instances(9) }));
    assert_eq!(bench.until_resize(60, 900, 80.0), Some((330, 2)), "300 s after the last tick that wanted more");
}

#[test]
fn budgets_and_flips_hold_scale_in_back() {
    let rules = || vec![rule("short", Comparison::Less, 15.0, 0, grow(5), 0), rule("idle", Comparison::Greater, 75.0, 0, shrink(3), 0)];
    let budget = Budget { direction: Direction::In, instances: Instances(4), per: HOUR };
    let mut bench = Bench::new(guarded(rules(), Guards { budgets: vec![budget], reversal: Duration::ZERO, ..Guards::default() }), 15);
    for (s, expected) in [(0, Some(12)), (30, Some(11)), (60, None), (3_600, Some(8))] {
        let size = bench.tick(s, Some(80.0)).resized_to();
        assert_eq!(size, expected, "at {s} s");
        bench.note(Outcome::Accepted);
        let now = size.unwrap_or(bench.scene.groups[1].requested.get());
        bench.report(now, now);
    }
    let flips = FlipBudget { max: 1, per: HOUR };
    let mut bench = Bench::new(guarded(rules(), Guards { flips: Some(flips), reversal: Duration::ZERO, ..Guards::default() }), 10);
    for (s, available, expected) in [(0, 80.0, Ok(7)), (30, 10.0, Ok(12)), (60, 80.0, Err("flip_budget_spent")), (3_630, 80.0, Ok(9))] {
        let action = bench.tick(s, Some(available));
        assert_eq!(action.resized_to().ok_or(action.reason().unwrap_or_default()), expected, "at {s} s");
        bench.note(Outcome::Accepted);
        let now = action.resized_to().unwrap_or(bench.scene.groups[1].requested.get());
        bench.report(now, now);
    }
}

#[test]
fn a_reversal_waits_for_its_guard() {
    let rules = vec![rule("short", Comparison::Less, 15.0, 0, grow(5), 0), rule("idle", Comparison::Greater, 75.0, 0, shrink(3), 0)];
    let mut bench = Bench::new(guarded(rules, Guards { reversal: Duration::from_secs(60), ..Guards::default() }), 9);
    assert_eq!(bench.tick(0, Some(80.0)).resized_to(), Some(6));
    bench.note(Outcome::Accepted);
    bench.report(6, 6);
    assert_eq!(bench.tick(30, Some(10.0)), Action::Hold(HoldReason::ReversalGuard { until: second(60) }));
    assert_eq!(bench.tick(60, Some(10.0)).resized_to(), Some(11));
}

#[test]
fn growth_that_never_arrives_is_quarantined_and_then_tried_again() {
    let guards = Guards {
        provision_timeout: Duration::from_secs(600),
        quarantine: Duration::from_secs(300),
        reversal: Duration::ZERO,
        ..Guards::default()
    };
    let mut bench = Bench::new(guarded(vec![rule("short", Comparison::Less, 15.0, 0, grow(5), 0)], guards), 4);
    assert_eq!(bench.tick(0, Some(10.0)).resized_to(), Some(9));
    bench.note(Outcome::Accepted);
    bench.report(9, 4);
    assert_eq!(bench.tick(600, Some(10.0)).reason(), Some("resize_in_flight"));
    assert_eq!(bench.tick(630, Some(10.0)), Action::Hold(HoldReason::Quarantined { until: second(930) }));
    assert_eq!(bench.tick(930, Some(10.0)).resized_to(), Some(14));
}

fn core_policy() -> Policy {
    let mut spec = policy(vec![rule("idle", Comparison::Greater, 75.0, 0, shrink(6), 0)]);
    spec.target_for_tests().selector = crate::policy::Selector::Role(crate::observation::Role::Core);
    spec
}

#[test]
fn core_nodes_stay_above_the_hdfs_floor_and_stay_all_when_hdfs_is_unknown() {
    let mut engine = Engine::new(core_policy());
    let mut scene = Scene::new(vec![core_group(10)]);
    scene.available_percent = Some(80.0);
    let mut observation = scene.observation();
    assert_eq!(engine.step(&observation)[0].action, Action::Hold(HoldReason::MissingSignal { signal: "hdfs".into() }));
    let load = HdfsLoad { capacity_total: Mebibytes(1_000), capacity_used: Mebibytes(550), blocks_under_replicated: 0, blocks_missing: 0 };
    observation.hdfs = Some(Sampled { value: load, measured_at: observation.at });
    let Action::Resize(resize) = &engine.step(&observation)[0].action else { panic!("a resize") };
    assert_eq!((resize.to.get(), resize.limited_by), (7, Some(Limiter::HdfsFloor)));
}

#[test]
fn a_scale_in_protects_application_masters_and_prefers_empty_nodes() {
    let mut bench = Bench::new(policy(vec![rule("idle", Comparison::Greater, 75.0, 0, shrink(2), 0)]), 4);
    bench.scene.available_percent = Some(80.0);
    let mut observation = bench.scene.observation();
    let node = |id: &str, containers, has_application_master| NodeLoad {
        instance: crate::observation::InstanceId::new(id),
        group: bench.scene.groups[1].id.clone(),
        containers,
        has_application_master,
        draining: false,
    };
    let census = NodeCensus(vec![node("i-busy", 3, false), node("i-master", 1, true), node("i-empty", 0, false)]);
    observation.nodes = Some(Sampled { value: census, measured_at: observation.at });
    let Action::Resize(resize) = bench.observe(&observation) else { panic!("a resize") };
    assert_eq!(resize.protect.iter().map(|id| id.as_str()).collect::<Vec<_>>(), ["i-master"]);
    assert_eq!(resize.prefer.iter().map(|id| id.as_str()).collect::<Vec<_>>(), ["i-empty"]);
}

#[test]
fn every_decision_says_how_each_rule_stands_and_what_was_read() {
    let mut bench = Bench::new(available_memory(), 4);
    bench.scene.available_percent = Some(10.0);
    let decision = bench.engine.step(&bench.scene.observation()).remove(0);
    assert_eq!(decision.rules[0].state, RuleState::Holding { since: second(0), until: second(300) });
    assert_eq!(decision.rules[1].state, RuleState::NotTrue);
    assert_eq!((&*decision.readings[0].signal, decision.readings[0].value), ("yarn_memory_available_percent", 10.0));
    assert_eq!(decision.to_string(), "1970-01-01T00:00:00Z ig-task: hold at 4: no rule asks for a change");
}

/// What a cluster might show at one poll, and what EMR might answer.
#[derive(Clone, Debug)]
struct Moment {
    gap_s: i64,
    available_percent: Option<f64>,
    delay_s: i64,
    arrives: bool,
    outcome: Option<Outcome>,
}

fn moments() -> impl Strategy<Value = Vec<Moment>> {
    let outcome = prop_oneof![
        8 => Just(Some(Outcome::Accepted)),
        1 => Just(Some(Outcome::Unknown)),
        1 => Just(Some(Outcome::Rejected(Rejection::Throttled))),
        1 => Just(None),
    ];
    let available = prop_oneof![4 => Just(Some(10.0)), 4 => Just(Some(80.0)), 1 => Just(Some(50.0)), 1 => Just(None)];
    let moment = (prop_oneof![9 => Just(30_i64), 1 => -40_i64..400], available, 0_i64..60, any::<bool>(), outcome);
    let moment = moment.prop_map(|(gap_s, available_percent, delay_s, arrives, outcome)| Moment {
        gap_s,
        available_percent,
        delay_s,
        arrives,
        outcome,
    });
    proptest::collection::vec(moment, 1..120)
}

/// Plays the moments from `from` on against an engine, with EMR following its decisions.
fn play(engine: &mut Engine, scene: &mut Scene, moments: &[Moment], mut each: impl FnMut(&Observation, &Decision)) -> Vec<Decision> {
    let mut all = Vec::new();
    for moment in moments {
        scene.at = second(scene.at.as_millis() / 1_000 + moment.gap_s);
        scene.available_percent = moment.available_percent;
        let group = &mut scene.groups[1];
        if moment.arrives {
            group.running = group.requested;
            group.state = GroupState::Running;
        }
        let mut observation = scene.observation();
        observation.yarn =
            observation.yarn.map(|yarn| Sampled { measured_at: scene.at - Duration::from_secs(moment.delay_s.unsigned_abs()), ..yarn });
        let decision = engine.step(&observation).remove(0);
        each(&observation, &decision);
        if let Action::Resize(resize) = &decision.action {
            let group = &mut scene.groups[1];
            if let Some(outcome) = moment.outcome {
                engine.note(&group.id.clone(), outcome);
            }
            if matches!(moment.outcome, Some(Outcome::Accepted)) || (moment.outcome.is_none() && moment.arrives) {
                group.requested = resize.to;
                group.state = GroupState::Resizing;
            }
        }
        all.push(decision);
    }
    all
}

fn busy_policy() -> Policy {
    let rules = vec![
        rule("short", Comparison::Less, 15.0, 60, grow(5), 0),
        rule("idle", Comparison::Greater, 75.0, 60, shrink(3), 120),
        rule("very-idle", Comparison::Greater, 79.0, 90, Change::Shrink(Amount::Percent(crate::units::Percent(50.0))), 0),
    ];
    let budget = Budget { direction: Direction::In, instances: Instances(6), per: HOUR };
    guarded(
        rules,
        Guards {
            budgets: vec![budget],
            flips: Some(FlipBudget { max: 3, per: HOUR }),
            provision_timeout: Duration::from_secs(300),
            ..Guards::default()
        },
    )
}

proptest! {
    #[test]
    fn sizes_stay_within_the_limits_and_nothing_shrinks_on_what_is_not_known(moments in moments()) {
        let mut scene = Scene::new(vec![core_group(2), task_group(6)]);
        play(&mut Engine::new(busy_policy()), &mut scene, &moments, |observation, decision| {
            if let Action::Resize(resize) = &decision.action {
                assert!(resize.to <= Instances(20) && resize.to != resize.from);
                let fresh = observation.yarn.is_some_and(|yarn| observation.at.since(yarn.measured_at) <= Duration::from_secs(90));
                assert!(fresh, "acted on missing or stale data: {decision}");
            }
        });
    }

    #[test]
    fn a_fold_of_any_prefix_continues_like_the_engine_that_never_stopped(moments in moments(), cut in 0_usize..120) {
        let cut = cut.min(moments.len());
        let mut scene = Scene::new(vec![core_group(2), task_group(6)]);
        let mut unstopped = Engine::new(busy_policy());
        let mut seen = Vec::new();
        let all = play(&mut unstopped, &mut scene, &moments, |observation, _| seen.push(observation.clone()));

        let mut restored = Engine::new(busy_policy());
        for (observation, (decision, moment)) in seen.iter().zip(all.iter().zip(&moments)).take(cut) {
            restored.step(observation);
            if let (Action::Resize(_), Some(group), Some(outcome)) = (&decision.action, &decision.group, moment.outcome) {
                restored.note(group, outcome);
            }
        }
        let mut continued = restored.clone();
        for (observation, (decision, moment)) in seen.iter().zip(all.iter().zip(&moments)).skip(cut) {
            prop_assert_eq!(&continued.step(observation)[0], decision);
            if let (Action::Resize(_), Some(group), Some(outcome)) = (&decision.action, &decision.group, moment.outcome) {
                continued.note(group, outcome);
            }
        }
    }
}
