//! Hadoop's properties in job histories and event logs: the sizes of containers, and when reduces start.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::units::{Mebibytes, Resources, VirtualCores};

/// The properties that are kept; a configuration has more than a thousand.
const KEPT_PREFIXES: [&str; 9] = [
    "mapreduce.map.",
    "mapreduce.reduce.",
    "mapreduce.job.heap.",
    "mapreduce.job.reduce.slowstart.",
    "mapred.job.",
    "mapred.map.",
    "mapred.reduce.",
    "mapred.child.java.opts",
    "yarn.",
];

/// The share of a container that a task's heap takes, unless the configuration says otherwise.
const HEAP_RATIO: f64 = 0.8;

/// The share of maps that complete before reduces start, unless the configuration says otherwise.
pub const SLOWSTART: f64 = 0.05;

/// YARN's steps of memory, unless the configuration says otherwise.
const FAIR_INCREMENT_MIB: u64 = 1024;

/// The properties of a configuration that say how large containers are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Properties(BTreeMap<String, String>);

impl Properties {
    /// Keeps a property if it matters.
    pub fn insert(&mut self, key: String, value: String) {
        if KEPT_PREFIXES.iter().any(|prefix| key.starts_with(prefix)) {
            self.0.insert(key, value);
        }
    }

    /// The container of a map or reduce task (`map`, `reduce`): what the job asked YARN for, or
    /// `logged_mib`, or the default.
    pub fn task(&self, phase: &str, logged_mib: Option<u64>, default: Resources) -> Resources {
        let memory = self
            .mebibytes(&format!("mapreduce.{phase}.resource.memory-mb"))
            .or_else(|| self.mebibytes(&format!("mapreduce.{phase}.resource.memory")))
            .or_else(|| self.mebibytes(&format!("mapreduce.{phase}.memory.mb")))
            .or_else(|| self.mebibytes(&format!("mapred.job.{phase}.memory.mb")))
            .or_else(|| self.mebibytes_of_heap(phase))
            .or(logged_mib);
        let vcores = self
            .number(&format!("mapreduce.{phase}.resource.vcores"))
            .or_else(|| self.number(&format!("mapreduce.{phase}.cpu.vcores")));
        Resources {
            memory: memory.map_or(default.memory, |mib| self.allocated(mib)),
            vcores: vcores.map_or(default.vcores, VirtualCores),
        }
    }

    /// The container of MapReduce's application master, if the configuration contains it.
    pub fn application_master(&self) -> Option<Resources> {
        let prefix = "yarn.app.mapreduce.am.resource";
        let keys = ["memory-mb", "memory", "mb"];
        let mib = keys
            .iter()
            .find_map(|key| self.mebibytes(&format!("{prefix}.{key}")))?;
        let vcores = self
            .number(&format!("{prefix}.vcores"))
            .or_else(|| self.number(&format!("{prefix}.cpu-vcores")));
        Some(Resources {
            memory: self.allocated(mib),
            vcores: VirtualCores(vcores.unwrap_or(1)),
        })
    }

    /// The share of a job's maps that complete before its reduces start.
    pub fn slowstart(&self) -> f64 {
        let keys = [
            "mapreduce.job.reduce.slowstart.completedmaps",
            "mapred.reduce.slowstart.completed.maps",
        ];
        let text = keys.iter().find_map(|key| self.0.get(*key));
        let share = text.and_then(|text| text.trim().parse().ok());
        share
            .filter(|share| (0.0..=1.0).contains(share))
            .unwrap_or(SLOWSTART)
    }

    /// The memory that YARN allocates for a request. It rounds up to a multiple of its minimum or,
    /// with the fair scheduler, of its increment. Without a configuration that states it, the request
    /// itself.
    pub fn allocated(&self, requested_mib: u64) -> Mebibytes {
        let minimum = self.number("yarn.scheduler.minimum-allocation-mb");
        let is_fair = self
            .0
            .get("yarn.resourcemanager.scheduler.class")
            .is_some_and(|class| class.ends_with("FairScheduler"));
        let step = if is_fair {
            let increment = self.number("yarn.resource-types.memory-mb.increment-allocation");
            increment
                .or_else(|| self.number("yarn.scheduler.increment-allocation-mb"))
                .or(minimum.map(|_| FAIR_INCREMENT_MIB))
        } else {
            minimum
        };
        let rounded = step
            .and_then(|step| requested_mib.checked_next_multiple_of(step))
            .unwrap_or(requested_mib);
        Mebibytes(rounded.max(minimum.unwrap_or(0)))
    }

    /// The container for a heap of `-Xmx`, which Hadoop sizes by it if no memory is configured.
    fn mebibytes_of_heap(&self, phase: &str) -> Option<u64> {
        let options = [
            format!("mapreduce.{phase}.java.opts"),
            format!("mapred.{phase}.child.java.opts"),
            "mapred.child.java.opts".to_owned(),
        ];
        let options = options.iter().find_map(|key| self.0.get(key))?;
        let mut words = options.split_whitespace().rev();
        let heap = words.find_map(|word| word.strip_prefix("-Xmx"))?;
        let (number, unit) = heap.split_at(heap.trim_end_matches(char::is_alphabetic).len());
        let bytes_of_unit = match unit.to_ascii_lowercase().as_str() {
            "" => 1.0,
            "k" => 1024.0,
            "m" => f64::from(1 << 20),
            "g" => f64::from(1 << 30),
            _ => return None,
        };
        let ratio = self.0.get("mapreduce.job.heap.memory-mb.ratio");
        let ratio = ratio.and_then(|text| text.trim().parse().ok());
        let ratio = ratio.filter(|ratio| *ratio > 0.0 && *ratio <= 1.0);
        let bytes = number.parse::<u32>().ok()? as f64 * bytes_of_unit;
        let mib = (bytes / f64::from(1 << 20)).floor() / ratio.unwrap_or(HEAP_RATIO);
        Some(mib.ceil() as u64).filter(|mib| *mib > 0)
    }

