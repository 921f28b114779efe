//! The resources of a task: its share of an executor's container.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::events::{EnvironmentUpdate, ExecutorAdded, Request, ResourceProfileAdded};
use super::memory::parse_mib;
use crate::import::gather::elapsed;
use crate::import::hadoop::Properties;
use crate::units::{Mebibytes, Resources, VirtualCores};

mod executors;

/// Spark's defaults (docs/configuration.md and running-on-yarn.md of apache/spark).
const EXECUTOR_MEMORY_MIB: u64 = 1024;
const APPLICATION_MASTER_MEMORY_MIB: u64 = 512;
const EXECUTORS_FIXED: u32 = 2;
const OVERHEAD_MIN_MIB: u64 = 384;
const OVERHEAD_FACTOR: f64 = 0.10;

/// The largest memory of an executor or driver; keeps sums of mistyped sizes from overflowing.
const MEMORY_MAX_MIB: u64 = 1 << 40;

/// The resource profile of stages that ask for none.
const DEFAULT_PROFILE: i64 = 0;

/// The sizes in an event log.
#[derive(Default)]
pub struct Sizes {
    properties: BTreeMap<String, String>,
    hadoop: Properties,
    /// The command that started the driver, which a whole log contains.
    command: Option<String>,
    profiles: BTreeMap<i64, ResourceProfileAdded>,
    /// The number of executors by resource profile and cores.
    executors: BTreeMap<(i64, u32), u64>,
    /// How long each of them took from its request until it registered.
    starts: Vec<Duration>,
}

impl Sizes {
    pub fn set_environment(&mut self, mut environment: EnvironmentUpdate) {
        self.properties = environment.properties;
        self.hadoop = environment.hadoop;
        self.command = environment.system.remove("sun.java.command");
    }

    pub fn add_profile(&mut self, profile: ResourceProfileAdded) {
        self.profiles.insert(profile.id, profile);
    }

    pub fn add_executor(&mut self, added: &ExecutorAdded) {
        let executor = &added.executor;
        *self
            .executors
            .entry((executor.profile, executor.cores))
            .or_default() += 1;
        if let (Some(from_ms), Some(to_ms)) = (executor.request_ms, executor.registration_ms) {
            self.starts.extend(elapsed(from_ms, to_ms));
        }
    }

    /// The resources of a task of a stage with this resource profile: `spark.task.cpus` vcores and
    /// an equal share of the executor's memory.
    pub fn of_task(&self, profile_id: i64) -> Resources {
        let profile = self.profiles.get(&profile_id);
        let cpus = profile
            .and_then(|profile| amount(&profile.task, "cpus"))
            .or_else(|| self.positive("spark.task.cpus"))
            .unwrap_or(1.0);
        let container = self.container(self.executor_mib(profile));
        let share = container.get() as f64 / self.slots(profile_id, cpus);
        Resources {
            memory: Mebibytes(share.ceil().max(1.0) as u64),
            vcores: VirtualCores(cpus.clamp(1.0, MEMORY_MAX_MIB as f64).ceil() as u64),
        }
    }

    /// An executor of the default resource profile: the memory of its container, and how many tasks it
    /// runs at the same time.
    pub fn executor(&self) -> (Mebibytes, u32) {
        let profile = self.profiles.get(&DEFAULT_PROFILE);
        let cpus = self.positive("spark.task.cpus").unwrap_or(1.0);
        let slots = self.slots(DEFAULT_PROFILE, cpus);
        (self.container(self.executor_mib(profile)), slots as u32)
    }

    /// The most executors that the application may have; `None` for no limit.
    pub fn most_executors(&self) -> Option<u32> {
        let is_dynamic = self.is_true("spark.dynamicAllocation.enabled");
        let (key, default) = if is_dynamic {
            ("spark.dynamicAllocation.maxExecutors", None)
        } else {
            ("spark.executor.instances", Some(EXECUTORS_FIXED))
        };
        let configured = self.positive(key).map(|most| most as u32);
        configured
            .filter(|most| *most < i32::MAX as u32)
            .or(default)
    }

