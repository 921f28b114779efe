//! The recordings of other tools. Each is imported, and the trace is simulated.

use std::io::Cursor;

use headroom::import::{
    ImportError, Imported, Source, cloudwatch, csv as csv_files, jhist as histories,
    rumen as rumen_files, spark, swim as swim_files, yarn_apps as application_lists,
};
use headroom::sim::trace_work::TraceWork;
use headroom::trace::Record;
use headroom::trace::info::JobTotals;
use headroom::units::{Mebibytes, Resources, Timestamp, VirtualCores};

use super::parts;
use super::simulation::{MEANT_LIFETIME, simulate_briefly, simulate_jobs};

const EACH: Resources = Resources {
    memory: Mebibytes(1_024),
    vcores: VirtualCores(1),
};

type Opened = Result<Source, ImportError>;

pub fn csv(data: &[u8]) {
    let options = csv_files::Options {
        start: Timestamp::EPOCH,
    };
    use_jobs(csv_files::import([file("jobs.csv", data)], &options));
}

pub fn swim(data: &[u8]) {
    use_jobs(swim_files::import(
        [file("swim.tsv", data)],
        &swim_files::Options::default(),
    ));
}

pub fn rumen(data: &[u8]) {
    let options = rumen_files::Options {
        each: EACH,
        start: Timestamp::EPOCH,
    };
    use_jobs(rumen_files::import([file("rumen.json", data)], &options));
}

pub fn spark_log(data: &[u8]) {
    use_jobs(spark::import([file("application_1_0001", data)]));
}

/// Replies of Spark's REST service, each after a line `== NAME`, as files of one folder.
pub fn spark_replies(data: &[u8]) {
    let mut files = parts(data).into_iter().map(|(name, part)| file(name, part));
    let Some(Ok(first)) = files.next() else {
        return;
    };
    let others: Vec<Opened> = files.collect();
    use_jobs(spark::import_replies([Ok(
        first.followed_by(others.into_iter())
    )]));
}

/// A history, and after a line `== NAME_conf.xml` its configuration.
pub fn jhist(data: &[u8]) {
    let files = parts(data).into_iter().map(|(name, part)| match name {
        "" => file("job_1795923948356_0001-1.jhist", part),
        name => file(name, part),
    });
    use_jobs(histories::import(files, EACH));
}

pub fn yarn_apps(data: &[u8]) {
    use_jobs(application_lists::import([file("apps.json", data)]));
}

pub fn cloudwatch_replies(data: &[u8]) {
    let imported = match cloudwatch::import([file("metrics.json", data)]) {
        Ok(imported) => imported,
        Err(error) => return drop(error.to_string()),
    };
    let records = imported
        .observations
        .into_iter()
        .map(Box::new)
        .map(Record::Observation);
    let records = records.map(Ok::<_, std::convert::Infallible>);
    if let Ok(work) = TraceWork::read(&imported.header, records, Some(MEANT_LIFETIME)) {
        simulate_briefly(&work, 0);
    }
}

/// A file of this name, which may be compressed.
fn file(name: &str, data: &[u8]) -> Opened {
    Source::new(name, Cursor::new(data.to_vec()))
}

/// Simulates what was imported.
pub fn use_jobs(imported: Result<Imported, ImportError>) {
    match imported {
        Ok(imported) => {
            JobTotals::of(&imported.jobs).to_string();
            simulate_jobs(imported.header.start, imported.jobs);
        }
        Err(error) => drop(error.to_string()),
    }
}
