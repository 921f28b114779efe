//! What `demand:` is to reach on this repository's own traces, and whether it does.
//!
//! The table of docs/frontier.md is printed by
//!
//! ```text
//! cargo test --release --test simulation table_of_the_aims -- --ignored --nocapture
//! ```
//!
//! which takes some minutes on every folder of `simulations/` and, where `HEADROOM_SHARED` names a
//! folder with public recordings, on the SWIM workloads in its `data/swim`.

use std::path::{Path, PathBuf};

use headroom::compare::cells::{AgainstDefault, Cell, WAITS_S, ratio};
use headroom::compare::runner::Runner;
use headroom::compare::text::Column::{Figures, Words};
use headroom::compare::text::{Table, markdown};
use headroom::compare::{Benchmark, DEFAULT_INDEX, DemandPoint, Point};
use headroom::evaluation::report::wording::{usd, wait};
use headroom::evaluation::trials::Testbed;
use headroom::import::{self, swim};
use headroom::sim::input::Source;
use headroom::sim::job_work::JobWork;
use headroom::sim::scenario::Scenario;
use headroom::sim::trace_work::TraceWork;

const ABOVE_FRONTIER_PERCENT_MAX: f64 = 5.0;
const ON_AVERAGE_PERCENT_MAX: f64 = -10.0;
const SAVING_PERCENT_MIN: f64 = 30.0;
const FIFTH: f64 = 0.2;
const OF_CLAIRVOYANT_MAX: f64 = 1.5;
const THIRD: f64 = 1.0 / 3.0;
const DEARER_FACTOR: f64 = 1.05;
/// Where the work is many containers so short that new nodes come too late for them.
const SHORT_CONTAINERS: &str = "short-containers";
/// Where what comes every night comes at once.
const NIGHTLY_BATCH: &str = "nightly-batch";

/// Where cost may never fall, and waiting never rise, from one to the next.
const MONOTONY_INDEXES: [u8; 5] = [1, 25, 50, 75, 100];
/// How many seeds show that the performance index is monotone.
const MONOTONY_SEEDS: u64 = 20;
/// Runs of each policy.
const SEEDS: u64 = 3;
/// The cluster on which SWIM workloads run.
const SWIM_SCENARIO: &str = include_str!("aims/swim.yaml");

/// The benchmark of one trace, and `demand:` at [`MONOTONY_INDEXES`] with [`MONOTONY_SEEDS`].
struct Measured {
    benchmark: Benchmark,
    monotony: Vec<DemandPoint>,
}

/// How far an aim was reached.
#[derive(Debug)]
struct Aim {
    /// What is aimed at, after a letter by which it is known.
    aim: String,
    /// What was reached.
    figure: String,
    /// `None` where nothing was there to try it on.
    met: Option<bool>,
}

