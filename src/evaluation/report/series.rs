//! `--series`: what happened over time, as CSV for a plotting program.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::export::cell;
use crate::file::write_whole;
use crate::sim::run::SeriesPoint;
use crate::units::Timestamp;

/// The testbed of one run.
#[derive(Clone, Copy, Debug)]
pub struct Series<'a> {
    /// The trace's name.
    pub trace: &'a str,
    /// The policy's name.
    pub policy: &'a str,
    /// The seed of the run.
    pub seed: u64,
    /// One point for each poll.
    pub points: &'a [SeriesPoint],
}

/// Writes the runs one after the other into one file, whole or not at all.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, runs: &[Series]) -> Result<(), SeriesError> {
    let failed = |source| SeriesError {
        path: path.to_owned(),
        source,
    };
    let content = lines(runs).map_err(|error| failed(error.into()))?;
    write_whole(path, &content).map_err(failed)
}

/// The series could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be written", path.display())]
pub struct SeriesError {
    path: PathBuf,
    source: std::io::Error,
}

/// One line: memory in MiB, cores in YARN vcores.
#[derive(Serialize)]
struct Line<'a> {
    trace: &'a str,
    policy: &'a str,
    seed: u64,
    at: Timestamp,
    instances_requested: u32,
    instances_running: u32,
    memory_allocated_mib: u64,
    memory_pending_mib: u64,
    memory_total_mib: u64,
    vcores_allocated: u64,
    vcores_pending: u64,
    vcores_total: u64,
}

fn lines(runs: &[Series]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for run in runs {
        let (trace, policy) = (cell(run.trace), cell(run.policy));
        let named = Series {
            trace: &trace,
            policy: &policy,
            ..*run
        };
        for point in run.points {
            writer.serialize(line(&named, point))?;
        }
    }
    writer
        .into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))
}

fn line<'a>(run: &Series<'a>, point: &SeriesPoint) -> Line<'a> {
    Line {
        trace: run.trace,
        policy: run.policy,
        seed: run.seed,
        at: point.at,
        instances_requested: point.requested.get(),
        instances_running: point.running.get(),
        memory_allocated_mib: point.allocated.memory.get(),
        memory_pending_mib: point.pending.memory.get(),
        memory_total_mib: point.total.memory.get(),
        vcores_allocated: point.allocated.vcores.get(),
        vcores_pending: point.pending.vcores.get(),
        vcores_total: point.total.vcores.get(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Instances, Mebibytes, Resources, VirtualCores};

    #[test]
    fn runs_follow_each_other_in_one_file_under_one_heading() {
        let resources = |memory, vcores| Resources {
            memory: Mebibytes(memory),
            vcores: VirtualCores(vcores),
        };
        let points = [SeriesPoint {
            at: Timestamp::from_millis(1_772_409_630_000),
            requested: Instances(5),
            running: Instances(2),
            allocated: resources(6_144, 2),
            pending: resources(3_072, 1),
            total: resources(24_576, 8),
        }];
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("series.csv");
        let run = |policy| Series {
            trace: "t",
            policy,
            seed: 1,
            points: &points,
        };
        write(&path, &[run("a"), run("b, with a comma")]).expect("writes");
        assert_eq!(
            std::fs::read_to_string(&path).expect("reads"),
            "trace,policy,seed,at,instances_requested,instances_running,memory_allocated_mib,memory_pending_mib,memory_total_mib,\
             vcores_allocated,vcores_pending,vcores_total\n\
             t,a,1,2026-03-02T00:00:30Z,5,2,6144,3072,24576,2,1,8\n\
             t,\"b, with a comma\",1,2026-03-02T00:00:30Z,5,2,6144,3072,24576,2,1,8\n"
        );
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = write(Path::new("no/such/folder/series.csv"), &[]).expect_err("no folder");
        assert_eq!(
            error.to_string(),
            "no/such/folder/series.csv cannot be written"
        );
    }
}
