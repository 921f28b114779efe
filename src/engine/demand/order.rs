//! The order in which the targets of a demand scale out and in.

use super::member::Member;
use crate::observation::{Market, Role};

/// The members of a demand by their positions.
#[derive(Clone, Debug)]
pub struct Order {
    /// The first to scale out first.
    pub first_to_grow: Vec<usize>,
    /// The first to scale in first.
    pub first_to_go: Vec<usize>,
}

impl Order {
    /// Orders members so that those of `first_market` scale out first. With spot first, core groups are
    /// the last to scale out; in either order, they are the last to scale in.
    pub fn of(members: &[Member], first_market: Market) -> Self {
        let is_spot_first = first_market == Market::Spot;
        let is_core = |member: usize| members[member].role == Role::Core;
        let is_later = |member: usize| members[member].market != first_market;
        let mut first_to_grow: Vec<usize> = (0..members.len()).collect();
        first_to_grow.sort_by_key(|member| {
            (
                is_core(*member) == is_spot_first,
                is_later(*member),
                *member,
            )
        });
        let mut first_to_go: Vec<usize> = first_to_grow.iter().rev().copied().collect();
        first_to_go.sort_by_key(|member| is_core(*member));
        Self {
            first_to_grow,
            first_to_go,
        }
    }
}
