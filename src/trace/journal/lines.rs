//! Reads the lines of a stream through one reused buffer.

use std::io::{self, BufRead, Read};

use crate::compression::Decompressed;

/// The longest line that is read. No record is longer, and a file without newlines fails here
/// instead of filling the memory.
pub(crate) const LINE_BYTES_MAX: usize = 64 << 20;

/// Reads line by line.
pub(crate) struct Lines {
    input: Decompressed,
    buffer: Vec<u8>,
    number: u64,
    offset: u64,
    bytes_max: usize,
}

pub(crate) struct Line<'a> {
    /// From one.
    pub number: u64,
    /// Without the newline.
    pub bytes: &'a [u8],
    /// Whether there was a newline: only the last line of a stream can lack it.
    pub terminated: bool,
}

#[derive(Debug)]
pub(crate) struct LineError {
    pub line: u64,
    pub cause: LineErrorCause,
}

#[derive(Debug)]
pub(crate) enum LineErrorCause {
    Read(io::Error),
    TooLong,
}

impl Lines {
    pub fn new(input: Decompressed) -> Self {
        Self {
            input,
            buffer: Vec::new(),
            number: 0,
            offset: 0,
            bytes_max: LINE_BYTES_MAX,
        }
    }

    /// The number of bytes up to the end of the last line, including its newline.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The number of bytes of the current line that were read before an error.
    pub fn unfinished_bytes(&self) -> u64 {
        self.buffer.len() as u64
    }

    /// Whether a line that is not blank follows. Blank lines before it are skipped.
    pub fn has_more(&mut self) -> Result<bool, LineError> {
        loop {
            let buffer = self.input.fill_buf().map_err(|source| LineError {
                line: self.number + 1,
                cause: LineErrorCause::Read(source),
            })?;
            let blank = match buffer {
                [] => return Ok(false),
                buffer => buffer
                    .iter()
                    .position(|byte| !byte.is_ascii_whitespace())
                    .unwrap_or(buffer.len()),
            };
            let is_more = blank < buffer.len();
            self.number += buffer[..blank]
                .iter()
                .filter(|byte| **byte == b'\n')
                .count() as u64;
            self.offset += blank as u64;
            self.input.consume(blank);
            if is_more {
                return Ok(true);
            }
        }
    }

    /// The next line that is not blank, or `None` at the end.
    pub fn next_line(&mut self) -> Result<Option<Line<'_>>, LineError> {
        loop {
            self.buffer.clear();
            self.number += 1;
            let limit = self.bytes_max as u64 + 1;
            let read = self
                .input
                .by_ref()
                .take(limit)
                .read_until(b'\n', &mut self.buffer);
            let read = read.map_err(|source| LineError {
                line: self.number,
                cause: LineErrorCause::Read(source),
            })?;
            if read == 0 {
                return Ok(None);
            }
            self.offset += read as u64;
            let terminated = self.buffer.last() == Some(&b'\n');
            if terminated {
                self.buffer.pop();
            }
            if self.buffer.len() > self.bytes_max {
                return Err(LineError {
                    line: self.number,
                    cause: LineErrorCause::TooLong,
                });
            }
            if !self.buffer.trim_ascii().is_empty() {
                return Ok(Some(Line {
                    number: self.number,
                    bytes: &self.buffer,
                    terminated,
                }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &'static [u8]) -> Lines {
        Lines::new(Box::new(text))
    }

    #[test]
    fn blank_lines_are_skipped_but_counted() {
        let mut lines = lines(b"a\n\n \r\nb");
        let first = lines.next_line().expect("reads").expect("a line");
        assert_eq!(
            (first.number, first.bytes, first.terminated),
            (1, &b"a"[..], true)
        );
        let second = lines.next_line().expect("reads").expect("a line");
        assert_eq!(
            (second.number, second.bytes, second.terminated),
            (4, &b"b"[..], false)
        );
        assert!(lines.next_line().expect("reads").is_none());
    }

    #[test]
    fn a_line_may_be_as_long_as_the_bound_and_no_longer() {
        for (text, fits) in [
            (&b"1234\n"[..], true),
            (b"1234", true),
            (b"12345\n", false),
            (b"12345", false),
        ] {
            let mut lines = lines(text);
            lines.bytes_max = 4;
            assert_eq!(lines.next_line().is_ok(), fits, "{text:?}");
        }
    }
}
