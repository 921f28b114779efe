//! Escapes characters that a terminal or a browser would obey.

use std::borrow::Cow;
use std::fmt::Write;

/// The text with characters escaped that a terminal obeys or does not show: control characters, and
/// those that change the direction of text or hide in it. Newlines and tabs stay.
///
/// The escapes are those of JSON (`\u001b`), so that JSON keeps its meaning.
pub fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, |c| is_hidden(c) && !matches!(c, '\n' | '\t'))
}

/// Like [`visible`], with newlines and tabs escaped, too.
pub fn one_line(text: &str) -> Cow<'_, str> {
    escaped(text, is_hidden)
}

/// The first characters of a text, at most so many.
pub fn shortened(text: &str, most_chars: usize) -> &str {
    match text.char_indices().nth(most_chars) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

/// Whether a terminal or a browser obeys the character instead of showing it.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // Marks and overrides of direction, of which some reorder a whole line.
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            // Separators that some programs take for a new line.
            | '\u{2028}' | '\u{2029}'
            // Without width: two names can look the same.
            | '\u{200b}' | '\u{2060}' | '\u{feff}'
            // Invisible copies of ASCII.
            | '\u{e0000}'..='\u{e007f}')
}

fn escaped(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' if is_escaped(c) => safe.push_str("\\n"),
            '\t' if is_escaped(c) => safe.push_str("\\t"),
            c if is_escaped(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(safe, "\\u{unit:04x}");
                }
            }
            c => safe.push(c),
        }
    }
    Cow::Owned(safe)
}
