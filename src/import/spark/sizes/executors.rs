//! The executors of an application: their sizes and how many there are.

use std::time::Duration;

use super::{DEFAULT_PROFILE, EXECUTORS_FIXED, MEMORY_MAX_MIB, Sizes, amount};
use crate::trace::{
    DynamicAllocation, ExecutorAllocation, ExecutorSize, SparkApplication, seconds,
};
use crate::units::VirtualCores;

/// Spark's default of `spark.dynamicAllocation.executorIdleTimeout`.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

impl Sizes {
    /// The executors, where a cluster manager starts them for the application; `end_pause` is how long
    /// the driver lived on after its last task.
    pub fn spark_application(
        &self,
        end_pause: impl FnOnce() -> Option<Duration>,
    ) -> Option<SparkApplication> {
        let is_managed = self.is_on_yarn() || self.master().starts_with("k8s");
        is_managed.then(|| SparkApplication {
            executors: self.profile_ids().map(|id| self.executor_of(id)).collect(),
            allocation: self.allocation(),
            executor_start: self.executor_start(),
            end_pause: end_pause().unwrap_or_default().min(seconds::LONGEST),
        })
    }

    /// How long an executor takes from its request until it registers, where the cluster has room: the
    /// lower quartile, because the slower ones waited for room.
    fn executor_start(&self) -> Option<Duration> {
        let mut starts = self.starts.clone();
        starts.sort_unstable();
        let quartile = starts.get(starts.len() / 4).copied();
        quartile.filter(|start| *start <= seconds::LONGEST)
    }

    /// The position of a resource profile among the executors.
    pub fn position_of(&self, profile_id: i64) -> u32 {
        let position = self.profile_ids().position(|id| id == profile_id);
        position.unwrap_or_default() as u32
    }

    /// The resource profiles, the default one first.
    fn profile_ids(&self) -> impl Iterator<Item = i64> {
        let others = self.profiles.keys().copied();
        std::iter::once(DEFAULT_PROFILE).chain(others.filter(|id| *id != DEFAULT_PROFILE))
    }

    fn executor_of(&self, profile_id: i64) -> ExecutorSize {
        let profile = self.profiles.get(&profile_id);
        let cpus = profile
            .and_then(|profile| amount(&profile.task, "cpus"))
            .or_else(|| self.positive("spark.task.cpus"))
            .unwrap_or(1.0);
        let slots = self.slots(profile_id, cpus);
        ExecutorSize {
            memory: self.container(self.executor_mib(profile)),
            vcores: VirtualCores((slots * cpus).clamp(1.0, MEMORY_MAX_MIB as f64).ceil() as u64),
            slots: slots as u32,
        }
    }

    fn allocation(&self) -> ExecutorAllocation {
        let count = |key: &str| self.positive(key).map(|count| count as u32);
        let configured = count("spark.executor.instances");
        if !self.is_true("spark.dynamicAllocation.enabled") {
            return ExecutorAllocation::Fixed(configured.unwrap_or(EXECUTORS_FIXED));
        }
        let min = count("spark.dynamicAllocation.minExecutors").unwrap_or(0);
        let initial = count("spark.dynamicAllocation.initialExecutors").unwrap_or(min);
        let timeout = |key: &str| parse_time(self.properties.get(key)?);
        ExecutorAllocation::Dynamic(DynamicAllocation {
            initial: initial.max(min).max(configured.unwrap_or(0)),
            min,
            max: self.most_executors(),
            idle_timeout: timeout("spark.dynamicAllocation.executorIdleTimeout")
                .unwrap_or(IDLE_TIMEOUT),
            cached_idle_timeout: timeout("spark.dynamicAllocation.cachedExecutorIdleTimeout"),
            shuffle_tracking: !self.is_true("spark.shuffle.service.enabled"),
        })
    }
}

/// A time such as `60s` or `2min`, as Spark writes it; a bare number is in seconds.
fn parse_time(text: &str) -> Option<Duration> {
    let text = text.trim().to_ascii_lowercase();
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let milliseconds = match &text[digits.len()..] {
        "us" => 0,
        "ms" => 1,
        "" | "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let number: u64 = digits.trim().parse().ok()?;
    let time = Duration::from_millis(number.checked_mul(milliseconds)?);
    // Spark's own word for "never" is a very long time.
    Some(time).filter(|time| *time <= seconds::LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::spark::events::EnvironmentUpdate;
    use crate::units::Mebibytes;

    fn sizes(properties: &[(&str, &str)]) -> Sizes {
        let mut sizes = Sizes::default();
        let yarn = [("spark.master", "yarn")];
        let all = properties.iter().chain(&yarn);
        sizes.set_environment(EnvironmentUpdate {
            properties: all
                .map(|(key, value)| (key.to_string(), value.to_string()))
                .collect(),
            ..EnvironmentUpdate::default()
        });
        sizes
    }

    #[test]
    fn dynamic_allocation_has_sparks_defaults() {
        let dynamic = ("spark.dynamicAllocation.enabled", "true");
        let expected = DynamicAllocation {
            initial: 0,
            min: 0,
            max: None,
            idle_timeout: Duration::from_secs(60),
            cached_idle_timeout: None,
            shuffle_tracking: true,
        };
        assert_eq!(
            sizes(&[dynamic]).allocation(),
            ExecutorAllocation::Dynamic(expected)
        );
        let given = sizes(&[
            dynamic,
            ("spark.dynamicAllocation.minExecutors", "2"),
            ("spark.executor.instances", "4"),
            ("spark.dynamicAllocation.maxExecutors", "9"),
            ("spark.dynamicAllocation.executorIdleTimeout", "2min"),
            ("spark.dynamicAllocation.cachedExecutorIdleTimeout", "300"),
            ("spark.shuffle.service.enabled", "true"),
        ]);
        let expected = DynamicAllocation {
            initial: 4,
            min: 2,
            max: Some(9),
            idle_timeout: Duration::from_secs(120),
            cached_idle_timeout: Some(Duration::from_secs(300)),
            shuffle_tracking: false,
        };
        assert_eq!(given.allocation(), ExecutorAllocation::Dynamic(expected));
    }

    #[test]
    fn without_dynamic_allocation_the_number_of_executors_is_fixed() {
        assert_eq!(sizes(&[]).allocation(), ExecutorAllocation::Fixed(2));
        let configured = [("spark.executor.instances", "7")];
        assert_eq!(
            sizes(&configured).allocation(),
            ExecutorAllocation::Fixed(7)
        );
    }

    #[test]
    fn an_executor_has_the_size_of_its_container() {
        let given = sizes(&[("spark.executor.cores", "5"), ("spark.task.cpus", "2")]);
        let application = given.spark_application(|| None).expect("on YARN");
        let expected = ExecutorSize {
            memory: Mebibytes(1_408),
            vcores: VirtualCores(4),
            slots: 2,
        };
        // YARN allocates in steps of its minimum, 1 GiB unless it is configured.
        let container = given.container(1_408);
        assert_eq!(
            application.executors,
            [ExecutorSize {
                memory: container,
                ..expected
            }]
        );
    }

    #[test]
    fn a_local_application_has_no_executors_of_its_own() {
        let mut local = sizes(&[]);
        local
            .properties
            .insert("spark.master".to_owned(), "local[4]".to_owned());
        assert_eq!(local.spark_application(|| None), None);
    }
}
