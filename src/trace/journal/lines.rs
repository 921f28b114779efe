//! Reads the lines of a plain or zstd stream through one reused buffer.

use std::io::{self, BufRead, BufReader, Cursor, Read};

/// The longest line that is read. No record is longer, and a file without newlines fails here
/// instead of filling the memory.
pub(crate) const LINE_BYTES_MAX: usize = 64 << 20;

/// Large enough for a whole zstd block (128 KiB).
const BUFFER_BYTES: usize = 128 << 10;

/// The first bytes of a zstd frame (RFC 8878, section 3.1.1).
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

/// A byte stream, decompressed if it was compressed.
pub(crate) struct Decoded {
    pub input: Box<dyn BufRead + Send>,
    pub compressed: bool,
}

/// Decompresses `input` if its first bytes are those of a zstd frame.
pub(crate) fn decode(mut input: impl Read + Send + 'static) -> io::Result<Decoded> {
    let mut magic = Vec::with_capacity(ZSTD_MAGIC.len());
    input
        .by_ref()
        .take(ZSTD_MAGIC.len() as u64)
        .read_to_end(&mut magic)?;
    let compressed = magic == ZSTD_MAGIC;
    let whole = Cursor::new(magic).chain(input);
    let input: Box<dyn BufRead + Send> = if compressed {
        Box::new(BufReader::with_capacity(
            BUFFER_BYTES,
            zstd::Decoder::new(whole)?,
        ))
    } else {
        Box::new(BufReader::with_capacity(BUFFER_BYTES, whole))
    };
    Ok(Decoded { input, compressed })
}

/// Reads line by line.
pub(crate) struct Lines {
    input: Box<dyn BufRead + Send>,
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
    pub fn new(input: Box<dyn BufRead + Send>) -> Self {
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
        Lines::new(decode(text).expect("decodes").input)
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
