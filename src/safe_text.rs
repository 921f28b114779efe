//! Text that others wrote, made harmless for terminals, logs and pages: names of applications, what
//! services answer, what files contain.

mod log;
mod secrets;

use std::borrow::Cow;
use std::fmt::Write;

pub use log::LogWriter;
pub use secrets::without_secrets;

/// The length at which [`remark`] cuts what a service says. Messages of AWS take up to 500 characters.
const REMARK_CHARS: usize = 600;

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

/// What a service says, for an error or a log: one line of limited length, without what looks like a
/// secret. A hostile service can echo the request that it got, with its credentials.
pub fn remark(text: &str) -> String {
    // Cut twice: a secret must not be cut to a length at which it is not recognized.
    let plain = without_secrets(shortened(text, 8 * REMARK_CHARS));
    let line = one_line(plain.trim());
    let short = shortened(&line, REMARK_CHARS);
    if short.len() == line.len() {
        line.into_owned()
    } else {
        format!("{short}...")
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_shown_instead() {
        let table = [
            ("größe 数 \u{1f600} a\tb\n", "größe 数 \u{1f600} a\tb\n"),
            ("\u{1b}[2J\u{7}\u{8}\0", "\\u001b[2J\\u0007\\u0008\\u0000"),
            ("a\rb\u{7f}\u{9b}1m", "a\\u000db\\u007f\\u009b1m"),
            ("\u{202e}txt.exe\u{2066}", "\\u202etxt.exe\\u2066"),
            ("\u{2028}\u{200b}\u{feff}", "\\u2028\\u200b\\ufeff"),
            ("\u{e0041}", "\\udb40\\udc41"),
        ];
        for (text, expected) in table {
            assert_eq!(visible(text), expected, "{text:?}");
        }
        assert_eq!(one_line("a\nb\tc"), "a\\nb\\tc");
        assert!(matches!(visible("plain\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn json_keeps_its_meaning() {
        let value = serde_json::json!("\u{7f}\u{9b}\u{202e}\u{e0041}\u{2028}\n\"");
        let text = value.to_string();
        assert_ne!(visible(&text), text);
        let read: serde_json::Value = serde_json::from_str(&visible(&text)).expect("JSON");
        assert_eq!(read, value);
    }

    #[test]
    fn a_remark_is_one_line_and_not_long() {
        assert_eq!(
            remark("  two\nlines \u{1b}[31m "),
            "two\\nlines \\u001b[31m"
        );
        let long = remark(&"é ".repeat(1 << 20));
        assert_eq!(long.chars().count(), REMARK_CHARS + 3);
        assert!(long.ends_with("..."));
        // Newlines grow when they are escaped.
        assert!(remark(&"\n".repeat(5_000)).is_empty());
        assert!(remark(&"a\n".repeat(5_000)).len() <= REMARK_CHARS + 3);
    }

    #[test]
    fn a_text_is_shortened_between_characters() {
        assert_eq!(shortened("größe", 3), "grö");
        assert_eq!(shortened("größe", 5), "größe");
        assert_eq!(shortened("", 5), "");
    }
}
