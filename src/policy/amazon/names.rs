//! Names of policies and rules: of certain characters, not too long, each once.

/// The most characters of a name.
pub const LONGEST: usize = 64;

/// A text with the characters that names may have, and not too long.
pub fn allowed(text: &str) -> String {
    let allowed = |c: char| {
        if c.is_alphanumeric() || "-_. ".contains(c) {
            c
        } else {
            '-'
        }
    };
    text.trim().chars().map(allowed).take(LONGEST).collect()
}

/// The name itself when it is not taken, else with the first number that makes it so.
pub fn distinct(name: &str, taken: &[String]) -> String {
    let numbered = (2..).map(|number| {
        let end = format!("-{number}");
        let kept: String = name.chars().take(LONGEST - end.len()).collect();
        kept + &end
    });
    std::iter::once(name.to_owned())
        .chain(numbered)
        .find(|name| !taken.contains(name))
        .unwrap_or_default()
}

/// `MyCluster core`: what a policy is for, the part that tells policies of one document apart last
/// and whole.
pub fn of_policy(cluster: &str, part: &str) -> String {
    let part = allowed(part);
    let room = LONGEST.saturating_sub(part.chars().count() + 1);
    let cluster: String = allowed(cluster).chars().take(room).collect();
    let cluster = cluster.trim_matches(['-', ' ']);
    format!("{cluster} {part}").trim().to_owned()
}
