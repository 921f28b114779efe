//! Applications as the ResourceManager lists them (`/ws/v1/cluster/apps`).
//!
//! The list has no containers, only what an application used in all: memory-seconds and
//! vcore-seconds. So a task stands for one vcore, with the memory per vcore that the application used
//! on average, and as many tasks run side by side as the application had vcores on average.

use std::fmt;
use std::time::Duration;

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::error::{ImportError, malformed};
use super::gather::{
    Gathered, Ids, Imported, Notes, Tally, elapsed, gather, imported, on_one_clock,
};
use super::source::Source;
use crate::trace::journal::json_problem;
use crate::trace::{Job, Stage, TaskRun};
use crate::units::{Mebibytes, VirtualCores};

/// The most text of one reply.
const REPLY_MIB: u64 = 2048;

/// Imports saved replies; several become one workload.
///
/// # Errors
/// When no file can be used, or no application has ended.
pub fn import(
    sources: impl IntoIterator<Item = Result<Source, ImportError>>,
) -> Result<Imported, ImportError> {
    let gathered = gather(sources, read)?;
    let Gathered {
        parts,
        names,
        notes,
    } = gathered;
    let (start, jobs) = on_one_clock(parts.into_iter().flatten().collect())?;
    let source = format!(
        "YARN applications {names}; containers are not recorded, a task stands for a vcore that was used on average"
    );
    imported(source, start, jobs, Ids::OfACluster, notes)
}

fn read(source: Source, notes: &mut Notes) -> Result<Vec<(i64, Job)>, ImportError> {
    let (path, input, meter) = source.metered(REPLY_MIB);
    let mut all = Applications::default();
    for reply in serde_json::Deserializer::from_reader(input).into_iter::<Reply>() {
        meter.begin_record();
        let reply = reply.map_err(|error| {
            let problem = format!(
                "{}; expected a reply of /ws/v1/cluster/apps as JSON",
                json_problem(&error)
            );
            malformed(&path, error.line().max(1) as u64, problem)
        })?;
        all.jobs.extend(reply.0.jobs);
        all.left_out.append(reply.0.left_out);
    }
    notes.left_out.append(all.left_out);
    Ok(all.jobs)
}

/// A reply: `{"apps":{"app":[...]}}`, or that of one application, `{"app":{...}}`.
struct Reply(Applications);

/// The jobs of applications with the instants of their submission, in milliseconds. They are made
/// while the list is parsed, because it may have many.
#[derive(Default)]
struct Applications {
    jobs: Vec<(i64, Job)>,
    left_out: Tally,
}

#[derive(Deserialize)]
struct Application {
    id: String,
    name: Option<String>,
    queue: Option<String>,
    user: Option<String>,
    state: String,
    /// When the application was submitted, in milliseconds.
    #[serde(rename = "startedTime")]
    submit_ms: i64,
    /// When its master was launched. Since Hadoop 2.10 and 3.2.
    #[serde(rename = "launchTime", default)]
    launch_ms: i64,
    #[serde(rename = "finishedTime", default)]
    finish_ms: i64,
    /// MiB times seconds.
    #[serde(rename = "memorySeconds", default)]
    memory_seconds: i64,
    #[serde(rename = "vcoreSeconds", default)]
    vcore_seconds: i64,
}

impl Applications {
    fn add(&mut self, application: Application) -> Result<(), String> {
        if !matches!(application.state.as_str(), "FINISHED" | "FAILED" | "KILLED") {
            self.left_out.add(1, "applications that had not ended");
            return Ok(());
        }
        if application.memory_seconds <= 0 && application.vcore_seconds <= 0 {
            self.left_out.add(1, "applications that used nothing");
            return Ok(());
        }
        let submit_ms = application.submit_ms;
        let job = application.job()?;
        self.jobs.push((submit_ms, job));
        Ok(())
    }
}

impl Application {
    fn job(self) -> Result<Job, String> {
        let launch_ms = self.launch_ms.max(self.submit_ms);
        let lasted = elapsed(launch_ms, self.finish_ms).ok_or_else(|| {
            format!(
                "application {} starts at {launch_ms} ms and finishes at {} ms; expected a finish after the start",
                self.id, self.finish_ms
            )
        })?;
        let memory_seconds = self.memory_seconds.max(0) as u64;
        // Without vcores, all memory is one task.
        let seconds = match self.vcore_seconds {
            vcores if vcores > 0 => vcores as u64,
            _ => lasted.as_secs().max(1),
        };
        let lasted_ms = u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX).max(1);
        let tasks = seconds.saturating_mul(1000).div_ceil(lasted_ms);
        let count = u32::try_from(tasks)
            .map_err(|_| format!("application {} used {tasks} vcores on average", self.id))?;
        let stage = Stage {
            after: Vec::new(),
            memory: Mebibytes(memory_seconds.div_ceil(seconds)),
            vcores: VirtualCores(1),
            tasks: vec![TaskRun {
                count,
                duration: Duration::from_millis(seconds.saturating_mul(1000) / tasks),
            }],
            spark: None,
        };
        Ok(Job {
            id: self.id.into(),
            name: self.name.map(Into::into),
            submit: Duration::ZERO,
            application_master: None,
            queue: self.queue.map(Into::into),
            user: self.user.map(Into::into),
            is_step: false,
            map_reduce: None,
            stages: vec![stage],
            spark: None,
        })
    }
}

