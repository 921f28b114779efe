//! Where log lines pass on their way out.

use std::io::{self, Write};

use super::escape::one_line;
use super::secrets::without_secrets;

/// Writes each event of a log as one line, without control characters and without what looks like a
/// secret, whatever the event quotes. Expects whole events, as `tracing-subscriber` writes them.
#[derive(Clone, Debug)]
pub struct LogWriter<W> {
    inner: W,
    is_coloured: bool,
}

impl<W: Write> LogWriter<W> {
    /// A log on `inner`. If it `is_coloured`, codes for colours stay, and no others.
    pub fn new(inner: W, is_coloured: bool) -> Self {
        Self { inner, is_coloured }
    }

    fn line(&self, event: &str) -> String {
        let event = without_secrets(event.trim_end_matches('\n'));
        let mut parts = event.split('\u{1b}');
        let mut line = one_line(parts.next().unwrap_or_default()).into_owned();
        for part in parts {
            let rest = colour_end(part).filter(|_| self.is_coloured);
            match rest {
                Some(end) => line.push_str(&format!("\u{1b}{}", &part[..end])),
                None => line.push_str(&one_line("\u{1b}")),
            }
            line.push_str(&one_line(&part[rest.unwrap_or(0)..]));
        }
        line.push('\n');
        line
    }
}

impl<W: Write> Write for LogWriter<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let line = self.line(&String::from_utf8_lossy(event));
        self.inner.write_all(line.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// The end of a code for a colour, such as `[32m`, that a text begins with.
fn colour_end(text: &str) -> Option<usize> {
    let digits = text.strip_prefix('[')?;
    let rest = digits.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
    let end = rest.strip_prefix('m')?;
    Some(text.len() - end.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(event: &str, is_coloured: bool) -> String {
        let mut log = LogWriter::new(Vec::new(), is_coloured);
        log.write_all(event.as_bytes()).expect("writes");
        String::from_utf8(log.inner).expect("UTF-8")
    }

    #[test]
    fn an_event_is_one_line_whatever_it_quotes() {
        let event = "INFO app=\"a\nERROR all is lost\r\u{1b}[2J\u{202e}\"\n";
        let expected = "INFO app=\"a\\nERROR all is lost\\u000d\\u001b[2J\\u202e\"\n";
        assert_eq!(written(event, false), expected);
        assert_eq!(written(event, true), expected);
    }

    #[test]
    fn only_colours_stay_and_only_on_a_terminal() {
        let event = "\u{1b}[32m INFO\u{1b}[0m a \u{1b}[1;31mb \u{1b}]0;title\u{7}\n";
        assert_eq!(
            written(event, true),
            "\u{1b}[32m INFO\u{1b}[0m a \u{1b}[1;31mb \\u001b]0;title\\u0007\n"
        );
        assert!(!written(event, false).contains('\u{1b}'));
    }

    #[test]
    fn an_address_with_a_password_loses_it() {
        assert_eq!(written("at http://a:b@rm/\n", false), "at http://rm/\n");
    }
}
