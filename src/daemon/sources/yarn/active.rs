//! Finds the active ResourceManager among several.

use std::collections::BTreeMap;

use reqwest::Url;
use serde::de::IgnoredAny;
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;

use crate::daemon::sources::call::{Call, timed};
use crate::daemon::sources::error::SourceError;
use crate::daemon::sources::http_get::{Answer, HttpGet, TimeLimit, shown};
use crate::daemon::sources::yarn::wire::{ClusterInfo, Info};

/// The largest answer that is read; `info` and `metrics` take a few kilobytes.
const LIMIT_BYTES: usize = 1 << 20;

/// The active ResourceManager.
#[derive(Clone, Debug, PartialEq)]
pub struct Active {
    pub address: Url,
    pub version: String,
}

impl Active {
    /// Whether the version is known to be 3 or later.
    pub fn is_hadoop_3(&self) -> bool {
        let major = self.version.split('.').next();
        major
            .and_then(|major| major.parse::<u32>().ok())
            .is_some_and(|major| major >= 3)
    }
}

/// A request to all ResourceManagers for their state. They are asked concurrently, so that one that
/// does not answer does not delay the others.
#[derive(Debug)]
pub struct ActiveSearch {
    http: HttpGet,
    limit: TimeLimit,
    addresses: Vec<Url>,
    asked: JoinSet<(usize, Result<ClusterInfo, SourceError>, Call)>,
    heard: BTreeMap<usize, Result<ClusterInfo, SourceError>>,
    pub calls: Vec<Call>,
}

impl ActiveSearch {
    /// Asks all `addresses`. A process that has several of them is known by the first one.
    pub fn start(http: &HttpGet, addresses: impl Iterator<Item = Url>, limit: TimeLimit) -> Self {
        let (asked, heard) = (JoinSet::new(), BTreeMap::new());
        let mut search = Self {
            http: http.clone(),
            limit,
            addresses: Vec::new(),
            asked,
            heard,
            calls: Vec::new(),
        };
        addresses.for_each(|address| search.ask(address));
        search
    }

    /// Finds the active ResourceManager. If `last`, the one that was active before, still is, this
    /// does not wait for the others. Otherwise it waits for all of them, at most half of the time
    /// limit, so that enough time is left to read from the active one.
    ///
    /// # Errors
    /// When none is active, or several are.
    pub async fn active(&mut self, last: Option<&Url>) -> Result<Active, SourceError> {
        let last = self
            .addresses
            .iter()
            .position(|address| Some(address) == last);
        // A timeout is no failure: the answers that have arrived by then are used.
        let _ = timeout(
            self.limit.total / 2,
            self.listen(|index| Some(index) == last),
        )
        .await;
        if self.claims().next().is_none() {
            let _ = timeout(self.limit.total / 4, self.follow_redirects()).await;
        }
        self.refuse_several()?;
        let first = self
            .claims()
            .min_by_key(|(index, _)| (Some(*index) != last, *index));
        let active = |(index, info): (usize, &ClusterInfo)| Active {
            address: self.addresses[index].clone(),
            version: info.resource_manager_version.clone(),
        };
        first.map(active).ok_or_else(|| self.no_active())
    }

    /// Checks again for a second active ResourceManager, with the answers that have arrived since.
    ///
    /// # Errors
    /// When several are active: it is then unknown which of them reports the truth.
    pub fn confirm_single(&mut self) -> Result<(), SourceError> {
        while let Some(answer) = self.asked.try_join_next() {
            self.note(answer);
        }
        self.refuse_several()
    }

    /// Whether the ResourceManager at this address reports that it is active.
    pub fn is_active(&self, address: &Url) -> bool {
        self.claims()
            .any(|(index, _)| self.addresses[index] == *address)
    }

    fn ask(&mut self, address: Url) {
        let (http, limit, index, url) = (
            self.http.clone(),
            self.limit,
            self.addresses.len(),
            endpoint(&address, "info"),
        );
        self.addresses.push(address);
        self.asked.spawn(async move {
            let (info, call) = timed("info", http.json::<Info>(&url, LIMIT_BYTES, limit)).await;
            (index, info.map(|info| info.cluster_info), call)
        });
    }

