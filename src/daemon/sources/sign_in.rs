//! Signs in to services that require Kerberos over HTTP (SPNEGO).
//!
//! Hadoop gives a signed cookie after one exchange, which is good for hours. Only this exchange needs
//! Kerberos; curl does it (see [`curl`]). The cookie is kept in memory and sent to the address that gave
//! it, and to no other.

mod cookie;
mod curl;
mod problem;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Url;

use crate::daemon::clock::Clock;
use crate::units::Timestamp;
pub use cookie::Cookie;
use curl::Curl;
pub use problem::SignInProblem;

/// The time limit for one sign-in, which leaves room for a second KDC.
const TIME_LIMIT: Duration = Duration::from_secs(15);
/// A cookie is renewed so long before its end, or after three quarters of its time if that is later.
const RENEWED_BEFORE_END: Duration = Duration::from_secs(60);
/// A cookie that is refused is renewed only if it is older than this, or than half of its time: an
/// application behind YARN's proxy can refuse every cookie, and must not make the daemon sign in at each
/// request.
const RENEWED_AT_EARLIEST: Duration = Duration::from_secs(30);
/// The time until the next attempt after one that failed. It doubles with each further failure.
const FIRST_PAUSE: Duration = Duration::from_secs(15);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Signs in at addresses. Copies share the cookies.
#[derive(Clone, Debug)]
pub struct SignIn {
    shared: Arc<Shared>,
    /// The addresses without their paths; `None` if the caller checks them.
    addresses: Option<Arc<BTreeSet<String>>>,
}

#[derive(Debug)]
struct Shared {
    curl: Curl,
    clock: Clock,
    /// By address without the path. The inner lock is held during a sign-in, so that there is only one
    /// at a time.
    accounts: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<Account>>>>,
}

/// What is known of one address.
#[derive(Debug, Default)]
struct Account {
    signed_in: Option<SignedIn>,
    failure: Option<Failure>,
}

#[derive(Debug)]
struct SignedIn {
    cookie: Cookie,
    at: Timestamp,
    /// When the cookie is renewed before its end; `None` if that is not known.
    renewal: Option<Timestamp>,
    /// For so long, the cookie is not renewed because it was refused.
    settled: Duration,
}

#[derive(Debug)]
struct Failure {
    problem: SignInProblem,
    at: Timestamp,
    pause: Duration,
}

impl SignIn {
    /// Signs in with `program`, at the addresses of `urls` only. `ca_file` has the certificates to trust
    /// instead of the machine's. `clock` shows the real time, by which cookies end.
    pub fn new<'a>(
        program: PathBuf,
        ca_file: Option<PathBuf>,
        urls: impl IntoIterator<Item = &'a Url>,
        clock: Clock,
    ) -> Self {
        let shared = Shared {
            curl: Curl {
                program,
                ca_file,
                time_limit: TIME_LIMIT,
            },
            clock,
            accounts: Mutex::default(),
        };
        Self {
            shared: Arc::new(shared),
            addresses: Some(Arc::new(urls.into_iter().map(origin).collect())),
        }
    }

    /// The same cookies, for a caller that asks no address without having checked it.
    pub fn at_checked_addresses(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            addresses: None,
        }
    }

    /// The cookie to send with a request for `url`; `None` before the first sign-in there. A cookie that
    /// is about to end is renewed first; if that fails, it is sent as long as it is accepted.
    pub async fn cookie(&self, url: &Url) -> Option<Cookie> {
        if !self.includes(url) {
            return None;
        }
        let account = self.shared.account(url);
        let (cookie, is_due) = {
            let account = account.lock().await;
            let signed_in = account.signed_in.as_ref()?;
            let now = self.shared.clock.now();
            let is_due = signed_in.renewal.is_some_and(|renewal| renewal <= now);
            (signed_in.cookie.clone(), is_due)
        };
        if !is_due {
            return Some(cookie);
        }
        let renewed = self.renewed(url, Some(&cookie), false).await;
        Some(renewed.unwrap_or(cookie))
    }

    /// A cookie in place of `refused`, which the service at `url` did not accept; `None` if it was asked
    /// without one.
    ///
    /// # Errors
    /// When signing in fails, failed a short time ago, or succeeded a short time ago: then the service
    /// refuses even a new cookie.
    pub async fn in_place_of(
        &self,
        refused: Option<&Cookie>,
        url: &Url,
    ) -> Result<Cookie, SignInProblem> {
        if !self.includes(url) {
            return Err(SignInProblem::OtherAddress);
        }
        self.renewed(url, refused, true).await
    }

    fn includes(&self, url: &Url) -> bool {
        let addresses = self.addresses.as_ref();
        addresses.is_none_or(|addresses| addresses.contains(&origin(url)))
    }

    async fn renewed(
        &self,
        url: &Url,
        replaced: Option<&Cookie>,
        is_refused: bool,
    ) -> Result<Cookie, SignInProblem> {
        let mut account = self.shared.account(url).lock_owned().await;
        let now = self.shared.clock.now();
        if let Some(signed_in) = &account.signed_in {
            // Another request has renewed it meanwhile.
            if replaced != Some(&signed_in.cookie) {
                return Ok(signed_in.cookie.clone());
            }
            if is_refused && now.distance(signed_in.at) < signed_in.settled {
                return Err(SignInProblem::CookieRefused);
            }
        }
        if let Some(failure) = &account.failure
            && now.distance(failure.at) < failure.pause
        {
            return Err(failure.problem.clone());
        }
        let (shared, url) = (Arc::clone(&self.shared), sign_in_url(url));
        // A task of its own goes on if the request that waits for it runs out of time, so that the next
        // one has its result.
        let attempt = tokio::spawn(async move {
            let result = shared.curl.sign_in(&url).await;
            account.note(&url, result.clone(), shared.clock.now());
            result
        });
        attempt.await.unwrap_or_else(|error| {
            Err(SignInProblem::CurlFailed {
                said: format!("the attempt was given up ({error})"),
            })
        })
    }
}

