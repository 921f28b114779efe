//! Asks the running applications about their own work: Spark's and MapReduce's web interfaces, through
//! YARN's proxy.
//!
//! Applications belong to users, and nothing that they answer is trusted: only YARN's proxy is asked,
//! redirects are not followed, and everything is limited: applications, requests at a time, time and
//! bytes. An application that does not answer as expected is *unknown*, and a driver that hangs is left
//! alone for a while, because the proxy keeps a thread busy for each request to it.

mod address;
mod application;
mod late;
mod map_reduce;
mod spark;
mod storage;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use tokio::task::JoinSet;

use crate::daemon::clock::Clock;
use crate::daemon::sources::call::Call;
use crate::daemon::sources::http_get::{Budget, HttpGet, TimeLimit};
use crate::daemon::sources::yarn::RunningApplication;
use crate::import::spark::ExecutorSettings;
use crate::observation::Sampled;
use crate::observation::work::{
    ApplicationKind, ApplicationWork, KnownWork, Work, WorkOrReason, WorkUnknown,
};
use crate::units::Timestamp;
pub use address::ProxyAddress;
use application::{Asked, Question, ask_executors};
use late::LateRequest;
pub use storage::HostStorage;

/// After so many timeouts in a row, an application is left alone for a while: each time for twice as
/// long. A driver on a busy node is slow, too, but answers in the end.
const TIMEOUTS_MOST: u32 = 2;
const LEFT_ALONE_FIRST: Duration = Duration::from_secs(15);
const LEFT_ALONE_MOST: Duration = Duration::from_secs(300);

/// The limits of one reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkLimits {
    /// How many applications are asked: those with most memory.
    pub applications: usize,
    /// How many are asked at the same time.
    pub at_a_time: usize,
    /// The time limit for all together.
    pub timeout: Duration,
    /// The most bytes of all answers together.
    pub bytes: usize,
}

impl WorkLimits {
    /// Asks so many at a time, while time and bytes are left. A question that panicked has no answer, as
    /// one that the limits left no room for.
    async fn ask_each<Q>(
        &self,
        mut questions: impl Iterator<Item = Q>,
        limit: TimeLimit,
        budget: &Budget,
    ) -> Vec<Q::Output>
    where
        Q: Future<Output: Send> + Send + 'static,
    {
        let (mut asking, mut answers) = (JoinSet::new(), Vec::new());
        loop {
            while asking.len() < self.at_a_time
                && !limit.left().is_zero()
                && !budget.is_spent()
                && let Some(question) = questions.next()
            {
                asking.spawn(question);
            }
            let Some(finished) = asking.join_next().await else {
                return answers;
            };
            answers.extend(finished);
        }
    }
}

/// The running applications of one cluster, and what is remembered of each.
#[derive(Debug)]
pub struct WorkSource {
    http: HttpGet,
    proxy: ProxyAddress,
    limits: WorkLimits,
    known: BTreeMap<Arc<str>, Remembered>,
}

/// What is remembered of an application while it runs.
#[derive(Debug, Default)]
struct Remembered {
    /// What its executors are; it does not change.
    settings: Option<ExecutorSettings>,
    timeouts: u32,
    /// It is not asked before.
    not_before: Option<Timestamp>,
    /// It is not asked before where it stores data.
    output_not_before: Option<Timestamp>,
    /// The last request, if its answer was late.
    late: Option<LateRequest>,
    /// It did not answer in time when it was last asked.
    is_slow: bool,
}

impl Remembered {
    /// Forgets the timeouts if a late answer has arrived: the driver does not hang.
    async fn hear_late_answer(&mut self) {
        if let Some(late) = self.late.take_if(|late| late.is_over())
            && late.was_answered().await
        {
            (self.timeouts, self.not_before) = (0, None);
        }
    }
}

/// The result of one reading.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkReading {
    /// What the applications said.
    pub work: Sampled<Work>,
    /// On which hosts they store data, if they were asked.
    pub storage: Option<HostStorage>,
    /// The calls that were made.
    pub calls: Vec<Call>,
}

