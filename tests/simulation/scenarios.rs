//! The scenarios of `simulations/`: their golden results, and properties of every policy on each of
//! them.

use std::fs;
use std::path::{Path, PathBuf};

use headroom::evaluation::scorecard::Scorecard;
use headroom::evaluation::trials::Testbed;
use headroom::sim::Recording;
use headroom::sim::input::Source;

const SEEDS: std::ops::Range<u64> = 1..4;

fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("simulations");
    let mut folders: Vec<PathBuf> = fs::read_dir(root)
        .expect("simulations")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    folders.sort();
    folders
}

/// The scorecards of every baseline on a scenario, by baseline and then by seed.
fn cards(folder: &Path) -> Vec<Scorecard> {
    let source = Source::find(folder, None).expect("a scenario");
    let loaded = source.read(None).expect("a trace");
    let testbed = Testbed::new(source.name.clone(), &loaded.workload, &source.scenario)
        .expect("something to scale");
    let trials = testbed
        .compare(&testbed.all_baselines(), SEEDS, Recording::default(), || ())
        .expect("simulates");
    trials.into_iter().map(|trial| trial.card).collect()
}

/// Rounds to nine digits, because the last bits of a logarithm may differ between C libraries.
fn rounded(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Number(number) if number.is_f64() => {
            let text = format!("{:.8e}", number.as_f64().expect("a float"));
            *value = serde_json::json!(text.parse::<f64>().expect("a number"));
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(rounded),
        serde_json::Value::Object(fields) => fields.values_mut().for_each(rounded),
        _ => {}
    }
}

/// `HEADROOM_BLESS=1 cargo test --test simulation` rewrites the golden files; read the difference
/// before you commit it.
#[test]
fn every_scenario_gives_its_golden_scorecards() {
    for folder in folders() {
        let mut made = serde_json::to_value(cards(&folder)).expect("serialises");
        rounded(&mut made);
        let path = folder.join("golden.json");
        if std::env::var_os("HEADROOM_BLESS").is_some() {
            fs::write(&path, format!("{made:#}\n")).expect("writable");
        }
        let golden: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(&path).expect("golden.json")).expect("JSON");
        assert!(
            made == golden,
            "{} differs; set HEADROOM_BLESS=1 to rewrite it, and read the difference",
            path.display()
        );
    }
}

#[test]
fn on_every_scenario_all_work_is_done_nothing_is_cheaper_than_the_work_and_fixed_at_max_waits_least()
 {
    for folder in folders() {
        let cards = cards(&folder);
        for card in &cards {
            let who = format!(
                "{} under {} with seed {}",
                card.trace, card.policy, card.seed
            );
            assert_eq!(card.tasks_finished, card.tasks_total, "{who}");
            assert!(
                card.cost_usd >= card.work_bound_usd,
                "{who}: {} < {} USD",
                card.cost_usd,
                card.work_bound_usd
            );
            assert!(
                card.work_bound_usd <= card.no_wait_bound_usd
                    && card.no_wait_bound_usd <= card.clairvoyant_usd,
                "{who}"
            );
            assert!(
                (card.ec2_usd + card.emr_usd + card.ebs_usd - card.cost_usd).abs() < 1e-9,
                "{who}: the parts add up to the whole"
            );
            assert!(card.idle_usd <= card.cost_usd, "{who}");
            let fixed_max = cards
                .iter()
                .find(|other| other.policy == "fixed-max" && other.seed == card.seed)
                .expect("it takes part");
            assert!(
                fixed_max.wait_mean_s <= card.wait_mean_s,
                "{who} waits less than fixed-max"
            );
            assert!(
                card.tasks_rerun == 0 || card.trace == "spot-storm" || card.lost_work_h > 0.0,
                "{who}"
            );
        }
    }
}
