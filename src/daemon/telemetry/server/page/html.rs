//! Escaping text for HTML.

use std::fmt;

use crate::safe_text::one_line;

/// Displays text with the characters escaped that HTML would take for markup, and those that would
/// change the text around it, as overrides of direction do.
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in one_line(self.0).split_inclusive(['&', '<', '>', '"', '\'']) {
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
        assert_eq!(Escaped("\0a\u{202e}b\n").to_string(), "\\u0000a\\u202eb\\n");
    }
}
