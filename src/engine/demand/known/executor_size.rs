//! The virtual cores of an executor, which Spark does not say.

use crate::observation::work::ApplicationWork;

/// Those of an application master, unless it is configured.
const OF_MASTER: f64 = 1.0;

/// The virtual cores that each executor holds: what the application holds without its master, shared
/// equally, and a whole number. `None` before the first executor has a container.
pub fn vcores_of_executor(application: &ApplicationWork) -> Option<f64> {
    let executors = application.containers.saturating_sub(1);
    let held = application.vcores_allocated.as_f64() - OF_MASTER;
    (executors > 0).then(|| (held / executors as f64).round().max(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::work::{ApplicationKind, WorkOrReason, WorkUnknown};
    use crate::units::{Mebibytes, VirtualCores};

    fn vcores(containers: u64, allocated: u64) -> Option<f64> {
        vcores_of_executor(&ApplicationWork {
            id: "application_1_1".into(),
            name: "etl".into(),
            queue: "default".into(),
            kind: ApplicationKind::Spark,
            memory_allocated: Mebibytes(1),
            vcores_allocated: VirtualCores(allocated),
            containers,
            work: WorkOrReason::Unknown(WorkUnknown::NotAsked),
        })
    }

    #[test]
    fn an_executor_holds_whole_virtual_cores_beside_the_master() {
        assert_eq!(vcores(0, 0), None);
        assert_eq!(vcores(1, 1), None);
        assert_eq!(vcores(61, 121), Some(2.0));
        // A master of two, and YARN without virtual cores.
        assert_eq!(vcores(11, 42), Some(4.0));
        assert_eq!(vcores(5, 0), Some(1.0));
    }
}