impl<'de> Deserialize<'de> for Reply {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct List {
            app: Option<Applications>,
        }
        // `"apps": null` is a cluster without applications.
        #[derive(Deserialize)]
        struct Named {
            #[serde(default, deserialize_with = "present")]
            apps: Option<Option<List>>,
            app: Option<Applications>,
        }
        fn present<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<Option<List>>, D::Error> {
            Option::<List>::deserialize(deserializer).map(Some)
        }
        let Named { apps, app } = Named::deserialize(deserializer)?;
        match (apps, app) {
            (Some(list), _) => Ok(Self(list.and_then(|list| list.app).unwrap_or_default())),
            (None, Some(one)) => Ok(Self(one)),
            (None, None) => Err(D::Error::missing_field("apps")),
        }
    }
}

impl<'de> Deserialize<'de> for Applications {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMore;
        impl<'de> Visitor<'de> for OneOrMore {
            type Value = Applications;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an application or a list of them")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Applications, A::Error> {
                let mut applications = Applications::default();
                while let Some(application) = list.next_element()? {
                    applications.add(application).map_err(A::Error::custom)?;
                }
                Ok(applications)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Applications, A::Error> {
                let mut applications = Applications::default();
                let one = serde::de::value::MapAccessDeserializer::new(map);
                applications
                    .add(Application::deserialize(one)?)
                    .map_err(A::Error::custom)?;
                Ok(applications)
            }

            fn visit_unit<E>(self) -> Result<Applications, E> {
                Ok(Applications::default())
            }
        }
        deserializer.deserialize_any(OneOrMore)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::trace::info::JobTotals;

    fn import_text(text: &str) -> Result<Imported, ImportError> {
        let bytes = Cursor::new(text.as_bytes().to_vec());
        import([Source::new("apps.json", bytes)])
    }

    fn app(fields: &str) -> String {
        format!(
            r#"{{"id":"application_1_0001","name":"etl","state":"FINISHED","startedTime":5000,{fields}}}"#
        )
    }

    fn listed(app: &str) -> String {
        format!(r#"{{"apps":{{"app":[{app}]}}}}"#)
    }

    /// What a ResourceManager of Hadoop 3.3.6 answered after two MapReduce jobs.
    const RECORDED: &str = include_str!("../../tests/fixtures/yarn/apps-finished.json");

    #[test]
    fn the_recorded_applications_use_what_yarn_counted() {
        let imported = import_text(RECORDED).expect("imports");
        let sum = |field: &str| -> u64 {
            let key = format!("\"{field}\":");
            let values = RECORDED.split(&key).skip(1);
            let number = |text: &str| {
                let digits = text.split([',', '}']).next().unwrap_or_default();
                digits.trim().parse::<u64>().expect("a number")
            };
            values.map(number).sum()
        };
        assert_eq!(
            imported.jobs.len(),
            RECORDED.matches("\"FINISHED\"").count()
        );
        let vcore_hours = sum("vcoreSeconds") as f64 / 3600.0;
        let totals = JobTotals::of(&imported.jobs);
        assert!((totals.core_hours / vcore_hours - 1.0).abs() < 0.001);
        let mib_seconds: f64 = imported
            .jobs
            .iter()
            .flat_map(|job| &job.stages)
            .flat_map(|stage| stage.tasks.iter().map(|run| (stage.memory.get(), run)))
            .map(|(memory, run)| memory as f64 * f64::from(run.count) * run.duration.as_secs_f64())
            .sum();
        let recorded = sum("memorySeconds") as f64;
        assert!(
            (mib_seconds / recorded - 1.0).abs() < 0.01,
            "{mib_seconds} of {recorded}"
        );
    }

    #[test]
    fn a_task_is_a_vcore_that_was_used_on_average() {
        let text = listed(&app(
            r#""launchTime":10000,"finishedTime":110000,"memorySeconds":1024000,"vcoreSeconds":250"#,
        ));
        let imported = import_text(&text).expect("imports");
        let stage = &imported.jobs[0].stages[0];
        let run = stage.tasks[0];
        assert_eq!(
            (run.count, run.duration.as_millis(), stage.memory.get()),
            (3, 83_333, 4096),
            "2.5 vcores for 100 s"
        );
        assert_eq!(
            imported.header.start,
            crate::units::Timestamp::from_millis(5000)
        );
    }

    #[test]
    fn every_form_of_a_reply_is_read() {
        let used = app(r#""finishedTime":9000,"memorySeconds":100,"vcoreSeconds":10"#);
        for text in [
            listed(&used),
            format!(r#"{{"apps":{{"app":{used}}}}}"#),
            format!(r#"{{"app":{used}}}"#),
            format!("{}\n{}", listed(&used), listed(&used)),
        ] {
            assert_eq!(import_text(&text).expect(&text).jobs.len(), 1, "{text}");
        }
    }

    #[test]
    fn what_has_not_ended_or_used_nothing_is_left_out() {
        let running = app(r#""finishedTime":0,"memorySeconds":5,"vcoreSeconds":1"#)
            .replace("FINISHED", "RUNNING");
        let unused = app(r#""finishedTime":9,"memorySeconds":0,"vcoreSeconds":0"#);
        let used = app(r#""finishedTime":9000,"memorySeconds":100,"vcoreSeconds":10"#);
        let imported = import_text(&listed(&[running, unused, used].join(","))).expect("imports");
        let left_out: Vec<u64> = imported.left_out.iter().map(|item| item.count).collect();
        assert_eq!((imported.jobs.len(), &left_out[..]), (1, &[1, 1][..]));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let early = app(r#""finishedTime":4000,"memorySeconds":5,"vcoreSeconds":1"#);
        for (text, expected) in [
            (listed(&early), "expected a finish after the start"),
            (r#"{"apps":null}"#.to_owned(), "found no jobs"),
            (r#"{"apps":{}}"#.to_owned(), "found no jobs"),
            ("{}".to_owned(), "missing field `apps`"),
            ("<html>".to_owned(), "apps.json:1: expected value"),
        ] {
            let error = import_text(&text).expect_err(&text).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
