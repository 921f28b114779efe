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
        let this_pause = pause.max(observer.emr().longest_wait(clock.now()));
        for problem in &problems {
            tracing::warn!(
                "not ready; trying again in {} s: {problem}",
                this_pause.as_secs_f64().ceil()
            );
        }
        clock.sleep_until(clock.now() + this_pause).await;
        waited += this_pause;
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
    let observed = observer.observe(clock, true, |_| None).await;
    for source in observed.sources {
        match source.error {
            Some(error) if is_permanent(&error) => problems.push(error.into()),
            // What is usual for a moment is reported by the daemon once it lasts.
            Some(error) if error.is_momentary() => {}
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::observe::Sources;
    use crate::daemon::sources::emr::testing::{FakeEmr, Reply, settings};
    use crate::daemon::sources::emr::{Emr, StepsRead};
    use crate::daemon::sources::http_get::HttpGet;
    use crate::daemon::sources::yarn::Yarn;
    use crate::daemon::testing::nobody;

    const TASK: &str =
        "{ name: t, targets: [{ group: { role: task }, limits: { min: 0, max: 9 } }] }";

    /// Runs the self-test on a cluster without YARN, on a clock on which backoffs pass at once.
    async fn tested(fake: &FakeEmr) -> Result<(), SelfTestFailure> {
        let policy = crate::policy::parse::parse(TASK, "test.yaml").expect("a valid policy");
        let second = Duration::from_secs(1);
        let http = HttpGet::new(None).expect("no certificates");
        let sources = Sources {
            work: None,
            yarn: Some(Yarn::new(http, vec![nobody().await], None, second, second)),
            follows_local_active: false,
            hdfs: None,
            emr: Emr::new(&fake.config(), "j-1", &settings(), StepsRead::Never),
            cloudwatch: None,
        };
        let mut observer = Observer::new(sources, policy.poll());
        run(&mut observer, &policy, &Clock::faster(1_000), false).await
    }

    #[tokio::test]
    async fn a_throttled_call_is_made_again() {
        let fake = FakeEmr::start().await;
        let throttled = Reply::Error(400, "ThrottlingException", "Rate exceeded");
        fake.script("ListInstanceGroups", vec![throttled; 2]);
        let restored = async {
            while fake.seen("ListInstanceGroups").is_empty() {
                tokio::task::yield_now().await;
            }
            fake.restore("ListInstanceGroups");
        };
        let (result, ()) = tokio::join!(tested(&fake), restored);
        assert!(result.is_ok(), "{result:?}");
        assert!(fake.seen("ListInstanceGroups").len() > 1);
    }

    #[tokio::test]
    async fn what_waiting_does_not_fix_ends_the_start_at_once() {
        let fake = FakeEmr::start().await;
        let denied = Reply::Error(400, "AccessDeniedException", "not authorized");
        fake.script("ListInstances", vec![denied]);
        let failure = tested(&fake).await.expect_err("a permission is missing");
        assert!(
            failure
                .to_string()
                .contains("grant `elasticmapreduce:ListInstances`"),
            "{failure}"
        );
    }
}
