//! Text that others wrote, made harmless for terminals, logs and pages: names of applications, what
//! services answer, what files contain.

mod escape;
mod log;
mod secrets;

pub use escape::{is_hidden, one_line, shortened, visible};
pub use log::LogWriter;
pub use secrets::without_secrets;

/// The length at which [`remark`] cuts what a service says. Messages of AWS take up to 500 characters.
const REMARK_CHARS: usize = 600;

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

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

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
