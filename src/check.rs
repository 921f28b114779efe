//! What `headroom check` does: lint policies, run policy tests.

pub mod lint;
pub mod policy_test;
