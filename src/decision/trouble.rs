//! Groups that EMR suspended or arrested: what EMR says, and what to do.

use crate::observation::{GroupState, GroupStatus};

/// The trouble of a group, in words; `None` while EMR resizes it.
pub fn trouble(group: &GroupStatus) -> Option<String> {
    let (what, remedy) = match group.state {
        GroupState::Suspended => (
            "EMR suspended the group after repeated errors to launch or bootstrap instances",
            "Headroom requests the size again after the quarantine; check the instance limits of the account, spot \
             capacity and bootstrap actions",
        ),
        GroupState::Arrested => (
            "EMR arrested the group and accepts no resize of it",
            "replace the group or the cluster",
        ),
        _ => return None,
    };
    let said = quoted(group.state_reason.as_deref());
    Some(format!("{what}{said}; {remedy}"))
}

/// What EMR says, to follow what it is about: ` (EMR: "...")`; empty when it says nothing.
pub(super) fn quoted(message: Option<&str>) -> String {
    message.map_or_else(String::new, |message| format!(" (EMR: \"{message}\")"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::task_group;

    #[test]
    fn a_group_in_trouble_says_what_emr_says_and_what_to_do() {
        let said = |state, reason: Option<&str>| {
            trouble(&GroupStatus {
                state,
                state_reason: reason.map(Into::into),
                ..task_group(4)
            })
        };
        let suspended = said(GroupState::Suspended, Some("Bootstrap failure"));
        let suspended = suspended.expect("trouble");
        assert!(
            suspended.contains("(EMR: \"Bootstrap failure\")")
                && suspended.contains("after the quarantine")
                && suspended.contains("bootstrap actions"),
            "{suspended}"
        );
        assert_eq!(
            said(GroupState::Arrested, None).as_deref(),
            Some(
                "EMR arrested the group and accepts no resize of it; replace the group or the cluster"
            )
        );
        assert_eq!(said(GroupState::Resizing, None), None);
    }
}