/// All aims over all traces.
fn aims(all: &[Measured]) -> Vec<Aim> {
    let cells: Vec<(&str, Cell<'_>)> = all
        .iter()
        .flat_map(|measured| {
            measured
                .benchmark
                .cells(&WAITS_S)
                .into_iter()
                .map(|cell| (name(measured), cell))
        })
        .collect();
    vec![
        never_far_above(&cells),
        below_on_average(all),
        better_than_defaults(all),
        near_clairvoyant(all),
        not_to_the_maximum(all),
        ready_for_the_night(all),
        monotone(all),
    ]
}

fn never_far_above(cells: &[(&str, Cell<'_>)]) -> Aim {
    let missing = cells
        .iter()
        .filter(|(_, cell)| cell.is_not_reached())
        .count();
    let differences = cells
        .iter()
        .filter_map(|(trace, cell)| Some((cell.difference_percent()?, *trace, cell.wait_s)));
    let worst = differences.max_by(|a, b| a.0.total_cmp(&b.0));
    let figure = worst
        .map(|(percent, trace, wait_s)| format!("at most {percent:+.1}% ({trace} at {wait_s} s)"));
    Aim {
        aim: "(a) never more than 5% above the hindsight frontier".into(),
        figure: figure.unwrap_or_else(|| "nothing to compare".into()) + &not_reached(missing),
        met: worst
            .map(|(percent, ..)| percent <= ABOVE_FRONTIER_PERCENT_MAX && missing == 0)
            .or((missing > 0).then_some(false)),
    }
}

fn below_on_average(all: &[Measured]) -> Aim {
    let missing = all
        .iter()
        .flat_map(|measured| measured.benchmark.cells(&WAITS_S))
        .filter(Cell::is_not_reached)
        .count();
    let of_trace = |measured: &Measured| {
        mean(
            measured
                .benchmark
                .cells(&WAITS_S)
                .iter()
                .filter_map(Cell::difference_percent),
        )
    };
    let average = mean(all.iter().filter_map(of_trace));
    Aim {
        aim: "(b) on average over traces at least 10% below it".into(),
        figure: average.map_or_else(
            || "nothing to compare".into(),
            |percent| format!("{percent:+.1}%"),
        ) + &not_reached(missing),
        met: average
            .map(|percent| percent <= ON_AVERAGE_PERCENT_MAX && missing == 0)
            .or((missing > 0).then_some(false)),
    }
}

fn better_than_defaults(all: &[Measured]) -> Aim {
    let (mut count, mut met) = (0, 0);
    let mut missed: Vec<String> = Vec::new();
    for measured in all {
        let against = measured.benchmark.against_defaults();
        let not: Vec<&str> = against
            .iter()
            .filter(|against| !is_met(against))
            .map(|against| against.default.policy.as_str())
            .collect();
        count += against.len();
        met += against.len() - not.len();
        if !not.is_empty() {
            missed.push(format!("{} ({})", name(measured), not.join(", ")));
        }
    }
    let short = if missed.is_empty() {
        String::new()
    } else {
        format!("; not on {}", missed.join(", "))
    };
    Aim {
        aim: "(c) than each baseline as people run it: 30% cheaper at no more waiting, or a fifth of the waiting at no more cost".into(),
        figure: format!("{met} of {count}{short}"),
        met: (count > 0).then_some(met == count),
    }
}

fn near_clairvoyant(all: &[Measured]) -> Aim {
    let at_a_minute = |measured: &Measured| {
        measured.benchmark.cells(&WAITS_S).first().map(|cell| {
            (
                cell.is_not_reached(),
                measured.benchmark.of_clairvoyant(cell),
            )
        })
    };
    let reached: Vec<(bool, Option<f64>)> = all.iter().filter_map(at_a_minute).collect();
    let missing = reached
        .iter()
        .filter(|(is_not_reached, _)| *is_not_reached)
        .count();
    let ratios = all
        .iter()
        .zip(&reached)
        .filter_map(|(measured, (_, ratio))| Some((name(measured), (*ratio)?)));
    let worst = ratios.max_by(|a, b| a.1.total_cmp(&b.1));
    let figure = worst.map(|(trace, ratio)| format!("at most {ratio:.2} times ({trace})"));
    Aim {
        aim: "(d) at 60 s within 1.5 times the clairvoyant who pays for provisioning".into(),
        figure: figure.unwrap_or_else(|| "no trace gets to 60 s".into()) + &not_reached(missing),
        met: worst
            .map(|(_, ratio)| ratio <= OF_CLAIRVOYANT_MAX && missing == 0)
            .or((missing > 0).then_some(false)),
    }
}

fn not_to_the_maximum(all: &[Measured]) -> Aim {
    let found = all
        .iter()
        .find(|measured| name(measured) == SHORT_CONTAINERS);
    let default = found.and_then(|measured| Some((measured, measured.at_index(DEFAULT_INDEX)?)));
    let figure = |(measured, default): (&Measured, &DemandPoint)| {
        let max = measured.benchmark.hindsight.max_nodes;
        let below = measured
            .benchmark
            .demand
            .iter()
            .take_while(|found| found.point.peak_nodes < max)
            .last();
        let range = below.map_or("at no index".to_owned(), |found| {
            format!("up to index {}", found.performance_index)
        });
        format!(
            "index {DEFAULT_INDEX} reaches {} of {max}; below the maximum {range}",
            default.point.peak_nodes
        )
    };
    Aim {
        aim: format!("(e) on {SHORT_CONTAINERS} it does not run to the maximum"),
        figure: default.map_or_else(
            || format!("{SHORT_CONTAINERS} is not among the traces"),
            figure,
        ),
        met: default.map(|(measured, default)| {
            default.point.peak_nodes < measured.benchmark.hindsight.max_nodes
        }),
    }
}

fn ready_for_the_night(all: &[Measured]) -> Aim {
    let found = all.iter().find(|measured| name(measured) == NIGHTLY_BATCH);
    let shares = found.map(|measured| shares_of_waiting(&measured.benchmark));
    Aim {
        aim: format!(
            "(f) on {NIGHTLY_BATCH} at most a third of any reactive policy's p95 wait for at most 5% more cost"
        ),
        figure: shares.as_ref().map_or_else(
            || format!("{NIGHTLY_BATCH} is not among the traces"),
            |shares| format!("shares: {}", share_words(shares)),
        ),
        met: shares.map(|shares| {
            shares
                .iter()
                .all(|(_, share)| share.is_some_and(|share| share <= THIRD))
        }),
    }
}

fn monotone(all: &[Measured]) -> Aim {
    let falls = all.iter().flat_map(|measured| {
        measured
            .falls()
            .into_iter()
            .map(|fall| format!("{fall} on {}", name(measured)))
    });
    let falls: Vec<String> = falls.collect();
    let tried = all
        .iter()
        .any(|measured| !measured.monotony.is_empty())
        .then_some(MONOTONY_SEEDS);
    let figure = |seeds: u64| {
        if falls.is_empty() {
            format!("mean of {seeds} seeds: everywhere")
        } else {
            falls.join(", ")
        }
    };
    Aim {
        aim: "(g) over performance_index 1, 25, 50, 75, 100 cost never falls and the p95 wait never rises".into(),
        figure: tried.map_or_else(|| "not tried".into(), figure),
        met: tried.map(|_| falls.is_empty()),
    }
}

impl Measured {
    fn at_index(&self, index: u8) -> Option<&DemandPoint> {
        self.benchmark
            .demand
            .iter()
            .find(|found| found.performance_index == index)
    }

    /// Where cost falls or waiting rises between two neighbouring indexes.
    fn falls(&self) -> Vec<String> {
        let mut falls = Vec::new();
        for pair in self.monotony.windows(2) {
            let [low, high] = [&pair[0], &pair[1]];
            let range = format!("{} to {}", low.performance_index, high.performance_index);
            if high.point.cost_usd < low.point.cost_usd {
                falls.push(format!("cost falls {range}"));
            }
            if high.point.wait_p95_s > low.point.wait_p95_s {
                falls.push(format!("waiting rises {range}"));
            }
        }
        falls
    }
}

fn name(measured: &Measured) -> &str {
    &measured.benchmark.hindsight.trace
}

fn not_reached(cells: usize) -> String {
    match cells {
        0 => String::new(),
        1 => "; 1 cell not reached".to_owned(),
        _ => format!("; {cells} cells not reached"),
    }
}

/// The waiting of the fastest `demand:` that costs at most 5% more than each reactive policy, as a
/// share of that policy's.
fn shares_of_waiting(benchmark: &Benchmark) -> Vec<(String, Option<f64>)> {
    let mut shares = Vec::new();
    for default in &benchmark.hindsight.defaults {
        let fastest = benchmark.fastest_demand(DEARER_FACTOR * default.cost_usd);
        let share = fastest.and_then(|found| ratio(found.point.wait_p95_s, default.wait_p95_s));
        shares.push((default.policy.clone(), share));
    }
    shares
}

fn share_words(shares: &[(String, Option<f64>)]) -> String {
    let words = shares.iter().map(|(policy, share)| match share {
        Some(share) => format!("{policy} {share:.2}"),
        None => format!("{policy} at no such cost"),
    });
    words.collect::<Vec<_>>().join(", ")
}

fn is_met(against: &AgainstDefault<'_>) -> bool {
    against
        .saving_percent()
        .is_some_and(|saving| saving >= SAVING_PERCENT_MIN)
        || against.waiting_ratio().is_some_and(|ratio| ratio <= FIFTH)
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn aims_table(aims: &[Aim]) -> Table {
    let row = |aim: &Aim| {
        let met = match aim.met {
            Some(true) => "met",
            Some(false) => "missed",
            None => "not tried",
        };
        vec![aim.aim.clone(), aim.figure.clone(), met.to_owned()]
    };
    Table {
        title: "Aims".into(),
        note: String::new(),
        heading: vec![Words("aim"), Words("reached"), Figures("")],
        rows: aims.iter().map(row).collect(),
    }
}

fn monotony_table(all: &[Measured]) -> Table {
    let rows = all.iter().flat_map(|measured| {
        [
            monotony_row(measured, "USD", |point| usd(point.cost_usd)),
            monotony_row(measured, "p95", |point| wait(point.wait_p95_s)),
        ]
    });
    Table {
        title: format!("demand by performance_index (seeds: {MONOTONY_SEEDS})"),
        note: String::new(),
        heading: vec![
            Words("trace"),
            Words(""),
            Figures("1"),
            Figures("25"),
            Figures("50"),
            Figures("75"),
            Figures("100"),
        ],
        rows: rows.collect(),
    }
}

fn monotony_row(measured: &Measured, what: &str, figure: fn(&Point) -> String) -> Vec<String> {
    let mut row = vec![name(measured).to_owned(), what.to_owned()];
    row.extend(measured.monotony.iter().map(|found| figure(&found.point)));
    row
}

fn measure(trace: String, workload: &TraceWork, scenario: &Scenario, synthetic: bool) -> Measured {
    let testbed = Testbed::new(trace, workload, scenario).expect("something to scale");
    let runner = Runner::new(testbed, synthetic, SEEDS);
    let indexes: Vec<u8> = (1..=100).collect();
    Measured {
        benchmark: Benchmark {
            hindsight: runner.hindsight(|| ()).expect("runs"),
            demand: runner.demand(&indexes, SEEDS, || ()).expect("runs"),
            policies: Vec::new(),
        },
        monotony: runner
            .demand(&MONOTONY_INDEXES, MONOTONY_SEEDS, || ())
            .expect("runs"),
    }
}

fn measure_folder(folder: &Path) -> Measured {
    let source = Source::find(folder, None).expect("a scenario");
    let loaded = source.read(None).expect("a trace");
    let synthetic = loaded.header.synthetic;
    measure(source.name, &loaded.workload, &source.scenario, synthetic)
}

/// A day of a SWIM workload, with the reference task model.
fn measure_swim(file: &Path) -> Measured {
    let imported = swim::import([import::Source::open(file)], &swim::Options::default());
    let imported = imported.expect("a SWIM workload");
    let jobs = JobWork::from_jobs(imported.header.start, &imported.jobs).expect("valid jobs");
    let stem = file.file_stem().expect("a name").to_string_lossy();
    let name = stem.split("_samples").next().unwrap_or(&stem).to_owned();
    let scenario = Scenario::parse(SWIM_SCENARIO, Path::new("swim.yaml")).expect("a scenario");
    measure(name, &TraceWork::Jobs(jobs), &scenario, false)
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths
}

#[test]
#[ignore = "takes some minutes; prints the table of docs/frontier.md"]
fn table_of_the_aims() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("simulations");
    let mut all: Vec<Measured> = sorted(&root)
        .iter()
        .filter(|path| path.is_dir())
        .map(|folder| measure_folder(folder))
        .collect();
    if let Some(shared) = std::env::var_os("HEADROOM_SHARED") {
        let files = sorted(&Path::new(&shared).join("data/swim"));
        let workloads = files
            .iter()
            .filter(|path| path.extension().is_some_and(|ending| ending == "tsv"));
        all.extend(workloads.map(|file| measure_swim(file)));
    }
    println!(
        "{}",
        markdown(&[aims_table(&aims(&all)), monotony_table(&all)])
    );
}

mod tests;
