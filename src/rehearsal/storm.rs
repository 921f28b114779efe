//! A storm: the whole daemon in virtual time on the simulated cluster, with everything going wrong that may, alone and
//! together. A seed gives a [script](script); [`invariants`] says what must be true of it. What contradicts them is
//! shortened to the faults that it takes, and becomes a script in `found/`.

mod answers;
mod faults;
mod history;
mod invariants;
mod link;
mod run;
mod script;

use std::ops::Range;

use history::{History, story};
use script::Script;

/// The seeds that every run of the tests tries.
const SEEDS: u64 = 300;

/// Runs a script; returns what contradicts the invariants.
fn violations(script: &Script) -> Vec<String> {
    invariants::violations(&history(script))
}

fn history(script: &Script) -> History {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(run::run(script.clone()))
}

/// Leaves out faults, and shortens them, as long as the invariants are contradicted.
fn shortened(mut script: Script) -> Script {
    let fails = |script: &Script| !violations(script).is_empty();
    loop {
        let mut shorter = (0..script.faults.len()).map(|left_out| {
            let mut shorter = script.clone();
            shorter.faults.remove(left_out);
            shorter
        });
        if let Some(shorter) = shorter.find(|shorter| fails(shorter)) {
            script = shorter;
            continue;
        }
        let mut halves = (0..script.faults.len()).filter_map(|halved| {
            let mut shorter = script.clone();
            let fault = &mut shorter.faults[halved];
            let length_s = fault.to_s - fault.from_s;
            fault.to_s = fault.from_s + length_s / 2;
            (length_s > 10).then_some(shorter)
        });
        match halves.find(|shorter| fails(shorter)) {
            Some(shorter) => script = shorter,
            None => return script,
        }
    }
}

/// Runs seeds on all cores. Fails with the seed and the shortened script of the first that contradicts an invariant.
fn weather(seeds: Range<u64>) {
    let next = std::sync::atomic::AtomicU64::new(seeds.start);
    let failed = std::sync::Mutex::new(Vec::new());
    let work = || {
        loop {
            let seed = next.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            if seed >= seeds.end || !failed.lock().expect("nothing panics").is_empty() {
                break;
            }
            let script = Script::of_seed(seed);
            println!("{script}");
            if !violations(&script).is_empty() {
                failed.lock().expect("nothing panics").push(script);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let mut failed = failed.into_inner().expect("nothing panics");
    failed.sort_by_key(|script| script.seed);
    if let Some(first) = failed.first() {
        let seeds: Vec<u64> = failed.iter().map(|script| script.seed).collect();
        let shortened = shortened(first.clone());
        let history = history(&shortened);
        let found = invariants::violations(&history).join("\n");
        panic!(
            "seeds {seeds:?} contradict invariants, the first:\n{found}\n\nits script:\n{shortened}\nwhat happened:\n{}",
            story(&history)
        );
    }
}

/// What storms have found, and has been mended since.
const FOUND: &[&str] = &[
    include_str!("storm/found/clock-set-back-during-a-tick.txt"),
    include_str!("storm/found/group-at-its-minimum-without-instances.txt"),
    include_str!("storm/found/managed-scaling-after-the-clock-was-set-back.txt"),
    include_str!("storm/found/resource-manager-without-nodes-for-long.txt"),
    include_str!("storm/found/start-while-throttled.txt"),
];

#[test]
fn what_storms_have_found_does_not_come_back() {
    for text in FOUND {
        let script: Script = text.parse().expect("a script");
        assert_eq!(violations(&script), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn a_script_is_what_it_says() {
    for seed in 0..100 {
        let script = Script::of_seed(seed);
        assert_eq!(script.to_string().parse(), Ok(script));
    }
}

#[test]
fn whatever_happens_nothing_wrong_is_done() {
    let seeds = std::env::var("HEADROOM_STORM_SEEDS").ok();
    let range = seeds.as_deref().map(|seeds| match seeds.split_once("..") {
        Some((from, to)) => from
            .parse()
            .ok()
            .zip(to.parse().ok())
            .map(|(from, to)| from..to),
        None => seeds.parse().ok().map(|seeds| 0..seeds),
    });
    match range {
        None => weather(0..SEEDS),
        Some(range) => weather(range.expect("HEADROOM_STORM_SEEDS is a number, or FROM..TO")),
    }
}
