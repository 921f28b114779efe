//! Fetches from a Spark history server, or from the driver of a running application, the replies of
//! which [`import`](crate::import::spark::import_replies) makes a trace.

mod error;
#[cfg(test)]
mod tests;

use std::io::Cursor;
use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;
use serde_json::Value;

use crate::daemon::sources::error::SourceError;
use crate::daemon::sources::http_get::{Budget, HttpGet, TimeLimit, malformed, shown};
use crate::import::Source;
use crate::units::Timestamp;

pub use error::HistoryServerError;

/// The most bytes of one reply, as in a saved one.
const REPLY_BYTES_MAX: usize = 256 << 20;
/// The time limit for one reply. The server reads the event log of an application when it is asked
/// for it, which takes minutes for a large one.
const REPLY_TIMEOUT: Duration = Duration::from_secs(300);
/// The time limit for the list of applications, which the server has at hand.
const LIST_TIMEOUT: Duration = Duration::from_secs(60);
/// The pages to which the root of a history server, or of a driver, leads a browser.
const FIRST_PAGES: [&str; 2] = ["history", "jobs"];

/// A server with Spark's REST service.
#[derive(Clone, Debug)]
pub struct HistoryServer {
    http: HttpGet,
    /// The list of applications.
    applications: Url,
    reply_timeout: Duration,
    list_timeout: Duration,
}

/// Which applications are fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The most applications: the newest ones.
    pub limit: usize,
    /// Only applications that started at this time or later.
    pub since: Option<Timestamp>,
    /// Only applications that started before this time.
    pub until: Option<Timestamp>,
}

/// The applications that are to be fetched.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Every attempt of them, the newest applications first. At least one.
    pub attempts: Vec<Attempt>,
    /// How many older applications exceed the limit.
    pub older: usize,
    /// How many applications are left out because the server has not seen their end: they still run,
    /// or their driver was killed.
    pub incomplete: usize,
}

/// An attempt of an application.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Its replies are below this address.
    url: Url,
    /// The application's entry in the list.
    entry: Vec<u8>,
}

impl HistoryServer {
    /// A server at `address`, such as `http://host:18080`. A path is that of a proxy before it.
    ///
    /// # Errors
    /// When the address is not that of a server.
    pub fn at(address: &str) -> Result<Self, HistoryServerError> {
        let problem = |problem: String| HistoryServerError::Address { problem };
        let mut url = Url::parse(address).map_err(|error| problem(error.to_string()))?;
        if !["http", "https"].contains(&url.scheme()) {
            return Err(problem(format!("{} is not http or https", url.scheme())));
        }
        let path: Vec<&str> = url
            .path()
            .split('/')
            .filter(|part| !part.is_empty())
            .collect();
        let api = path.windows(2).position(|two| two == ["api", "v1"]);
        let page = path.iter().position(|part| FIRST_PAGES.contains(part));
        let (prefix, rest) = path.split_at(api.or(page).unwrap_or(path.len()));
        let is_page = rest.len() == 1;
        if !is_page && !matches!(rest, [] | ["api", "v1"] | ["api", "v1", "applications"]) {
            let given = rest.join("/");
            return Err(problem(format!("it continues with /{given}")));
        }
        let applications = [prefix, &["api", "v1", "applications"]].concat().join("/");
        url.set_path(&applications);
        url.set_query(None);
        url.set_fragment(None);
        Ok(Self {
            http: HttpGet::new(None)?,
            applications: url,
            reply_timeout: REPLY_TIMEOUT,
            list_timeout: LIST_TIMEOUT,
        })
    }

    /// The address of the list of applications, without user and password.
    pub fn address(&self) -> String {
        shown(&self.applications)
    }

    /// Lists the finished applications. A server with a single application, which still runs, is its
    /// driver; then that one is listed.
    ///
    /// # Errors
    /// When the server does not answer as Spark does, or lists no such application.
    pub async fn list(&self, asked: Asked) -> Result<Listed, HistoryServerError> {
        let reply = self.get(&self.applications, self.list_timeout).await?;
        let mut applications = applications(&reply)
            .map_err(|error| malformed(&self.applications, error.to_string()))?;
        let (all, is_driver) = (
            applications.len(),
            matches!(&applications[..], [(_, only)] if !only.has_ended()),
        );
        applications.retain(|(_, application)| application.is_within(asked));
        let of_the_time = applications.len();
        applications.retain(|(_, application)| is_driver || application.has_ended());
        if applications.is_empty() {
            return Err(HistoryServerError::NoApplications {
                url: self.address(),
                all,
                of_the_time,
            });
        }
        let incomplete = of_the_time - applications.len();
        applications.sort_by_key(|(_, application)| std::cmp::Reverse(application.last_ms()));
        let older = applications.len().saturating_sub(asked.limit);
        applications.truncate(asked.limit);
        let attempts = applications
            .iter()
            .flat_map(|(entry, application)| self.attempts(entry, application))
            .collect();
        Ok(Listed {
            attempts,
            older,
            incomplete,
        })
    }

