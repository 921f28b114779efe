//! The resources of a task: its share of an executor's container.

use std::collections::BTreeMap;

use super::events::{Request, ResourceProfileAdded};
use crate::units::{Mebibytes, Resources, VirtualCores};

/// Spark's defaults (docs/configuration.md and running-on-yarn.md of apache/spark).
const EXECUTOR_MEMORY_MIB: f64 = 1024.0;
const APPLICATION_MASTER_MEMORY_MIB: f64 = 512.0;
const OVERHEAD_MIN_MIB: f64 = 384.0;
const OVERHEAD_FACTOR: f64 = 0.10;

/// The largest memory of an executor or driver; keeps sums of mistyped sizes from overflowing.
const MEMORY_MAX_MIB: f64 = (1_u64 << 40) as f64;

/// The sizes in an event log.
#[derive(Default)]
pub struct Sizes {
    properties: BTreeMap<String, String>,
    profiles: BTreeMap<i64, ResourceProfileAdded>,
}

impl Sizes {
    pub fn set_properties(&mut self, properties: BTreeMap<String, String>) {
        self.properties = properties;
    }

    pub fn add_profile(&mut self, profile: ResourceProfileAdded) {
        self.profiles.insert(profile.id, profile);
    }

    /// The resources of a task of a stage with this resource profile: `spark.task.cpus` vcores and
    /// an equal share of the executor's memory.
    pub fn of_task(&self, profile: i64) -> Resources {
        let profile = self.profiles.get(&profile);
        let requested = |name: &str| profile.and_then(|profile| amount(&profile.executor, name));
        let cores = requested("cores")
            .or_else(|| self.number("spark.executor.cores"))
            .unwrap_or(1.0);
        let cpus = profile
            .and_then(|profile| amount(&profile.task, "cpus"))
            .or_else(|| self.number("spark.task.cpus"))
            .unwrap_or(1.0);
        let slots = (cores / cpus).floor().max(1.0);

        let heap = requested("memory")
            .or_else(|| self.mib("spark.executor.memory", 'm'))
            .unwrap_or(EXECUTOR_MEMORY_MIB);
        let overhead = requested("memoryOverhead")
            .or_else(|| self.mib("spark.executor.memoryOverhead", 'm'))
            .or_else(|| self.mib("spark.yarn.executor.memoryOverhead", 'm'))
            .unwrap_or_else(|| self.default_overhead("spark.executor", heap));
        let off_heap_on = self
            .properties
            .get("spark.memory.offHeap.enabled")
            .is_some_and(|on| on == "true");
        let off_heap = requested("offHeap")
            .or_else(|| {
                self.mib("spark.memory.offHeap.size", 'b')
                    .filter(|_| off_heap_on)
            })
            .unwrap_or(0.0);
        let python = requested("pyspark.memory")
            .or_else(|| self.mib("spark.executor.pyspark.memory", 'm'))
            .unwrap_or(0.0);
        Resources {
            memory: mebibytes((heap + overhead + off_heap + python) / slots),
            vcores: vcores(cpus),
        }
    }

    /// The container of the application master: the driver in cluster mode, a small launcher in
    /// client mode. `None` when not on YARN.
    pub fn application_master(&self) -> Option<Resources> {
        if !self.properties.get("spark.master")?.starts_with("yarn") {
            return None;
        }
        let in_cluster = self
            .properties
            .get("spark.submit.deployMode")
            .is_some_and(|mode| mode == "cluster");
        let (memory_key, prefix, cores_key, default_mib) = if in_cluster {
            (
                "spark.driver.memory",
                "spark.driver",
                "spark.driver.cores",
                EXECUTOR_MEMORY_MIB,
            )
        } else {
            (
                "spark.yarn.am.memory",
                "spark.yarn.am",
                "spark.yarn.am.cores",
                APPLICATION_MASTER_MEMORY_MIB,
            )
        };
        let heap = self.mib(memory_key, 'm').unwrap_or(default_mib);
        let overhead = self
            .mib(&format!("{prefix}.memoryOverhead"), 'm')
            .unwrap_or_else(|| self.default_overhead(prefix, heap));
        Some(Resources {
            memory: mebibytes(heap + overhead),
            vcores: vcores(self.number(cores_key).unwrap_or(1.0)),
        })
    }