    /// How many tasks an executor runs at the same time.
    fn slots(&self, profile_id: i64, cpus: f64) -> f64 {
        let slots_of = |cores: f64| (cores / cpus).floor().max(1.0);
        let of_profile = |id: i64| amount(&self.profiles.get(&id)?.executor, "cores");
        if let Some(configured) = self.positive("spark.executor.cores") {
            return slots_of(of_profile(profile_id).unwrap_or(configured));
        }
        // Without the setting, executors outside YARN take all cores of their machine. The default
        // profile then says 1, so what the executors reported counts.
        let of_executors = |id: i64| {
            let same = self.executors.range((id, 0)..=(id, u32::MAX));
            let (slots, executors) = same.fold((0.0, 0.0), |(slots, executors), (key, count)| {
                let count = *count as f64;
                (slots + slots_of(key.1.into()) * count, executors + count)
            });
            (executors > 0.0).then(|| slots / executors)
        };
        let custom = Some(profile_id).filter(|id| *id != DEFAULT_PROFILE);
        custom
            .and_then(of_profile)
            .map(slots_of)
            .or_else(|| of_executors(profile_id))
            .or_else(|| of_executors(DEFAULT_PROFILE))
            .or_else(|| of_profile(profile_id).map(slots_of))
            .unwrap_or(1.0)
    }

    /// The memory of an executor: heap, overhead, off-heap memory and Python's.
    fn executor_mib(&self, profile: Option<&ResourceProfileAdded>) -> u64 {
        let requested = |name: &str| {
            let profile = profile?;
            Some(amount(&profile.executor, name)? as u64)
        };
        let configured_heap = self.heap();
        // In local mode, the default profile asks for executors that are never started.
        let requested_heap = requested("memory").filter(|_| !self.is_local());
        let heap = requested_heap.unwrap_or(configured_heap);
        // Spark derives the overhead from the configured memory, even if a profile asks for more.
        let overhead = requested("memoryOverhead")
            .unwrap_or_else(|| self.overhead("executor", configured_heap));
        let off_heap_on = self.is_true("spark.memory.offHeap.enabled");
        let off_heap = requested("offHeap")
            .or_else(|| self.mib("spark.memory.offHeap.size", 'b'))
            .filter(|_| off_heap_on)
            .unwrap_or(0);
        let python = requested("pyspark.memory")
            .or_else(|| self.mib("spark.executor.pyspark.memory", 'm'))
            .filter(|_| self.may_be_python())
            .unwrap_or(0);
        [heap, overhead, off_heap, python]
            .into_iter()
            .fold(0, u64::saturating_add)
    }

    /// The heap of an executor. In local mode, the driver is the executor.
    fn heap(&self) -> u64 {
        let key = if self.is_local() {
            "spark.driver.memory"
        } else {
            "spark.executor.memory"
        };
        let configured = self.mib(key, 'm').filter(|mib| *mib > 0);
        configured.unwrap_or(EXECUTOR_MEMORY_MIB)
    }

    /// Spark adds Python's memory to the containers of Python applications only. On YARN, a whole
    /// log says so.
    fn may_be_python(&self) -> bool {
        let is_whole_log_of_yarn = self.is_on_yarn() && self.command.is_some();
        match self.properties.get("spark.yarn.isPython") {
            Some(is_python) => is_python == "true",
            None => !is_whole_log_of_yarn,
        }
    }

