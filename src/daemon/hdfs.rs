//! The NameNode's JMX: how full HDFS is, and whether blocks lack copies.

use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;

use crate::daemon::clock::Clock;
use crate::daemon::http_get::{HttpGet, TimeLimit, shown, timed};
use crate::daemon::jmx::{self, Beans};
use crate::daemon::source::{Call, SourceError};
use crate::observation::{HdfsLoad, Sampled};
use crate::units::{Mebibytes, Timestamp};

const LIMIT_BYTES: usize = 1 << 20;
const BYTES_PER_MEBIBYTE: u64 = 1 << 20;

/// All NameNodes of one cluster. Believes the active one.
#[derive(Debug)]
pub struct Hdfs {
    http: HttpGet,
    addresses: Vec<Url>,
    timeout: Duration,
}

/// What one reading brought.
#[derive(Clone, Debug, PartialEq)]
pub struct HdfsReading {
    pub load: Result<Sampled<HdfsLoad>, SourceError>,
    pub calls: Vec<Call>,
}

/// The bean `FSNamesystem`, as far as it is read. Sizes are in bytes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FsNamesystem {
    #[serde(rename = "tag.HAState")]
    ha_state: Option<String>,
    capacity_total: u64,
    capacity_used: u64,
    under_replicated_blocks: u64,
    missing_blocks: u64,
}

impl Hdfs {
    /// `addresses` are those of all NameNodes, such as `http://ip-10-0-0-1:9870`. A reading takes at most `timeout`, whatever happens.
    pub fn new(http: HttpGet, addresses: Vec<Url>, timeout: Duration) -> Self {
        Self { http, addresses, timeout }
    }

    /// Asks all NameNodes at once, and takes the answer of the first active one.
    pub async fn read(&mut self, clock: &Clock) -> HdfsReading {
        let limit = TimeLimit::start(self.timeout);
        let measured_at = clock.now();
        let mut asked = tokio::task::JoinSet::new();
        for address in &self.addresses {
            let (http, address) = (self.http.clone(), address.clone());
            asked.spawn(async move {
                let (answer, call) = timed("jmx", ask(&http, &address, limit)).await;
                (address, answer, call)
            });
        }
        let (mut calls, mut others) = (Vec::new(), Vec::new());
        while let Some(answer) = asked.join_next().await {
            let Ok((address, answer, call)) = answer else { continue };
            calls.push(call);
            match answer {
                Ok(bean) if bean.is_active() => return HdfsReading { load: Ok(bean.load(measured_at)), calls },
                other => others.push((address, other)),
            }
        }
        HdfsReading { load: Err(nobody(others)), calls }
    }
}

async fn ask(http: &HttpGet, address: &Url, limit: TimeLimit) -> Result<FsNamesystem, SourceError> {
    let url = jmx::query(address, "Hadoop:service=NameNode,name=FSNamesystem");
    http.json::<Beans<FsNamesystem>>(&url, LIMIT_BYTES, limit).await?.one(&url)
}

impl FsNamesystem {
    /// A NameNode without high availability says that it is active, and the oldest ones say nothing.
    fn is_active(&self) -> bool {
        self.ha_state.as_deref().is_none_or(|state| state == "active")
    }

    fn load(&self, measured_at: Timestamp) -> Sampled<HdfsLoad> {
        let value = HdfsLoad {
            capacity_total: Mebibytes(self.capacity_total / BYTES_PER_MEBIBYTE),
            capacity_used: Mebibytes(self.capacity_used / BYTES_PER_MEBIBYTE),
            blocks_under_replicated: self.under_replicated_blocks,
            blocks_missing: self.missing_blocks,
        };
        Sampled { value, measured_at }
    }
}

/// Where a NameNode said that it stands by, that is the news; else it is how the first address failed.
fn nobody(mut answers: Vec<(Url, Result<FsNamesystem, SourceError>)>) -> SourceError {
    answers.sort_by(|(one, _), (other, _)| one.cmp(other));
    let state = |(address, answer): &(Url, Result<FsNamesystem, SourceError>)| {
        let state = match answer {
            Ok(bean) => bean.ha_state.clone().unwrap_or_default(),
            Err(error) => error.label().to_owned(),
        };
        format!("{} is {state}", shown(address))
    };
    let states: Vec<String> = answers.iter().map(state).collect();
    let mut failures = answers.iter().map(|(_, answer)| answer.as_ref().err());
    match failures.next().flatten().filter(|_| failures.all(|failure| failure.is_some())) {
        Some(first) => first.clone(),
        None => SourceError::NoActive { service: "NameNode", states: states.join(", ") },
    }
}
