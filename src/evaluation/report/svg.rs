//! Text in pictures.

use crate::safe_text::one_line;

/// Escapes text for the content of an SVG element. XML has no control characters, not even escaped.
pub fn escaped(text: &str) -> String {
    one_line(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_break_the_file() {
        assert_eq!(escaped("a<b & c>"), "a&lt;b &amp; c&gt;");
        assert_eq!(escaped("\0\n\u{202e}"), "\\u0000\\n\\u202e");
    }
}
