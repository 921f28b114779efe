//! Which of the ResourceManagers is the active one.

use std::time::Duration;

use reqwest::Url;
use serde::de::IgnoredAny;
use tokio::task::JoinSet;

use crate::daemon::http_get::{Answer, HttpGet, TimeLimit, shown, timed};
use crate::daemon::source::{Call, SourceError};
use crate::daemon::yarn::wire::{ClusterInfo, Info};

/// Answers of `info` and `metrics` are a few kilobytes.
const LIMIT_BYTES: usize = 1 << 20;

/// All addresses asked for their state at once. Whoever asks needs not wait for those that keep silent.
#[derive(Debug)]
pub struct RollCall {
    http: HttpGet,
    limit: TimeLimit,
    asked: JoinSet<(Url, Result<ClusterInfo, SourceError>, Call)>,
    heard: Vec<(Url, Result<ClusterInfo, SourceError>)>,
    pub calls: Vec<Call>,
}

impl RollCall {
    pub fn start(http: &HttpGet, addresses: impl Iterator<Item = Url>, limit: TimeLimit) -> Self {
        let mut roll_call = Self { http: http.clone(), limit, asked: JoinSet::new(), heard: Vec::new(), calls: Vec::new() };
        addresses.for_each(|address| roll_call.ask(address));
        roll_call
    }

    /// The active ResourceManager. `last`, which was active before, is believed at once; else all are waited for, but not longer than half the
    /// time, so that one that keeps silent leaves time to read the others.
    pub async fn active(&mut self, last: Option<&Url>, preferred: &[Url]) -> Result<Url, SourceError> {
        let patience = self.limit.total / 2;
        // Running out of patience is no failure: what was heard by then is what there is.
        let _ = tokio::time::timeout(patience.min(self.limit.left()), self.listen(last)).await;
        if self.claimants().next().is_none() {
            self.follow_redirects().await;
        }
        self.choose(last, preferred)
    }

    /// A second one may have claimed to be active since. Then nobody knows whose numbers are true.
    pub fn is_still_the_only_one(&mut self) -> Result<(), SourceError> {
        while let Some(answer) = self.asked.try_join_next() {
            self.note(answer);
        }
        self.refuse_rivals()
    }

    fn ask(&mut self, address: Url) {
        let (http, limit) = (self.http.clone(), self.limit);
        self.asked.spawn(async move {
            let url = endpoint(&address, "info");
            let (info, call) = timed("info", http.json::<Info>(&url, LIMIT_BYTES, limit)).await;
            (address, info.map(|info| info.cluster_info), call)
        });
    }

    async fn listen(&mut self, last: Option<&Url>) {
        while let Some(answer) = self.asked.join_next().await {
            self.note(answer);
            if self.claimants().any(|(address, _)| Some(address) == last) {
                return;
            }
        }
    }

    fn note(&mut self, answer: Result<(Url, Result<ClusterInfo, SourceError>, Call), tokio::task::JoinError>) {
        // A task that was aborted or panicked has nothing to say.
        if let Ok((address, info, call)) = answer {
            self.calls.push(call);
            self.heard.push((address, info));
        }
    }

    fn claimants(&self) -> impl Iterator<Item = (&Url, &ClusterInfo)> {
        self.heard.iter().filter_map(|(address, info)| Some((address, info.as_ref().ok()?))).filter(|(_, info)| info.ha_state == "ACTIVE")
    }

    /// A standby answers everything but `info` with the address of the active one, which may be one that was not configured.
    async fn follow_redirects(&mut self) {
        let standbys: Vec<Url> = self.heard.iter().filter(|(_, info)| info.is_ok()).map(|(address, _)| address.clone()).collect();
        for standby in standbys {
            let metrics = endpoint(&standby, "metrics");
            let (answer, call) = timed("metrics", self.http.answer::<IgnoredAny>(&metrics, LIMIT_BYTES, self.limit)).await;
            self.calls.push(call);
            let Ok(Answer::Redirect(Some(target))) = answer else { continue };
            let Some(address) = base_of(&target, &standby) else { continue };
            // One step only: whoever is pointed to must be active itself.
            if self.heard.iter().all(|(known, _)| *known != address) {
                self.ask(address);
            }
        }
        self.listen(None).await;
    }

    fn choose(&self, last: Option<&Url>, preferred: &[Url]) -> Result<Url, SourceError> {
        self.refuse_rivals()?;
        let rank = |address: &Url| (Some(address) != last, preferred.iter().position(|other| other == address).unwrap_or(usize::MAX));
        match self.claimants().map(|(address, _)| address).min_by_key(|address| rank(address)) {
            Some(address) => Ok(address.clone()),
            None => Err(self.nobody(preferred)),
        }
    }

    /// Two processes that claim to be active: one has lost its ZooKeeper session and does not know yet. Which one, nobody can tell from here (the
    /// start of the process says nothing), so neither is believed until one gives in. One process under two addresses is no rival of itself.
    fn refuse_rivals(&self) -> Result<(), SourceError> {
        let mut ids = self.claimants().map(|(_, info)| info.id);
        let first = ids.next();
        if ids.all(|id| Some(id) == first) { Ok(()) } else { Err(SourceError::NoActive { states: self.states() }) }
    }

    fn nobody(&self, preferred: &[Url]) -> SourceError {
        if self.heard.iter().any(|(_, info)| info.is_ok()) {
            return SourceError::NoActive { states: self.states() };
        }
        // Nobody said anything of use: the first address's own failure tells most.
        let rank = |address: &Url| preferred.iter().position(|other| other == address).unwrap_or(usize::MAX);
        let failures = self.heard.iter().filter_map(|(address, info)| Some((address, info.as_ref().err()?)));
        match failures.min_by_key(|(address, _)| rank(address)) {
            Some((_, failure)) => failure.clone(),
            None => SourceError::TimedOut {
                what: "the ResourceManager's state".to_owned(),
                after: Duration::min(self.limit.total, self.limit.total / 2),
            },
        }
    }

    fn states(&self) -> String {
        let state = |info: &Result<ClusterInfo, SourceError>| match info {
            Ok(info) => info.ha_state.clone(),
            Err(error) => error.label().to_owned(),
        };
        let states: Vec<String> = self.heard.iter().map(|(address, info)| format!("{} is {}", shown(address), state(info))).collect();
        states.join(", ")
    }
}

/// Where the ResourceManager at `base` serves a resource.
pub fn endpoint(base: &Url, resource: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/ws/v1/cluster/{resource}", base.path().trim_end_matches('/')));
    url.set_query(None);
    url
}

/// The ResourceManager behind the address of its `metrics`; `None` where it is something else, or less secure than who points to it.
fn base_of(metrics: &Url, from: &Url) -> Option<Url> {
    let path = metrics.path().strip_suffix("/ws/v1/cluster/metrics")?;
    let mut base = metrics.clone();
    base.set_path(path);
    base.set_query(None);
    (from.scheme() == "http" || metrics.scheme() == "https").then_some(base)
}