    /// Waits until all have answered, or until an active one answers that is `enough`.
    async fn listen(&mut self, enough: impl Fn(usize) -> bool) {
        while let Some(answer) = self.asked.join_next().await {
            self.note(answer);
            if self.claims().any(|(index, _)| enough(index)) {
                return;
            }
        }
    }

    fn note(&mut self, answer: Result<(usize, Result<ClusterInfo, SourceError>, Call), JoinError>) {
        // An aborted task has no result.
        if let Ok((index, info, call)) = answer {
            self.calls.push(call);
            self.heard.insert(index, info);
        }
    }

    fn claims(&self) -> impl Iterator<Item = (usize, &ClusterInfo)> {
        let answers = self
            .heard
            .iter()
            .filter_map(|(index, info)| Some((*index, info.as_ref().ok()?)));
        answers.filter(|(_, info)| info.ha_state == "ACTIVE")
    }

    /// Asks standbys for the active one: they redirect everything but `info` to its address, which
    /// may be missing from the settings.
    async fn follow_redirects(&mut self) {
        let standbys = self
            .heard
            .iter()
            .filter(|(_, info)| info.is_ok())
            .map(|(index, _)| self.addresses[*index].clone());
        for standby in standbys.collect::<Vec<_>>() {
            let metrics = endpoint(&standby, "metrics");
            let (answer, call) = timed(
                "metrics",
                self.http
                    .answer::<IgnoredAny>(&metrics, LIMIT_BYTES, self.limit),
            )
            .await;
            self.calls.push(call);
            let Ok(Answer::Redirect(Some(target))) = answer else {
                continue;
            };
            let Some(address) = base_of(&target, &standby) else {
                continue;
            };
            // One step only: the target of the redirect must be active itself.
            if !self.addresses.contains(&address) {
                self.ask(address);
            }
        }
        self.listen(|_| true).await;
    }

    /// Refuses two processes that both claim to be active: one of them has lost its ZooKeeper
    /// session and has not noticed yet. Nothing they report shows which one, so neither is trusted
    /// until one steps down. One process under two addresses counts once.
    fn refuse_several(&self) -> Result<(), SourceError> {
        let mut ids = self.claims().map(|(_, info)| info.id);
        let first = ids.next();
        if ids.all(|id| Some(id) == first) {
            Ok(())
        } else {
            Err(self.not_exactly_one())
        }
    }

    /// The error when none is active: the states, if at least one answered, else the first failure.
    fn no_active(&self) -> SourceError {
        let mut failures = self.heard.values().map(|info| info.as_ref().err());
        match (failures.next(), failures.all(|failure| failure.is_some())) {
            (Some(Some(first)), true) => first.clone(),
            (None, _) => SourceError::TimedOut {
                what: "the state of the ResourceManager".to_owned(),
                after: self.limit.total / 2,
            },
            _ => self.not_exactly_one(),
        }
    }

    fn not_exactly_one(&self) -> SourceError {
        let state = |index: usize| match self.heard.get(&index) {
            Some(Ok(info)) => info.ha_state.as_str(),
            Some(Err(error)) => error.label(),
            None => "silent",
        };
        let states = self
            .addresses
            .iter()
            .enumerate()
            .map(|(index, address)| format!("{} is {}", shown(address), state(index)));
        SourceError::NoActive {
            service: "ResourceManager",
            states: states.collect::<Vec<_>>().join(", "),
        }
    }
}

/// The address of a REST resource of the ResourceManager at `base`.
pub fn endpoint(base: &Url, resource: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!(
        "{}/ws/v1/cluster/{resource}",
        base.path().trim_end_matches('/')
    ));
    url.set_query(None);
    url
}

/// The base address that belongs to a `metrics` address; `None` if the address is another one, or
/// downgrades from https to http.
fn base_of(metrics: &Url, from: &Url) -> Option<Url> {
    let path = metrics.path().strip_suffix("/ws/v1/cluster/metrics")?;
    let mut base = metrics.clone();
    base.set_path(path);
    base.set_query(None);
    (from.scheme() == "http" || metrics.scheme() == "https").then_some(base)
}
