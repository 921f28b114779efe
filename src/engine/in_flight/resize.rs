//! A resize between the call to EMR and its end.

use std::time::Duration;

use crate::observation::Direction;
use crate::units::{Instances, Timestamp};

/// The resize in flight.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum InFlight {
    /// No resize is in flight.
    #[default]
    Idle,
    /// EMR was called and has not answered. `replaces` is the accepted resize that stays in flight
    /// if EMR rejects the call.
    Unanswered {
        call: Sent,
        replaces: Option<Accepted>,
    },
    Accepted(Accepted),
}

/// A resize that was sent to EMR.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sent {
    pub at: Timestamp,
    pub from: Instances,
    pub to: Instances,
    /// The rule that asked for it, by its position.
    pub rule: Option<usize>,
}

/// A resize that EMR accepted and has not completed.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    pub resize: Sent,
    /// EMR has reported the new size as the requested one.
    pub is_visible: bool,
    /// Rules of earlier resizes that this one replaced before they completed. Their cooldowns start
    /// when this one completes.
    pub replaced_rules: Vec<usize>,
}

impl Sent {
    pub fn direction(&self) -> Direction {
        if self.to < self.from {
            Direction::In
        } else {
            Direction::Out
        }
    }
}

impl Accepted {
    /// Whether EMR may still report an older size.
    pub fn may_lag(&self, measured_at: Timestamp, max_lag: Duration) -> bool {
        !self.is_visible && measured_at.since(self.resize.at) <= max_lag
    }
}

impl From<Option<Accepted>> for InFlight {
    fn from(accepted: Option<Accepted>) -> Self {
        accepted.map_or(Self::Idle, Self::Accepted)
    }
}

impl InFlight {
    /// The resize that was sent last.
    pub fn last(&self) -> Option<&Sent> {
        match self {
            Self::Idle => None,
            Self::Unanswered { call, .. } => Some(call),
            Self::Accepted(accepted) => Some(&accepted.resize),
        }
    }

    /// The accepted resize: in flight, or in flight again if the call that replaces it is rejected.
    pub fn accepted_mut(&mut self) -> Option<&mut Accepted> {
        match self {
            Self::Idle => None,
            Self::Unanswered { replaces, .. } => replaces.as_mut(),
            Self::Accepted(accepted) => Some(accepted),
        }
    }

    pub fn accepted(&self) -> Option<&Accepted> {
        match self {
            Self::Idle => None,
            Self::Unanswered { replaces, .. } => replaces.as_ref(),
            Self::Accepted(accepted) => Some(accepted),
        }
    }

    /// Removes the accepted resize, if there is one.
    pub fn into_accepted(self) -> Option<Accepted> {
        match self {
            Self::Idle => None,
            Self::Unanswered { replaces, .. } => replaces,
            Self::Accepted(accepted) => Some(accepted),
        }
    }
}
