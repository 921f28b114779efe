//! What must be true of every storm, whatever happens.

mod calls;
mod daemon;
mod decisions;
mod growth;
mod scale_in;

use super::history::History;

/// Returns what contradicts it, in words, with the second of the storm.
type Invariant = fn(&History) -> Vec<String>;

/// Every invariant.
const INVARIANTS: &[Invariant] = &[
    // What EMR is asked.
    calls::sizes_are_within_limits_and_floors,
    calls::nothing_is_asked_while_a_call_is_unanswered,
    calls::directions_do_not_change_too_soon,
    calls::no_call_is_repeated_for_nothing,
    calls::nothing_is_resized_while_paused,
    calls::nothing_is_resized_that_is_amazons_or_not_ready,
    calls::nothing_scales_in_while_that_is_frozen,
    calls::a_window_that_opens_has_its_minimum,
    // When and what a group loses.
    scale_in::nothing_scales_in_on_what_is_not_known,
    scale_in::no_node_of_an_application_master_goes_while_another_will_do,
    scale_in::what_does_not_work_goes_first,
    // When a group grows.
    growth::growth_does_not_add_up_while_instances_are_owed,
    growth::growth_does_not_wait_for_a_drain,
    growth::what_does_not_work_is_no_room,
    // What is decided and recorded.
    decisions::every_call_was_decided_and_written_before,
    decisions::every_decision_follows_again_from_the_journal,
    decisions::every_decision_is_explained,
    decisions::every_decision_is_what_the_documentation_says,
    // The life of the daemon.
    daemon::it_starts_whenever_it_can,
    daemon::it_ticks_at_every_poll,
    daemon::it_converges_when_faults_cease,
];

/// Everything that contradicts an invariant.
pub fn violations(history: &History) -> Vec<String> {
    let invariants = INVARIANTS.iter();
    invariants
        .flat_map(|invariant| invariant(history))
        .collect()
}
