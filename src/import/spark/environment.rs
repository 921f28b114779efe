//! The reply `environment` of Spark's REST service, which a running application serves, too.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::events::{EnvironmentUpdate, Request, ResourceProfileAdded};
use super::sizes::Sizes;
use crate::units::Mebibytes;

/// What the executors of an application are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecutorSettings {
    /// The memory of an executor's container.
    pub memory: Mebibytes,
    /// Tasks that an executor runs at the same time.
    pub slots: u32,
    /// The most executors that the application may have; `None` for no limit.
    pub most: Option<u32>,
}

/// Reads what the executors of an application are from its reply `environment`. Stages with resource
/// profiles of their own are not looked at.
///
/// # Errors
/// When the reply is not in the form of Spark's REST service.
pub fn executor_settings(reply: &[u8]) -> Result<ExecutorSettings, serde_json::Error> {
    let environment: Environment = serde_json::from_slice(reply)?;
    let mut sizes = Sizes::default();
    environment.add_to(&mut sizes);
    let (memory, slots) = sizes.executor();
    Ok(ExecutorSettings {
        memory,
        slots,
        most: sizes.most_executors(),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Environment {
    spark_properties: Vec<(String, String)>,
    #[serde(default)]
    hadoop_properties: Vec<(String, String)>,
    #[serde(default)]
    system_properties: Vec<(String, String)>,
    /// Since Spark 3.1.
    #[serde(default)]
    resource_profiles: Vec<Profile>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    id: i64,
    #[serde(default)]
    executor_resources: BTreeMap<String, Amount>,
    #[serde(default)]
    task_resources: BTreeMap<String, Amount>,
}

#[derive(Deserialize)]
struct Amount {
    amount: f64,
}

impl Environment {
    /// Adds the settings and the resource profiles to what is known of an application.
    pub fn add_to(self, sizes: &mut Sizes) {
        let requests = |amounts: BTreeMap<String, Amount>| {
            let request = |(name, Amount { amount })| (name, Request { amount });
            amounts.into_iter().map(request).collect()
        };
        for profile in self.resource_profiles {
            sizes.add_profile(ResourceProfileAdded {
                id: profile.id,
                executor: requests(profile.executor_resources),
                task: requests(profile.task_resources),
            });
        }
        let mut update = EnvironmentUpdate {
            properties: self.spark_properties.into_iter().collect(),
            system: self.system_properties.into_iter().collect(),
            ..EnvironmentUpdate::default()
        };
        for (key, value) in self.hadoop_properties {
            update.hadoop.insert(key, value);
        }
        sizes.set_environment(update);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(properties: &str) -> ExecutorSettings {
        let reply = format!(r#"{{"sparkProperties":[["spark.master","yarn"]{properties}]}}"#);
        executor_settings(reply.as_bytes()).expect("settings")
    }

    #[test]
    fn a_recorded_reply_says_how_large_executors_are_and_how_many_there_may_be() {
        let reply = include_bytes!("../../../tests/fixtures/spark/environment.json");
        assert_eq!(
            executor_settings(reply).expect("settings"),
            ExecutorSettings {
                memory: Mebibytes(2048),
                slots: 2,
                most: None,
            }
        );
    }

    #[test]
    fn the_number_of_executors_is_fixed_without_dynamic_allocation() {
        let dynamic = r#",["spark.dynamicAllocation.enabled","true"]"#;
        let most = r#",["spark.dynamicAllocation.maxExecutors","7"]"#;
        let fixed = r#",["spark.executor.instances","5"]"#;
        assert_eq!(settings("").most, Some(2));
        assert_eq!(settings(fixed).most, Some(5));
        assert_eq!(settings(most).most, Some(2));
        assert_eq!(settings(dynamic).most, None);
        assert_eq!(settings(&format!("{dynamic}{most}{fixed}")).most, Some(7));
    }

    #[test]
    fn an_executor_runs_as_many_tasks_as_its_cores_allow() {
        let cores = r#",["spark.executor.cores","5"],["spark.task.cpus","2"]"#;
        assert_eq!(settings(cores).slots, 2);
        assert_eq!(settings("").slots, 1);
    }
}