    /// A property that is a positive whole number.
    fn number(&self, key: &str) -> Option<u64> {
        let value = self.0.get(key)?.trim().parse().ok();
        value.filter(|value| *value > 0)
    }

    /// A size in MiB, or with a unit of YARN's resource types, such as `2Gi`.
    fn mebibytes(&self, key: &str) -> Option<u64> {
        let text = self.0.get(key)?.trim();
        let (number, unit) = text.split_at(text.trim_end_matches(char::is_alphabetic).len());
        let number: u64 = number.trim().parse().ok()?;
        let mib = match unit {
            "" | "Mi" => number,
            "Gi" => number.checked_mul(1024)?,
            "Ti" => number.checked_mul(1 << 20)?,
            "M" => number.checked_mul(1_000_000)?.div_ceil(1 << 20),
            "G" => number.checked_mul(1_000_000_000)?.div_ceil(1 << 20),
            _ => return None,
        };
        Some(mib).filter(|mib| *mib > 0)
    }
}

impl<'de> Deserialize<'de> for Properties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Kept;
        impl<'de> Visitor<'de> for Kept {
            type Value = Properties;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("properties by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Properties, A::Error> {
                let mut properties = Properties::default();
                while let Some(key) = map.next_key::<String>()? {
                    match map.next_value::<TextOrOther>()? {
                        TextOrOther::Text(value) => properties.insert(key, value),
                        TextOrOther::Other(_) => {}
                    }
                }
                Ok(properties)
            }
        }
        deserializer.deserialize_map(Kept)
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum TextOrOther {
    Text(String),
    Other(IgnoredAny),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(properties: &[(&str, &str)]) -> Properties {
        let mut all = Properties::default();
        for (key, value) in properties {
            all.insert((*key).to_owned(), (*value).to_owned());
        }
        all
    }

    const DEFAULT: Resources = Resources {
        memory: Mebibytes(1000),
        vcores: VirtualCores(1),
    };

    #[test]
    fn a_task_has_the_memory_that_its_job_asked_for_under_any_of_hadoops_names() {
        type Case<'a> = (&'a [(&'a str, &'a str)], u64);
        let cases: [Case<'_>; 12] = [
            (&[("mapreduce.map.memory.mb", "2048")], 2048),
            (&[("mapred.job.map.memory.mb", "1536")], 1536),
            (&[("mapred.job.reduce.memory.mb", "1536")], 700),
            (
                &[
                    ("mapred.job.map.memory.mb", "1536"),
                    ("mapreduce.map.memory.mb", "2048"),
                ],
                2048,
            ),
            (&[("mapreduce.map.resource.memory-mb", "3072")], 3072),
            (&[("mapreduce.map.resource.memory", "3Gi")], 3072),
            (
                &[
                    ("mapreduce.map.memory.mb", "-1"),
                    ("mapreduce.map.java.opts", "-server -Xmx1638m"),
                ],
                2048,
            ),
            (&[("mapred.child.java.opts", "-Xmx200m")], 250),
            (
                &[
                    ("mapreduce.map.java.opts", "-Xmx1g"),
                    ("mapreduce.job.heap.memory-mb.ratio", "0.5"),
                ],
                2048,
            ),
            (&[("mapreduce.map.memory.mb", "${x}")], 700),
            (&[("mapreduce.map.java.opts", "-Xmxlots")], 700),
            (&[], 700),
        ];
        for (properties, expected) in cases {
            let task = with(properties).task("map", Some(700), DEFAULT);
            assert_eq!(task.memory.get(), expected, "{properties:?}");
        }
        assert_eq!(with(&[]).task("map", None, DEFAULT), DEFAULT);
    }

    #[test]
    fn yarn_rounds_up_to_its_minimum_or_with_the_fair_scheduler_to_its_increment() {
        let minimum = ("yarn.scheduler.minimum-allocation-mb", "1024");
        let fair = (
            "yarn.resourcemanager.scheduler.class",
            "org.apache.hadoop.yarn.server.resourcemanager.scheduler.fair.FairScheduler",
        );
        let increment = ("yarn.scheduler.increment-allocation-mb", "512");
        for (properties, expected) in [
            (&[][..], 1500),
            (&[minimum], 2048),
            (&[minimum, increment], 2048),
            (&[minimum, fair], 2048),
            (&[minimum, fair, increment], 1536),
            (&[("yarn.scheduler.minimum-allocation-mb", "4096")], 4096),
            (&[("yarn.scheduler.minimum-allocation-mb", "0")], 1500),
        ] {
            assert_eq!(
                with(properties).allocated(1500).get(),
                expected,
                "{properties:?}"
            );
        }
    }
}