    fn default_overhead(&self, prefix: &str, heap_mib: f64) -> f64 {
        let factor = self
            .number(&format!("{prefix}.memoryOverheadFactor"))
            .unwrap_or(OVERHEAD_FACTOR);
        (heap_mib * factor).max(OVERHEAD_MIN_MIB)
    }

    fn number(&self, key: &str) -> Option<f64> {
        self.properties
            .get(key)?
            .trim()
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite() && *number > 0.0)
    }

    /// A size such as `40G`, in MiB; a bare number is in the given unit.
    fn mib(&self, key: &str, bare_unit: char) -> Option<f64> {
        parse_mib(self.properties.get(key)?, bare_unit)
    }
}

fn amount(requests: &BTreeMap<String, Request>, name: &str) -> Option<f64> {
    requests
        .get(name)
        .map(|request| request.amount)
        .filter(|amount| amount.is_finite() && *amount > 0.0)
}

fn parse_mib(text: &str, bare_unit: char) -> Option<f64> {
    let text = text.trim().to_ascii_lowercase();
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = text[digits.len()..].chars().next().unwrap_or(bare_unit);
    let mib_of_unit = match unit {
        'b' => 1.0 / f64::from(1 << 20),
        'k' => 1.0 / 1024.0,
        'm' => 1.0,
        'g' => 1024.0,
        't' => f64::from(1 << 20),
        'p' => f64::from(1 << 30),
        _ => return None,
    };
    digits
        .trim()
        .parse::<f64>()
        .ok()
        .map(|number| number * mib_of_unit)
        .filter(|mib| mib.is_finite() && *mib > 0.0)
}

fn mebibytes(mib: f64) -> Mebibytes {
    Mebibytes(mib.clamp(1.0, MEMORY_MAX_MIB).ceil() as u64)
}

fn vcores(cores: f64) -> VirtualCores {
    VirtualCores(cores.clamp(1.0, MEMORY_MAX_MIB).ceil() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(properties: &[(&str, &str)]) -> Sizes {
        let mut sizes = Sizes::default();
        sizes.set_properties(
            properties
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
        );
        sizes
    }

    #[test]
    fn a_task_takes_its_share_of_the_executor() {
        type Properties<'a> = &'a [(&'a str, &'a str)];
        let cases: [(Properties<'_>, u64, u64); 6] = [
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
                    ("spark.executor.memory", "8g"),
                    ("spark.executor.cores", "4"),
                ],
                2253,
                1,
            ),
            (
                &[
                    ("spark.executor.memory", "4096"),
                    ("spark.executor.cores", "5"),
                    ("spark.task.cpus", "2"),
                ],
                (4096 + 410) / 2,
                2,
            ),
            (
                &[
                    ("spark.memory.offHeap.size", "1073741824"),
                    ("spark.memory.offHeap.enabled", "true"),
                ],
                1024 + 384 + 1024,
                1,
            ),
            (
                &[
                    ("spark.memory.offHeap.size", "1g"),
                    ("spark.executor.memory", "what"),
                    ("spark.executor.cores", "-3"),
                ],
                1408,
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
    fn the_application_master_is_the_driver_in_cluster_mode_only() {
        let yarn = ("spark.master", "yarn");
        let master = |properties: &[(&str, &str)]| {
            with(properties)
                .application_master()
                .map(|master| master.memory.get())
        };
        assert_eq!(
            master(&[("spark.master", "local[4]"), ("spark.driver.memory", "4g")]),
            None
        );
        assert_eq!(
            master(&[yarn, ("spark.driver.memory", "8g")]),
            Some(512 + 384)
        );
        assert_eq!(
            master(&[
                yarn,
                ("spark.driver.memory", "8g"),
                ("spark.submit.deployMode", "cluster")
            ]),
            Some(8192 + 820)
        );
    }
}
