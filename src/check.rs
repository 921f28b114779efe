//! What `headroom check` does: lint policies, run policy tests.