impl Shared {
    fn account(&self, url: &Url) -> Arc<tokio::sync::Mutex<Account>> {
        let accounts = self.accounts.lock();
        let mut accounts = accounts.unwrap_or_else(PoisonError::into_inner);
        Arc::clone(accounts.entry(origin(url)).or_default())
    }
}

impl Account {
    fn note(&mut self, url: &Url, result: Result<Cookie, SignInProblem>, at: Timestamp) {
        match result {
            Ok(cookie) => {
                let (user, address) = (cookie.user(), origin(url));
                if self.signed_in.is_none() || self.failure.is_some() {
                    tracing::info!("signed in at {address} with Kerberos as {user}");
                } else {
                    tracing::debug!("signed in again at {address} as {user}");
                }
                self.signed_in = Some(SignedIn::new(cookie, at));
                self.failure = None;
            }
            Err(problem) => {
                let last = self.failure.take();
                let pause = last.map_or(FIRST_PAUSE, |failure| failure.pause * 2);
                let pause = pause.min(LONGEST_PAUSE);
                self.failure = Some(Failure { problem, at, pause });
            }
        }
    }
}

impl SignedIn {
    fn new(cookie: Cookie, at: Timestamp) -> Self {
        let lifetime = cookie.ends_at().map(|end| end.since(at));
        // A cookie that has ended when it arrives comes from a service whose clock is wrong.
        let lifetime = lifetime.filter(|lifetime| !lifetime.is_zero());
        let until_renewal = |lifetime: Duration| lifetime - RENEWED_BEFORE_END.min(lifetime / 4);
        Self {
            renewal: lifetime.map(|lifetime| at + until_renewal(lifetime)),
            settled: lifetime.map_or(RENEWED_AT_EARLIEST, |lifetime| {
                RENEWED_AT_EARLIEST.min(lifetime / 2)
            }),
            cookie,
            at,
        }
    }
}

/// Scheme, host and port.
fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Where to sign in before a request for `url`. At YARN's proxy that is not the address of an
/// application, which could set a cookie in its answer.
fn sign_in_url(url: &Url) -> Url {
    let mut url = url.clone();
    // Both fail only for addresses that cannot have a user or a password.
    let _ = url.set_password(None);
    let _ = url.set_username("");
    if url.path().starts_with("/proxy/") {
        url.set_path("/proxy");
        url.set_query(None);
    }
    url
}

#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;
