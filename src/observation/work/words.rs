//! The work of applications in words, for the status, the page and `explain`.

use std::time::Duration;

use super::{
    ApplicationWork, Executors, KnownWork, Storage, StoringNode, Work, WorkOrReason, WorkTotals,
};
use crate::units::display_duration;

/// How many applications are shown.
const SHOWN: usize = 5;

impl Work {
    /// The sums in one line, then two lines for each of the largest applications.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.totals.line(self.applications.len())];
        for application in self.applications.iter().take(SHOWN) {
            lines.extend(application.lines());
        }
        if let Some(more @ 1..) = self.applications.len().checked_sub(SHOWN) {
            lines.push(format!("and {more} more"));
        }
        lines.extend(self.storage.as_ref().and_then(Storage::line));
        lines
    }
}

impl WorkTotals {
    fn line(&self, applications: usize) -> String {
        if applications == 0 && self.apps_unknown == 0 && self.tasks_remaining == Some(0) {
            return "no application runs".to_owned();
        }
        if self.apps_unknown > 0 {
            let of = counted(self.apps_unknown, "application");
            return format!("what is left is not known of {of}");
        }
        let mut parts = Vec::new();
        if let Some(tasks) = self.tasks_remaining {
            parts.push(left(tasks, self.drain_s));
        }
        if let (Some(needed), Some(held), Some(idle)) = (
            self.executors_needed,
            self.executors_held,
            self.executors_idle,
        ) {
            parts.push(format!(
                "{}, {idle} idle; {needed} needed",
                counted(held, "executor")
            ));
        }
        parts.join("; ")
    }
}

impl Storage {
    /// On how many nodes something is stored; `None` if on none.
    fn line(&self) -> Option<String> {
        let on = |is: fn(&StoringNode) -> bool| {
            let nodes = self.nodes.iter().filter(|node| is(node));
            counted(nodes.count() as u64, "node")
        };
        let (shuffle, cached) = (on(|node| node.shuffle), on(|node| node.cached));
        (!self.nodes.is_empty())
            .then(|| format!("shuffle output on {shuffle}, cached blocks on {cached}"))
    }
}

impl ApplicationWork {
    fn lines(&self) -> [String; 2] {
        let share = match &self.work {
            WorkOrReason::Known(work) => work.line(),
            WorkOrReason::Unknown(reason) => format!("not known: {}", reason.words()),
        };
        let Self {
            id,
            name,
            queue,
            kind,
            ..
        } = self;
        [
            format!("{name} ({kind}, queue {queue}, {id})"),
            format!("  {share}"),
        ]
    }
}

impl KnownWork {
    fn line(&self) -> String {
        let tasks = left(self.tasks_remaining(), self.drain_s());
        match &self.executors {
            Some(executors) => format!("{tasks}; {}", self.executors_line(executors)),
            None => tasks,
        }
    }

    fn executors_line(&self, executors: &Executors) -> String {
        let limit = executors
            .most
            .map_or(String::new(), |most| format!(" of at most {most}"));
        format!(
            "{}, {} idle; {}{limit} needed",
            counted(u64::from(executors.held), "executor"),
            self.executors_idle(executors),
            self.executors_needed(executors)
        )
    }
}

fn left(tasks: u64, drain_s: Option<f64>) -> String {
    let time = drain_s.filter(|_| tasks > 0).map(|seconds| {
        let time = Duration::try_from_secs_f64(seconds.ceil()).unwrap_or(Duration::MAX);
        format!(", about {}", display_duration(time))
    });
    format!(
        "{} left{}",
        counted(tasks, "task"),
        time.unwrap_or_default()
    )
}

fn counted(number: u64, of: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {of}{plural}")
}

#[cfg(test)]
mod tests {
    use crate::observation::InstanceId;
    use crate::observation::work::{
        ApplicationKind, ApplicationWork, Executors, KnownWork, StageWork, Storage, StoringNode,
        Work, WorkOrReason, WorkUnknown,
    };
    use crate::units::{Mebibytes, VirtualCores};

    fn application(id: &str, work: WorkOrReason) -> ApplicationWork {
        ApplicationWork {
            id: id.into(),
            name: "etl".into(),
            queue: "default".into(),
            kind: ApplicationKind::Spark,
            memory_allocated: Mebibytes(4096),
            vcores_allocated: VirtualCores(4),
            containers: 3,
            work,
        }
    }

    fn known() -> WorkOrReason {
        WorkOrReason::Known(KnownWork {
            executors: Some(Executors {
                held: 2,
                needed: Some(30),
                most: Some(11),
                slots: 2,
                memory: Mebibytes(2048),
            }),
            stages: vec![StageWork {
                tasks_remaining: 60,
                tasks_running: 2,
                task_s: Some(10.0),
                ..StageWork::default()
            }],
        })
    }

    #[test]
    fn work_reads_as_a_sentence() {
        let work = Work::of(vec![application("application_1_0001", known())], 9);
        assert_eq!(
            work.lines(),
            [
                "60 tasks left, about 2m 30s; 2 executors, 1 idle; 11 needed",
                "etl (Spark, queue default, application_1_0001)",
                "  60 tasks left, about 2m 30s; 2 executors, 1 idle; 11 of at most 11 needed",
            ]
        );
        assert_eq!(Work::of(Vec::new(), 9).lines(), ["no application runs"]);
    }

    #[test]
    fn nodes_that_store_something_are_counted() {
        let node = |number: u32, shuffle| StoringNode {
            instance: InstanceId::new(format!("i-{number}")),
            shuffle,
            cached: !shuffle,
        };
        let work = |nodes| Work {
            storage: Some(Storage {
                nodes,
                apps_unknown: 0,
            }),
            ..Work::of(Vec::new(), 9)
        };
        let lines = work(vec![node(1, true), node(2, true), node(3, false)]).lines();
        assert_eq!(
            lines[1],
            "shuffle output on 2 nodes, cached blocks on 1 node"
        );
        assert_eq!(work(vec![]).lines().len(), 1);
    }

    #[test]
    fn what_is_not_known_says_why() {
        let unknown = WorkOrReason::Unknown(WorkUnknown::TimedOut);
        let work = Work::of(vec![application("application_1_0001", unknown)], 9);
        assert_eq!(
            work.lines(),
            [
                "what is left is not known of 1 application",
                "etl (Spark, queue default, application_1_0001)",
                "  not known: no answer in time",
            ]
        );
    }
}
