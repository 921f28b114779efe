//! What is tried before a daemon may run: each part of what it will need, once.

use std::time::Duration;

use crate::daemon::clock::Clock;
use crate::daemon::observe::{Look, Observer};
use crate::daemon::report::Source;
use crate::daemon::source::SourceError;
use crate::decision::{Action, Decision, HoldReason};
use crate::engine::Engine;
use crate::observation::{ClusterState, GroupStatus, Observation};
use crate::policy::Policy;

/// A service may be starting, or throttling; so often it is asked.
const ATTEMPTS: u32 = 3;
/// In reality, whatever the clock of the daemon.
const PAUSE_BETWEEN: Duration = Duration::from_secs(2);

/// Why the daemon cannot do what it is there for.
#[derive(Debug, thiserror::Error)]
pub enum SelfTestError {
    #[error("self-test: {0}")]
    Source(SourceError),
    #[error("self-test: the cluster is {0}; choose one that lives, with --cluster-id")]
    Ended(ClusterState),
    #[error("self-test: no group of the cluster matches target {number} (`{target}`); it has {groups}")]
    NoGroup { number: usize, target: String, groups: String },
    #[error("self-test: target {number} (`{target}`) matches {matches} groups: {groups}; name one by `id` or `name`")]
    SeveralGroups { number: usize, target: String, matches: usize, groups: String },
    #[error("self-test: targets {first} and {second} mean the same group {group}; give each group one target")]
    SharedGroup { first: usize, second: usize, group: String },
    #[error(
        "self-test: Amazon's own scaling has a policy for {group}, and two masters would undo each other's work; detach it \
         (`aws emr remove-auto-scaling-policy` or `aws emr remove-managed-scaling-policy`), or try Headroom beside it with --dry-run"
    )]
    ScaledByAmazon { group: String },
}

/// Looks at everything once; what fails for a moment only is asked again. That YARN or HDFS are down is no reason not to start: the daemon
/// then holds, and says so. What no waiting can mend is.
///
/// # Errors
/// The first thing that is wrong, with its remedy.
pub async fn run(observer: &mut Observer, policy: &Policy, clock: &Clock, dry_run: bool) -> Result<(), SelfTestError> {
    let mut look = observer.look(clock, |_| None).await;
    for _ in 1..ATTEMPTS {
        if look.sources.iter().filter_map(|source| source.error.as_ref()).all(is_lasting) {
            break;
        }
        tokio::time::sleep(PAUSE_BETWEEN).await;
        look = observer.look(clock, |_| None).await;
    }
    check(&look, policy, dry_run)
}

fn check(look: &Look, policy: &Policy, dry_run: bool) -> Result<(), SelfTestError> {
    for source in &look.sources {
        let Some(error) = &source.error else { continue };
        let is_needed = source.source == Source::Emr || is_lasting(error);
        if is_needed {
            return Err(SelfTestError::Source(error.clone()));
        }
        tracing::warn!(source = source.source.label(), "{error}");
    }
    // EMR answered, or the loop above has returned.
    look.observation.as_ref().map_or(Ok(()), |observation| check_targets(observation, policy, dry_run))
}

/// Asking again will not help: someone has to grant or mend something.
const fn is_lasting(error: &SourceError) -> bool {
    matches!(error, SourceError::AccessDenied { .. } | SourceError::Refused { .. })
}

/// The engine itself says which group each target means.
fn check_targets(observation: &Observation, policy: &Policy, dry_run: bool) -> Result<(), SelfTestError> {
    let status = &observation.cluster.value;
    if matches!(status.state, ClusterState::Terminating | ClusterState::Terminated | ClusterState::TerminatedWithErrors) {
        return Err(SelfTestError::Ended(status.state));
    }
    // Only a cluster that runs gets so far as to look for its groups.
    let mut observation = observation.clone();
    observation.cluster.value.state = ClusterState::Running;
    observation.control.leader = true;
    let decisions = Engine::new(policy.clone()).step(&observation);
    decisions.iter().zip(policy.targets()).try_for_each(|(decision, target)| {
        let place = Place { number: decision.target + 1, target: target.selector.to_string(), groups: &observation.cluster.value.groups };
        place.check(decision, dry_run)
    })
}

struct Place<'a> {
    number: usize,
    target: String,
    groups: &'a [GroupStatus],
}

impl Place<'_> {
    fn check(self, decision: &Decision, dry_run: bool) -> Result<(), SelfTestError> {
        let Self { number, target, groups } = self;
        let listed = || groups.iter().map(|group| format!("{} ({}, {})", group.id, group.role, group.market)).collect::<Vec<_>>().join(", ");
        match &decision.action {
            Action::Hold(HoldReason::TargetNotFound { matches: 0 }) => Err(SelfTestError::NoGroup { number, target, groups: listed() }),
            Action::Hold(HoldReason::TargetNotFound { matches }) => {
                Err(SelfTestError::SeveralGroups { number, target, matches: *matches, groups: listed() })
            }
            Action::Hold(HoldReason::GroupTaken { target: first }) => {
                let group = groups.iter().find(|group| decision.group.as_ref() == Some(&group.id));
                Err(SelfTestError::SharedGroup { first: first + 1, second: number, group: group.map_or(target, |group| group.id.to_string()) })
            }
            _ => match groups.iter().find(|group| decision.group.as_ref() == Some(&group.id)) {
                Some(group) if group.scaled_by_amazon && !dry_run => Err(SelfTestError::ScaledByAmazon { group: group.id.to_string() }),
                Some(group) if group.scaled_by_amazon => {
                    tracing::warn!(group = group.id.as_str(), "Amazon's own scaling has a policy for the group; outside a dry run this is refused");
                    Ok(())
                }
                _ => Ok(()),
            },
        }
    }
}
