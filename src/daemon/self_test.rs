//! What is tried before a daemon may run: each part of what it will need, once.

use std::fmt;
use std::time::Duration;

use crate::daemon::clock::Clock;
use crate::daemon::observe::Observer;
use crate::daemon::sources::emr::start::StartProblem;
use crate::daemon::sources::source::SourceError;
use crate::policy::Policy;

/// A service may be starting, or throttling; so often it is asked.
const ATTEMPTS: u32 = 3;
/// In reality, whatever the clock of the daemon.
const PAUSE_BETWEEN: Duration = Duration::from_secs(2);

/// Everything that keeps the daemon from doing what it is there for; never empty.
#[derive(Debug)]
pub struct SelfTestFailure(Vec<StartProblem>);

impl std::error::Error for SelfTestFailure {}

impl fmt::Display for SelfTestFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the self-test failed, and nothing was changed")?;
        self.0
            .iter()
            .try_for_each(|problem| write!(f, "\n  - {problem}"))
    }
}

/// Looks at everything once; what fails for a moment only is asked again. That YARN or HDFS are
/// down is no reason not to start: the daemon then holds, and says so. What waiting cannot mend is
/// one.
///
/// # Errors
/// All that is wrong, each with its remedy.
pub async fn run(
    observer: &mut Observer,
    policy: &Policy,
    clock: &Clock,
    dry_run: bool,
) -> Result<(), SelfTestFailure> {
    let mut problems = check(observer, policy, clock).await;
    for _ in 1..ATTEMPTS {
        if problems.is_empty() || problems.iter().any(|problem| !is_passing(problem)) {
            break;
        }
        tokio::time::sleep(PAUSE_BETWEEN).await;
        problems = check(observer, policy, clock).await;
    }
    let (fatal, tolerable): (Vec<_>, Vec<_>) = problems
        .into_iter()
        .partition(|problem| !dry_run || problem.forbids_dry_run());
    for problem in tolerable {
        tracing::warn!("outside a dry run this would be refused: {problem}");
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
    let look = observer.look(clock, |_| None).await;
    for source in look.sources {
        match source.error {
            Some(error) if is_lasting(&error) => problems.push(error.into()),
            Some(error) => tracing::warn!(source = source.source.label(), "{error}"),
            None => {}
        }
    }
    problems
}

/// Asking again may help.
const fn is_passing(problem: &StartProblem) -> bool {
    matches!(problem, StartProblem::Unreadable(error) if !is_lasting(error))
}

/// Someone has to grant or mend something.
const fn is_lasting(error: &SourceError) -> bool {
    matches!(
        error,
        SourceError::AccessDenied { .. } | SourceError::Refused { .. }
    )
}