    /// The container of the application master: the driver in cluster mode, a small launcher in
    /// client mode. `None` when not on YARN.
    pub fn application_master(&self) -> Option<Resources> {
        if !self.is_on_yarn() {
            return None;
        }
        let in_cluster = self.master() == "yarn-cluster"
            || self
                .properties
                .get("spark.submit.deployMode")
                .is_some_and(|mode| mode == "cluster");
        let (heap, overhead, cores) = if in_cluster {
            let heap = self.mib("spark.driver.memory", 'm');
            let heap = heap.unwrap_or(EXECUTOR_MEMORY_MIB);
            (heap, self.overhead("driver", heap), "spark.driver.cores")
        } else {
            let heap = self.mib("spark.yarn.am.memory", 'm');
            let heap = heap.unwrap_or(APPLICATION_MASTER_MEMORY_MIB);
            let configured = self.mib("spark.yarn.am.memoryOverhead", 'm');
            let derived = (heap as f64 * OVERHEAD_FACTOR) as u64;
            let overhead = configured.unwrap_or(derived.max(OVERHEAD_MIN_MIB));
            (heap, overhead, "spark.yarn.am.cores")
        };
        let cores = self.positive(cores).unwrap_or(1.0);
        Some(Resources {
            memory: self.container(heap.saturating_add(overhead)),
            vcores: VirtualCores(cores.clamp(1.0, MEMORY_MAX_MIB as f64).ceil() as u64),
        })
    }

    /// The overhead of an `executor` or `driver` whose heap has so many MiB: what is configured, or a
    /// share of the heap, but not less than the minimum.
    fn overhead(&self, of: &str, heap_mib: u64) -> u64 {
        let configured = [
            format!("spark.{of}.memoryOverhead"),
            // Until Spark 2.3.
            format!("spark.yarn.{of}.memoryOverhead"),
        ];
        if let Some(mib) = configured.iter().find_map(|key| self.mib(key, 'm')) {
            return mib;
        }
        let factors = [
            format!("spark.{of}.memoryOverheadFactor"),
            // EMR's own.
            format!("spark.yarn.{of}.memoryOverheadFactor"),
            "spark.kubernetes.memoryOverheadFactor".to_owned(),
        ];
        let factor = factors.iter().find_map(|key| self.number(key));
        let factor = factor.filter(|factor| *factor >= 0.0);
        let derived = (heap_mib as f64 * factor.unwrap_or(OVERHEAD_FACTOR)) as u64;
        // Since Spark 4.0.
        let minimum = self.mib(&format!("spark.{of}.minMemoryOverhead"), 'm');
        derived.max(minimum.unwrap_or(OVERHEAD_MIN_MIB))
    }

    /// The memory of the container for a request: on YARN, what YARN allocates.
    fn container(&self, requested_mib: u64) -> Mebibytes {
        let requested_mib = requested_mib.clamp(1, MEMORY_MAX_MIB);
        if self.is_on_yarn() {
            self.hadoop.allocated(requested_mib)
        } else {
            Mebibytes(requested_mib)
        }
    }

    /// The queue to which the application was submitted, if it set one.
    pub fn queue(&self) -> Option<Arc<str>> {
        let queue = self.properties.get("spark.yarn.queue")?;
        self.is_on_yarn().then(|| queue.as_str().into())
    }

    fn master(&self) -> &str {
        self.properties
            .get("spark.master")
            .map_or("", String::as_str)
    }

    fn is_local(&self) -> bool {
        self.master() == "local" || self.master().starts_with("local[")
    }

    fn is_on_yarn(&self) -> bool {
        self.master().starts_with("yarn")
    }

    fn is_true(&self, key: &str) -> bool {
        self.properties
            .get(key)
            .is_some_and(|value| value == "true")
    }

    fn positive(&self, key: &str) -> Option<f64> {
        self.number(key).filter(|number| *number > 0.0)
    }

    fn number(&self, key: &str) -> Option<f64> {
        let number: f64 = self.properties.get(key)?.trim().parse().ok()?;
        Some(number).filter(|number| number.is_finite())
    }

    /// A size such as `40G`, in MiB; a bare number is in the given unit.
    fn mib(&self, key: &str, bare_unit: char) -> Option<u64> {
        parse_mib(self.properties.get(key)?, bare_unit)
    }
}

fn amount(requests: &BTreeMap<String, Request>, name: &str) -> Option<f64> {
    requests
        .get(name)
        .map(|request| request.amount)
        .filter(|amount| amount.is_finite() && *amount > 0.0)
}

#[cfg(test)]
mod tests;
