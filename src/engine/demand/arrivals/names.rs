//! Applications at a reading, and the names under which something is remembered.

use std::sync::Arc;
use std::time::Duration;

/// The most names that are remembered.
pub const NAMES: usize = 100;
/// Names that have not come back for so long are forgotten.
pub const MEMORY: Duration = Duration::from_secs(5 * 7 * 86_400);

/// How much of a name counts, in characters.
pub const NAME: usize = 80;

/// An application at a reading.
pub struct Seen<'a> {
    pub id: &'a Arc<str>,
    pub name: &'a str,
    /// Units that it holds.
    pub held: f64,
    /// These and those that it waits for.
    pub needed: f64,
    /// It says what is left to do.
    pub is_known: bool,
}

/// The name without numbers, which often are a date or a serial number: runs of digits become `#`.
pub fn without_numbers(name: &str) -> String {
    let mut short = String::new();
    for letter in name.chars().take(NAME) {
        match letter {
            '0'..='9' if short.ends_with('#') => {}
            '0'..='9' => short.push('#'),
            other => short.push(other),
        }
    }
    short
}
