//! Which nodes leave first where some have to.
//!
//! A node without containers may still hold output of a running application on its disks, for
//! stages that have not read it yet. YARN does not say where it is. But what no application that
//! runs now can have left there, none needs.

use super::Tick;
use crate::observation::{GroupStatus, InstanceId, NodeLoad};
use crate::units::{Instances, Timestamp};

/// When it is a node's turn to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    /// Empty, and without output that anybody needs.
    Clean,
    /// Empty, and maybe with output that is needed; since then. The longer ago, the likelier it was
    /// read.
    MayHoldOutput(Timestamp),
    /// It runs so many containers.
    Busy(u32),
    Master,
}

impl Turn {
    const fn is_of_empty(self) -> bool {
        matches!(self, Self::Clean | Self::MayHoldOutput(_))
    }
}

/// Which instances stay, and which go first, where instances have to leave to come down to `to`:
/// see [`Resize`](crate::decision::Resize). That may be so even while the requested size grows, if
/// an earlier scale-in is still on its way.
pub(super) fn choose_nodes(
    tick: &Tick,
    group: &GroupStatus,
    to: Instances,
) -> (Vec<InstanceId>, Vec<InstanceId>) {
    let Some(snapshot) = tick.snapshot().filter(|_| to < group.running) else {
        return Default::default();
    };
    let (draining, staying): (Vec<&NodeLoad>, Vec<_>) = snapshot
        .0
        .iter()
        .filter(|node| node.group == group.id)
        .partition(|node| node.draining);
    // Of equals the last one goes first: where the snapshot is in order of arrival, the newest.
    let mut in_turn: Vec<(Turn, &NodeLoad)> = staying
        .into_iter()
        .rev()
        .map(|node| (turn(tick, node), node))
        .collect();
    in_turn.sort_by_key(|(turn, _)| *turn);
    let leaving = ((group.running - to).get() as usize).saturating_sub(draining.len());
    let preferred = in_turn
        .iter()
        .take(leaving)
        .take_while(|(turn, _)| turn.is_of_empty())
        .count();
    let (prefer, others) = in_turn.split_at(preferred);
    let masters = others
        .iter()
        .filter(|(turn, _)| *turn == Turn::Master)
        .count();
    let worth_keeping = others
        .iter()
        .rev()
        .take_while(|(turn, _)| *turn > Turn::Clean);
    let protect = worth_keeping.take(masters.max(to.get() as usize));
    let id = |(_, node): &(Turn, &NodeLoad)| node.instance.clone();
    (protect.map(id).collect(), prefer.iter().map(id).collect())
}

fn turn(tick: &Tick, node: &NodeLoad) -> Turn {
    match () {
        () if node.has_application_master => Turn::Master,
        () if node.containers > 0 => Turn::Busy(node.containers),
        () if holds_nothing_needed(tick, node) => Turn::Clean,
        // Where nobody told, as if it had become empty just now.
        () => Turn::MayHoldOutput(node.idle_since.unwrap_or(tick.at())),
    }
}

/// No application is there that could need anything, or all that are came when the node had already
/// been empty.
fn holds_nothing_needed(tick: &Tick, empty: &NodeLoad) -> bool {
    let Some(yarn) = tick.yarn() else {
        return false;
    };
    let nobody_is_there = yarn.apps_running == 0 && yarn.apps_pending == 0;
    nobody_is_there
        || empty
            .idle_since
            .zip(yarn.oldest_app_started_at)
            .is_some_and(|(idle_since, started_at)| idle_since < started_at)
}