    fn attempts<'a>(
        &'a self,
        entry: &'a Value,
        application: &'a Application,
    ) -> impl Iterator<Item = Attempt> + 'a {
        application.attempts.iter().map(|attempt| Attempt {
            url: below(
                &self.applications,
                [Some(application.id.as_str()), attempt.id.as_deref()]
                    .into_iter()
                    .flatten(),
            ),
            entry: entry.to_string().into_bytes(),
        })
    }

    /// Fetches the replies of an attempt.
    ///
    /// # Errors
    /// When the server does not answer, or does not answer in time, or no longer has the application.
    pub async fn replies(&self, attempt: &Attempt) -> Result<Source, HistoryServerError> {
        let stages = self.reply(attempt, "stages").await?;
        let entry = Cursor::new(attempt.entry.clone());
        let mut others = vec![Source::new(attempt.address(), entry)?];
        for name in ["environment", "allexecutors"] {
            others.push(self.reply(attempt, name).await?);
        }
        Ok(stages.followed_by(others.into_iter().map(Ok)))
    }

    async fn reply(&self, attempt: &Attempt, name: &str) -> Result<Source, HistoryServerError> {
        let url = below(&attempt.url, [name]);
        let reply = match self.get(&url, self.reply_timeout).await {
            Err(SourceError::TimedOut { .. }) if !self.is_alive().await => {
                return Err(HistoryServerError::Hangs { url: shown(&url) });
            }
            Err(SourceError::Status { url, status: 404 }) => {
                return Err(HistoryServerError::Deleted { url });
            }
            reply => reply?,
        };
        Ok(Source::new(shown(&url), Cursor::new(reply))?)
    }

    /// Whether the server answers at all. It may need long for one application only.
    async fn is_alive(&self) -> bool {
        let list = self.get(&self.applications, self.list_timeout);
        list.await.is_ok()
    }

    async fn get(&self, url: &Url, timeout: Duration) -> Result<Vec<u8>, SourceError> {
        let within = TimeLimit::start(timeout);
        let budget = Budget::new(REPLY_BYTES_MAX);
        self.http.bytes(url, REPLY_BYTES_MAX, &budget, within).await
    }
}

impl Attempt {
    /// The address of its replies, without user and password.
    pub fn address(&self) -> String {
        shown(&self.url)
    }
}

/// The fields of an entry that decide whether it is fetched.
#[derive(Deserialize)]
struct Application {
    id: String,
    attempts: Vec<ListedAttempt>,
}

#[derive(Deserialize)]
struct ListedAttempt {
    #[serde(rename = "attemptId")]
    id: Option<String>,
    #[serde(rename = "startTimeEpoch")]
    start_ms: i64,
    completed: bool,
}

impl Application {
    /// Whether its last attempt has ended.
    fn has_ended(&self) -> bool {
        let last = self.attempts.iter().max_by_key(|attempt| attempt.start_ms);
        last.is_some_and(|attempt| attempt.completed)
    }

    fn last_ms(&self) -> Option<i64> {
        self.attempts.iter().map(|attempt| attempt.start_ms).max()
    }

    /// Whether it started in the time that is asked for.
    fn is_within(&self, asked: Asked) -> bool {
        let start = self.attempts.iter().map(|attempt| attempt.start_ms).min();
        start.map(Timestamp::from_millis).is_some_and(|start| {
            asked.since.is_none_or(|since| since <= start)
                && asked.until.is_none_or(|until| start < until)
        })
    }
}

/// The entries of the list, each as it is and with the fields that are read here.
fn applications(reply: &[u8]) -> serde_json::Result<Vec<(Value, Application)>> {
    let entries: Vec<Value> = serde_json::from_slice(reply)?;
    let read = |entry: Value| Ok((entry.clone(), serde_json::from_value(entry)?));
    entries.into_iter().map(read).collect()
}

/// An address with more parts of a path, whatever characters they contain.
fn below<'a>(url: &Url, parts: impl IntoIterator<Item = &'a str>) -> Url {
    let mut below = url.clone();
    // Only addresses without a host have no path.
    if let Ok(mut path) = below.path_segments_mut() {
        path.extend(parts);
    }
    below
}
