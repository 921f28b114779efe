//! The self-test: tries everything that the daemon will need, once, before it runs.

use std::fmt;
use std::time::Duration;

use crate::daemon::clock::Clock;
use crate::daemon::observe::Observer;
use crate::daemon::sources::emr::start::StartProblem;
use crate::daemon::sources::error::SourceError;
use crate::policy::Policy;

/// The pause after the first attempt that failed for a reason that may pass: a service starts up, or
/// throttles. It doubles after each attempt. In real time, even if the daemon runs on a faster clock.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long all pauses together may take. The calls to EMR may wait that long after throttling.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// Everything that keeps the daemon from working; never empty.
#[derive(Debug)]
pub struct SelfTestFailure(Vec<StartProblem>);

impl std::error::Error for SelfTestFailure {}

impl fmt::Display for SelfTestFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the self-test failed; nothing was changed")?;
        self.0
            .iter()
            .try_for_each(|problem| write!(f, "\n  - {problem}"))
    }
}

/// Reads every source once, and tries again what may have failed only for a moment. The daemon
/// starts even if YARN or HDFS are down: it then holds and reports that. It does not start with a
/// problem that waiting cannot fix.
///
/// # Errors
/// All problems, each with its remedy.
pub async fn run(
    observer: &mut Observer,
    policy: &Policy,
    clock: &Clock,
    dry_run: bool,
) -> Result<(), SelfTestFailure> {
    let mut problems = check(observer, policy, clock).await;
    let (mut pause, mut waited) = (FIRST_PAUSE, Duration::ZERO);
    while !problems.is_empty() && problems.iter().all(is_transient) && waited < LONGEST_WAIT {
        for problem in &problems {
            tracing::warn!(
                "not ready; trying again in {} s: {problem}",
                pause.as_secs()
            );
        }
        tokio::time::sleep(pause).await;
        waited += pause;
        pause = (pause * 2).min(LONGEST_PAUSE);
        problems = check(observer, policy, clock).await;
    }
    let (fatal, tolerable): (Vec<_>, Vec<_>) = problems
        .into_iter()
        .partition(|problem| !dry_run || problem.forbids_dry_run());
    for problem in tolerable {
        tracing::warn!("without --dry-run the daemon would not start: {problem}");
    }
    if fatal.is_empty() {
        Ok(())
    } else {
        Err(SelfTestFailure(fatal))
    }
}

async fn check(observer: &mut Observer, policy: &Policy, clock: &Clock) -> Vec<StartProblem> {
    let mut problems = observer.check_emr(clock, policy).await;
    if !problems.is_empty() {
        return problems;
    }
    let observed = observer.observe(clock, |_| None).await;
    for source in observed.sources {
        match source.error {
            Some(error) if is_permanent(&error) => problems.push(error.into()),
            Some(error) => tracing::warn!(source = source.source.label(), "{error}"),
            None => {}
        }
    }
    problems
}

/// Whether trying again may help.
const fn is_transient(problem: &StartProblem) -> bool {
    matches!(problem, StartProblem::Unreadable(error) if !is_permanent(error))
}

/// Whether someone has to grant or fix something.
const fn is_permanent(error: &SourceError) -> bool {
    matches!(
        error,
        SourceError::AccessDenied { .. } | SourceError::Refused { .. }
    )
}