impl WorkSource {
    /// Asks applications at the address of `proxy` within `limits`.
    pub fn new(http: &HttpGet, proxy: ProxyAddress, limits: WorkLimits) -> Self {
        Self {
            // The proxy is known by more names than the settings have, and every address is compared
            // with it before it is asked.
            http: http.for_checked_addresses(),
            proxy,
            limits,
            known: BTreeMap::new(),
        }
    }

    /// Asks the running applications, which `resource_manager` listed, and where they store data if
    /// `asks_for_output`. Takes at most the timeout for each of the two.
    pub async fn read(
        &mut self,
        clock: &Clock,
        mut running: Vec<RunningApplication>,
        resource_manager: &Url,
        asks_for_output: bool,
    ) -> WorkReading {
        let measured_at = clock.now();
        running.sort_by(|one, other| {
            let memory = other.memory_allocated.cmp(&one.memory_allocated);
            memory.then_with(|| one.id.cmp(&other.id))
        });
        let ids: BTreeSet<&str> = running.iter().map(|application| &*application.id).collect();
        self.known.retain(|id, _| ids.contains(&**id));
        for remembered in self.known.values_mut() {
            remembered.hear_late_answer().await;
        }
        let mut reasons: Vec<Option<WorkUnknown>> = Vec::with_capacity(running.len());
        let mut asked = 0;
        for application in &running {
            let reason = self.reason_not_to_ask(application, resource_manager, measured_at);
            let is_left_out = reason.is_none() && asked >= self.limits.applications;
            asked += usize::from(reason.is_none() && !is_left_out);
            reasons.push(reason.or(is_left_out.then_some(WorkUnknown::NotAsked)));
        }
        let budget = Budget::new(self.limits.bytes);
        let (mut answers, mut calls) = self.ask(&running, &reasons, measured_at, &budget).await;
        let mut storage = None;
        if asks_for_output {
            // Only then, so that no work is unknown because of it.
            let (told, more_calls) = self
                .ask_for_output(&running, &answers, measured_at, &budget)
                .await;
            calls.extend(more_calls);
            storage = Some(told);
        }
        let applications = running.into_iter().zip(reasons).enumerate();
        let works = applications.map(|(index, (application, reason))| {
            let answer = answers.remove(&index);
            let work = match (reason, answer) {
                (Some(reason), _) => WorkOrReason::Unknown(reason),
                (None, Some(Ok(work))) => WorkOrReason::Known(work),
                (None, Some(Err(reason))) => WorkOrReason::Unknown(reason),
                (None, None) => WorkOrReason::Unknown(WorkUnknown::NotAsked),
            };
            work_of(application, work)
        });
        WorkReading {
            work: Sampled {
                value: Work::of(works.collect(), self.limits.applications),
                measured_at,
            },
            storage,
            calls,
        }
    }

    /// Why an application is not asked, if that is known before.
    fn reason_not_to_ask(
        &self,
        application: &RunningApplication,
        resource_manager: &Url,
        at: Timestamp,
    ) -> Option<WorkUnknown> {
        if application.kind == ApplicationKind::Other {
            return Some(WorkUnknown::OtherFramework);
        }
        let Some(url) = &application.tracking_url else {
            return Some(WorkUnknown::NoInterface);
        };
        if !self.proxy.includes(url, &application.id, resource_manager) {
            return Some(WorkUnknown::OtherAddress);
        }
        let remembered = self.known.get(&application.id);
        remembered
            .and_then(|remembered| remembered.not_before)
            .is_some_and(|not_before| at < not_before)
            .then_some(WorkUnknown::BackingOff)
    }

