//! Logs when EMR suspends or arrests a group, when what it says changes, and when that is over.

use std::collections::BTreeMap;

use crate::decision::trouble::trouble;
use crate::observation::{GroupId, GroupStatus};

/// The troubles that were logged and are not over.
#[derive(Clone, Debug, Default)]
pub struct TroubleLog(BTreeMap<GroupId, String>);

impl TroubleLog {
    /// Takes the groups of a tick and logs what changed.
    pub fn tick(&mut self, groups: &[GroupStatus]) {
        for (group, change) in self.changes(groups) {
            match change {
                Some(trouble) => tracing::warn!(%group, "{trouble}"),
                None => tracing::info!(%group, "the group is no longer suspended or arrested"),
            }
        }
    }

    /// The groups with a new trouble, and those whose trouble is over (`None`).
    fn changes(&mut self, groups: &[GroupStatus]) -> Vec<(GroupId, Option<String>)> {
        let now: BTreeMap<GroupId, String> = groups
            .iter()
            .filter_map(|group| Some((group.id.clone(), trouble(group)?)))
            .collect();
        let begun = now
            .iter()
            .filter(|(group, trouble)| self.0.get(*group) != Some(*trouble))
            .map(|(group, trouble)| (group.clone(), Some(trouble.clone())));
        let over = self
            .0
            .keys()
            .filter(|group| !now.contains_key(*group))
            .map(|group| (group.clone(), None));
        let changes = begun.chain(over).collect();
        self.0 = now;
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::task_group;
    use crate::observation::GroupState;

    #[test]
    fn a_trouble_is_logged_when_it_begins_changes_and_ends() {
        let mut log = TroubleLog::default();
        let mut changes = |state, reason: Option<&str>| {
            let group = GroupStatus {
                state,
                state_reason: reason.map(Into::into),
                ..task_group(4)
            };
            let changes = log.changes(&[group]);
            changes
                .into_iter()
                .map(|(_, change)| change.is_some())
                .collect::<Vec<_>>()
        };
        let suspended = GroupState::Suspended;
        assert_eq!(changes(GroupState::Running, None), [true; 0]);
        assert_eq!(changes(suspended, Some("no capacity")), [true]);
        assert_eq!(changes(suspended, Some("no capacity")), [true; 0]);
        assert_eq!(changes(suspended, Some("bootstrap failure")), [true]);
        assert_eq!(changes(GroupState::Running, None), [false]);
        assert_eq!(changes(GroupState::Running, None), [true; 0]);
    }
}
