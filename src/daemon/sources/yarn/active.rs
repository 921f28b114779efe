//! Which of the ResourceManagers is the active one.

use std::collections::BTreeMap;

use reqwest::Url;
use serde::de::IgnoredAny;
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;

use crate::daemon::sources::http_get::{Answer, HttpGet, TimeLimit, shown, timed};
use crate::daemon::sources::source::{Call, SourceError};
use crate::daemon::sources::yarn::wire::{ClusterInfo, Info};

/// Answers of `info` and `metrics` are a few kilobytes.
const LIMIT_BYTES: usize = 1 << 20;

/// The ResourceManager that is active.
#[derive(Clone, Debug, PartialEq)]
pub struct Active {
    pub address: Url,
    pub version: String,
}

/// All addresses asked for their state at once, by their order. Whoever asks needs not wait for
/// those that keep silent.
#[derive(Debug)]
pub struct RollCall {
    http: HttpGet,
    limit: TimeLimit,
    addresses: Vec<Url>,
    asked: JoinSet<(usize, Result<ClusterInfo, SourceError>, Call)>,
    heard: BTreeMap<usize, Result<ClusterInfo, SourceError>>,
    pub calls: Vec<Call>,
}

impl RollCall {
    /// Where one process has several of the addresses, it is called by the first one.
    pub fn start(http: &HttpGet, addresses: impl Iterator<Item = Url>, limit: TimeLimit) -> Self {
        let (asked, heard) = (JoinSet::new(), BTreeMap::new());
        let mut roll_call = Self {
            http: http.clone(),
            limit,
            addresses: Vec::new(),
            asked,
            heard,
            calls: Vec::new(),
        };
        addresses.for_each(|address| roll_call.ask(address));
        roll_call
    }

    /// The active ResourceManager. `last`, which was active before, is believed at once; else all
    /// are waited for, but not longer than half the time, so that those who keep silent leave time
    /// to read the one that is found.
    pub async fn active(&mut self, last: Option<&Url>) -> Result<Active, SourceError> {
        let last = self
            .addresses
            .iter()
            .position(|address| Some(address) == last);
        // Running out of patience is no failure: what was heard by then is what there is.
        let _ = timeout(
            self.limit.total / 2,
            self.listen(|index| Some(index) == last),
        )
        .await;
        if self.claimants().next().is_none() {
            let _ = timeout(self.limit.total / 4, self.follow_redirects()).await;
        }
        self.refuse_rivals()?;
        let first = self
            .claimants()
            .min_by_key(|(index, _)| (Some(*index) != last, *index));
        let active = |(index, info): (usize, &ClusterInfo)| Active {
            address: self.addresses[index].clone(),
            version: info.resource_manager_version.clone(),
        };
        first.map(active).ok_or_else(|| self.nobody())
    }

    /// A second one may have claimed to be active since. Then nobody knows whose numbers are true.
    pub fn is_still_unrivalled(&mut self) -> Result<(), SourceError> {
        while let Some(answer) = self.asked.try_join_next() {
            self.note(answer);
        }
        self.refuse_rivals()
    }

    /// Whether the one at this address says that it is active.
    pub fn claims(&self, address: &Url) -> bool {
        self.claimants()
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

    /// Waits until all have answered, or one that is `enough` says that it is active.
    async fn listen(&mut self, enough: impl Fn(usize) -> bool) {
        while let Some(answer) = self.asked.join_next().await {
            self.note(answer);
            if self.claimants().any(|(index, _)| enough(index)) {
                return;
            }
        }
    }

    fn note(&mut self, answer: Result<(usize, Result<ClusterInfo, SourceError>, Call), JoinError>) {
        // A task that was aborted has nothing to say.
        if let Ok((index, info, call)) = answer {
            self.calls.push(call);
            self.heard.insert(index, info);
        }
    }

    fn claimants(&self) -> impl Iterator<Item = (usize, &ClusterInfo)> {
        let answers = self
            .heard
            .iter()
            .filter_map(|(index, info)| Some((*index, info.as_ref().ok()?)));
        answers.filter(|(_, info)| info.ha_state == "ACTIVE")
    }

    /// A standby answers everything but `info` with the address of the active one, which may be one
    /// that was not configured.
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
            // One step only: whoever is pointed to must be active itself.
            if !self.addresses.contains(&address) {
                self.ask(address);
            }
        }
        self.listen(|_| true).await;
    }

    /// Two processes that claim to be active: one has lost its ZooKeeper session and does not know
    /// yet. Which one, nobody can tell from here (the start of the process says nothing), so
    /// neither is believed until one gives in. One process under two addresses is no rival of
    /// itself.
    fn refuse_rivals(&self) -> Result<(), SourceError> {
        let mut ids = self.claimants().map(|(_, info)| info.id);
        let first = ids.next();
        if ids.all(|id| Some(id) == first) {
            Ok(())
        } else {
            Err(self.not_one())
        }
    }

    /// Where one said that it is not active, that is the news; else it is how the first one failed.
    fn nobody(&self) -> SourceError {
        let mut failures = self.heard.values().map(|info| info.as_ref().err());
        match (failures.next(), failures.all(|failure| failure.is_some())) {
            (Some(Some(first)), true) => first.clone(),
            (None, _) => SourceError::TimedOut {
                what: "the state of the ResourceManager".to_owned(),
                after: self.limit.total / 2,
            },
            _ => self.not_one(),
        }
    }

    fn not_one(&self) -> SourceError {
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

/// Where the ResourceManager at `base` serves a resource.
pub fn endpoint(base: &Url, resource: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!(
        "{}/ws/v1/cluster/{resource}",
        base.path().trim_end_matches('/')
    ));
    url.set_query(None);
    url
}

/// The ResourceManager behind the address of its `metrics`; `None` where it is something else, or
/// less secure than who points to it.
fn base_of(metrics: &Url, from: &Url) -> Option<Url> {
    let path = metrics.path().strip_suffix("/ws/v1/cluster/metrics")?;
    let mut base = metrics.clone();
    base.set_path(path);
    base.set_query(None);
    (from.scheme() == "http" || metrics.scheme() == "https").then_some(base)
}