    /// Asks the applications without a reason not to, the largest first and slow ones last. Returns the
    /// answers by position; those that the limits left no room for are missing.
    async fn ask(
        &mut self,
        running: &[RunningApplication],
        reasons: &[Option<WorkUnknown>],
        at: Timestamp,
        budget: &Budget,
    ) -> (BTreeMap<usize, Result<KnownWork, WorkUnknown>>, Vec<Call>) {
        let limit = TimeLimit::start(self.limits.timeout);
        let mut waiting: Vec<_> = running
            .iter()
            .zip(reasons)
            .enumerate()
            .filter(|(_, (_, reason))| reason.is_none())
            .filter_map(|(index, (application, _))| {
                Some((index, application, application.tracking_url.clone()?))
            })
            .collect();
        // Slow ones keep others waiting, and come last.
        waiting.sort_by_key(|(_, application, _)| {
            let remembered = self.known.get(&application.id);
            remembered.is_some_and(|remembered| remembered.is_slow)
        });
        let questions = waiting.into_iter().map(|(index, application, base)| {
            let remembered = self.known.get(&application.id);
            let question = Question {
                id: Arc::clone(&application.id),
                kind: application.kind,
                base,
                containers: application.containers,
                settings: remembered.and_then(|remembered| remembered.settings),
                at,
            };
            let (http, budget) = (self.http.clone(), budget.clone());
            async move { (index, question.ask(&http, limit, &budget).await) }
        });
        let (mut answers, mut calls) = (BTreeMap::new(), Vec::new());
        for (index, mut asked) in self.limits.ask_each(questions, limit, budget).await {
            self.remember(&running[index].id, &mut asked, at);
            calls.extend(asked.calls);
            answers.insert(index, asked.work);
        }
        (answers, calls)
    }

    /// Asks the Spark applications that told their work, where they store data. One that answers late is
    /// not asked that again for a while.
    async fn ask_for_output(
        &mut self,
        running: &[RunningApplication],
        works: &BTreeMap<usize, Result<KnownWork, WorkUnknown>>,
        at: Timestamp,
        budget: &Budget,
    ) -> (HostStorage, Vec<Call>) {
        let limit = TimeLimit::start(self.limits.timeout);
        let mut storage = HostStorage {
            apps_unknown: running.len() as u64,
            ..HostStorage::default()
        };
        let questions = works.iter().filter_map(|(index, work)| {
            let application = &running[*index];
            let has_work = !work.as_ref().ok()?.stages.is_empty();
            let not_before = self.known.get(&application.id)?.output_not_before;
            let may_be_asked = not_before.is_none_or(|not_before| at >= not_before);
            if application.kind != ApplicationKind::Spark || !may_be_asked {
                return None;
            }
            let (id, base) = (
                Arc::clone(&application.id),
                application.tracking_url.clone()?,
            );
            let (http, budget) = (self.http.clone(), budget.clone());
            Some(async move {
                let asked = ask_executors(&id, &base, &http, limit, &budget).await;
                (id, has_work, asked)
            })
        });
        let mut calls = Vec::new();
        for (id, has_work, asked) in self.limits.ask_each(questions, limit, budget).await {
            calls.extend(asked.calls);
            match asked.executors {
                Ok(executors) => storage.add(&executors, has_work),
                Err(WorkUnknown::TimedOut) => {
                    let remembered = self.known.entry(id).or_default();
                    remembered.output_not_before = Some(at + LEFT_ALONE_MOST);
                    remembered.late = asked.late;
                }
                Err(_) => {}
            }
        }
        (storage, calls)
    }

    fn remember(&mut self, id: &Arc<str>, asked: &mut Asked, at: Timestamp) {
        let remembered = self.known.entry(Arc::clone(id)).or_default();
        remembered.late = asked.late.take();
        remembered.settings = asked.settings.or(remembered.settings);
        match asked.work {
            Err(WorkUnknown::TimedOut) => {
                remembered.timeouts += 1;
                remembered.is_slow = true;
            }
            // It had no chance to answer, which says nothing about it.
            Err(WorkUnknown::NotAsked) => return,
            Ok(_) | Err(_) => {
                (remembered.timeouts, remembered.not_before) = (0, None);
                remembered.is_slow = false;
                return;
            }
        }
        if let Some(more) = remembered.timeouts.checked_sub(TIMEOUTS_MOST) {
            let doubled = LEFT_ALONE_FIRST.saturating_mul(2_u32.saturating_pow(more));
            remembered.not_before = Some(at + doubled.min(LEFT_ALONE_MOST));
        }
    }
}

fn work_of(application: RunningApplication, work: WorkOrReason) -> ApplicationWork {
    ApplicationWork {
        id: application.id,
        name: application.name,
        queue: application.queue,
        kind: application.kind,
        memory_allocated: application.memory_allocated,
        vcores_allocated: application.vcores_allocated,
        containers: application.containers,
        work,
    }
}

#[cfg(test)]
mod tests;
