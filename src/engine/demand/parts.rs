//! The parts from which the desired size follows.

use std::time::Duration;

use super::arrivals::Expected;
use super::known::KnownSize;

/// The units of the whole cluster that a demand asks for, and the parts that they follow from.
pub struct Units {
    /// Growth or forecast, whichever is larger.
    pub needed: u32,
    /// One of them may hold what waits beside idle room.
    pub one_more: bool,
    /// Without those that wait for a scale-out which is worth a call.
    pub asked: u32,
    /// What is needed or worth keeping, of the units that there are.
    pub kept: f64,
    pub forecast: Option<u32>,
    /// Applications that are expected.
    pub expected: Expected,
    /// What the targets should have, within the limits of the demand.
    pub desired: f64,
    /// What the usable instances of the targets count at least, as the limits count.
    pub least: f64,
    /// The part of what is kept that waits for a scale-in.
    pub surplus: f64,
    /// How long the highest level is kept while idle.
    pub keep_idle: Duration,
    /// What follows from the work of applications, where it is known.
    pub known: Option<KnownSize>,
}

/// What applications say, and have shown.
#[derive(Default)]
pub struct Foreseen {
    /// What follows from the work that is left; `None` where nothing is known, or something but the lack
    /// of room keeps work waiting.
    pub size: Option<KnownSize>,
    /// Applications that will start.
    pub expected: Expected,
    /// The backlog has not fallen for long.
    pub backlog_stands: bool,
}

/// What the load says about the cluster beside its size.
#[derive(Clone, Copy)]
pub struct Shape {
    /// Pending work waits beside room that could hold it.
    pub waits_beside_room: bool,
    /// No limit is known that holds it back, and a container that needs a whole node fits on none.
    pub lacks_empty_node: bool,
    /// The nodes offer as much as the running units should.
    pub has_all_nodes: bool,
}
