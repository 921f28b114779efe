//! Names that conditions give a meaning of their own.

use crate::observation::ClusterState;
use crate::policy::condition::WindowFunction;
use crate::policy::signal::Signal;

/// The one name that stands for a state, not for a number.
pub const CLUSTER_STATE: &str = "emr_cluster_state";

/// Whether a condition already gives this name a meaning.
pub fn is_taken(name: &str) -> bool {
    let reserved = [
        CLUSTER_STATE,
        "and",
        "or",
        "not",
        "true",
        "false",
        "greatest",
        "least",
    ];
    reserved.contains(&name)
        || Signal::from_name(name).is_some()
        || window_function(name).is_some()
        || cluster_state(name).is_some()
}

/// The function over a window with this name.
pub fn window_function(name: &str) -> Option<WindowFunction> {
    Some(match name {
        "avg" => WindowFunction::Average,
        "min" => WindowFunction::Minimum,
        "max" => WindowFunction::Maximum,
        "rate" => WindowFunction::Rate,
        _ => {
            let percentile = name
                .strip_prefix('p')
                .filter(|digits| digits.len() == 2)?
                .parse()
                .ok()?;
            (50..=99)
                .contains(&percentile)
                .then_some(WindowFunction::Percentile(percentile))?
        }
    })
}

/// The cluster state with this name.
pub fn cluster_state(name: &str) -> Option<ClusterState> {
    ClusterState::ALL
        .iter()
        .copied()
        .find(|state| state.as_str() == name)
}
