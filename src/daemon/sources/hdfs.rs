//! Reads the use of HDFS and the state of its blocks from the NameNode's JMX.

use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;

use crate::daemon::clock::Clock;
use crate::daemon::sources::call::{Call, timed};
use crate::daemon::sources::error::SourceError;
use crate::daemon::sources::http_get::{HttpGet, TimeLimit, shown};
use crate::daemon::sources::jmx::{self, Beans};
use crate::observation::{HdfsLoad, Sampled};
use crate::units::{Mebibytes, Timestamp};

const LIMIT_BYTES: usize = 1 << 20;
const BYTES_PER_MEBIBYTE: u64 = 1 << 20;

/// All NameNodes of one cluster, of which the active one is read.
#[derive(Debug)]
pub struct Hdfs {
    http: HttpGet,
    addresses: Vec<Url>,
    timeout: Duration,
}

/// The result of one reading.
#[derive(Clone, Debug, PartialEq)]
pub struct HdfsReading {
    /// The load, or why it could not be read.
    pub load: Result<Sampled<HdfsLoad>, SourceError>,
    /// The calls that were made.
    pub calls: Vec<Call>,
}

/// The attributes of the bean `FSNamesystem` that are read. Sizes are in bytes.
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
    /// Reads from all NameNodes at `addresses`, such as `http://ip-10-0-0-1:9870`. A reading takes
    /// at most `timeout`.
    pub fn new(http: HttpGet, addresses: Vec<Url>, timeout: Duration) -> Self {
        Self {
            http,
            addresses,
            timeout,
        }
    }

    /// Asks all NameNodes concurrently and returns the first active one's answer.
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
            let Ok((address, answer, call)) = answer else {
                continue;
            };
            calls.push(call);
            match answer {
                Ok(bean) if bean.is_active() => {
                    return HdfsReading {
                        load: Ok(bean.load(measured_at)),
                        calls,
                    };
                }
                other => others.push((address, other)),
            }
        }
        HdfsReading {
            load: Err(nobody(others)),
            calls,
        }
    }
}

async fn ask(http: &HttpGet, address: &Url, limit: TimeLimit) -> Result<FsNamesystem, SourceError> {
    let url = jmx::query(address, "Hadoop:service=NameNode,name=FSNamesystem");
    http.json::<Beans<FsNamesystem>>(&url, LIMIT_BYTES, limit)
        .await?
        .one(&url)
}

impl FsNamesystem {
    /// Whether the NameNode is active. Without high availability it reports that it is, or, in old
    /// versions, nothing.
    fn is_active(&self) -> bool {
        self.ha_state
            .as_deref()
            .is_none_or(|state| state == "active")
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

/// The error when none is active: the states, if at least one answered, else the first failure.
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
    match failures
        .next()
        .flatten()
        .filter(|_| failures.all(|failure| failure.is_some()))
    {
        Some(first) => first.clone(),
        None => SourceError::NoActive {
            service: "NameNode",
            states: states.join(", "),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::testing::{Canned, Fake, nobody, silent};

    const TIMEOUT: Duration = Duration::from_millis(1500);
    const ACTIVE: &str = include_str!("../../../tests/fixtures/hdfs/namenode-active.json");
    const STANDBY: &str = include_str!("../../../tests/fixtures/hdfs/namenode-standby.json");

    async fn namenode(canned: Canned) -> Fake {
        let fake = Fake::start().await;
        fake.answers("/jmx?qry= FSNamesystem", canned);
        fake
    }

    async fn read(addresses: &[&Url]) -> Result<HdfsLoad, SourceError> {
        let mut hdfs = Hdfs::new(
            HttpGet::new(None).unwrap(),
            addresses.iter().copied().cloned().collect(),
            TIMEOUT,
        );
        hdfs.read(&Clock::real())
            .await
            .load
            .map(|sample| sample.value)
    }

    #[tokio::test]
    async fn the_active_namenode_tells_the_load_in_mebibytes() {
        let expected = HdfsLoad {
            capacity_total: Mebibytes(102_400),
            capacity_used: Mebibytes(51_200),
            blocks_under_replicated: 7,
            blocks_missing: 2,
        };
        let active = namenode(Canned::json(ACTIVE)).await;
        let without_state =
            namenode(Canned::json(ACTIVE.replace("tag.HAState", "tag.Other"))).await;
        let (standby, silent, down) = (
            namenode(Canned::json(STANDBY)).await,
            silent().await,
            nobody().await,
        );
        for addresses in [
            vec![&active.url],
            vec![&without_state.url],
            vec![&standby.url, &active.url],
            vec![&silent.url, &down, &active.url],
        ] {
            assert_eq!(read(&addresses).await, Ok(expected));
        }
    }

    #[tokio::test]
    async fn without_an_active_one_the_load_is_unknown_and_why_is_told() {
        let (standby, silent, down) = (
            namenode(Canned::json(STANDBY)).await,
            silent().await,
            nobody().await,
        );
        let starting = namenode(Canned::json(r#"{"beans":[]}"#)).await;
        let negative = namenode(Canned::json(ACTIVE.replace("53687091200", "-1"))).await;
        let text = namenode(Canned::typed("text/html", "<html>")).await;
        let table = [
            (vec![&standby.url], "no_active"),
            (vec![&standby.url, &down], "no_active"),
            (vec![&down], "unreachable"),
            (vec![&silent.url], "timed_out"),
            (vec![&starting.url], "malformed"),
            (vec![&negative.url], "malformed"),
            (vec![&text.url], "malformed"),
        ];
        for (addresses, label) in table {
            let error = read(&addresses).await.unwrap_err();
            assert_eq!(error.label(), label, "{error}");
        }
    }

    #[tokio::test]
    async fn a_namenode_that_requires_kerberos_is_named_with_what_to_do() {
        let unauthorized = Canned::status(401).with_header("www-authenticate", "Negotiate");
        let fake = namenode(unauthorized).await;
        let error = read(&[&fake.url]).await.unwrap_err();
        assert_eq!(error.label(), "kerberos_required");
    }

    #[tokio::test]
    async fn two_that_stand_by_are_both_named() {
        let (one, other) = (
            namenode(Canned::json(STANDBY)).await,
            namenode(Canned::json(STANDBY)).await,
        );
        let error = read(&[&one.url, &other.url]).await.unwrap_err().to_string();
        assert!(
            error.contains(&format!("{} is standby", one.url))
                && error.contains(&format!("{} is standby", other.url)),
            "{error}"
        );
    }
}
