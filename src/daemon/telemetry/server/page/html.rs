//! Escaping text for HTML.

use std::fmt;

/// Displays text with the characters escaped that HTML would take for markup.
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.0.split_inclusive(['&', '<', '>', '"', '\'']) {
            let special = part.chars().next_back().and_then(entity);
            match special {
                Some(entity) => write!(f, "{}{entity}", &part[..part.len() - 1])?,
                None => f.write_str(part)?,
            }
        }
        Ok(())
    }
}

fn entity(character: char) -> Option<&'static str> {
    Some(match character {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        '"' => "&quot;",
        '\'' => "&#39;",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_someone_else_wrote_becomes_markup() {
        assert_eq!(
            Escaped("<b title='x'>a & \"b\"").to_string(),
            "&lt;b title=&#39;x&#39;&gt;a &amp; &quot;b&quot;"
        );
        assert_eq!(Escaped("größer >").to_string(), "größer &gt;");
        assert_eq!(Escaped("").to_string(), "");
    }
}
