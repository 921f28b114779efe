//! The stream of compress-lzf's `LZFOutputStream`, which Spark writes: chunks of at most 64 KiB, each
//! with a header: `ZV`, whether it is compressed, the length in the stream and, if it is compressed,
//! the original length, both big-endian.

use std::io::{self, Read};

const MAGIC: &[u8; 2] = b"ZV";

/// Decompresses one chunk at a time.
pub struct Lzf<R> {
    input: R,
    compressed: Vec<u8>,
    chunk: Vec<u8>,
    position: usize,
}

impl<R: Read> Lzf<R> {
    pub fn new(input: R) -> Self {
        Self {
            input,
            compressed: Vec::new(),
            chunk: Vec::new(),
            position: 0,
        }
    }

    /// Reads the next chunk with content. Returns whether there is one.
    fn next_chunk(&mut self) -> io::Result<bool> {
        loop {
            let mut header = [0; 5];
            if self.input.read(&mut header[..1])? == 0 {
                return Ok(false);
            }
            self.input.read_exact(&mut header[1..])?;
            let bytes = u16::from_be_bytes([header[3], header[4]]).into();
            self.position = 0;
            match header[2] {
                _ if header[..2] != *MAGIC => return Err(corrupt()),
                0 => {
                    self.chunk.resize(bytes, 0);
                    self.input.read_exact(&mut self.chunk)?;
                }
                1 => {
                    let mut original = [0; 2];
                    self.input.read_exact(&mut original)?;
                    self.compressed.resize(bytes, 0);
                    self.input.read_exact(&mut self.compressed)?;
                    self.chunk.clear();
                    let original = u16::from_be_bytes(original).into();
                    decompress(&self.compressed, &mut self.chunk, original)
                        .filter(|()| self.chunk.len() == original)
                        .ok_or_else(corrupt)?;
                }
                _ => return Err(corrupt()),
            }
            if !self.chunk.is_empty() {
                return Ok(true);
            }
        }
    }
}

/// Appends what a chunk contains. `None` if it is damaged.
fn decompress(mut compressed: &[u8], chunk: &mut Vec<u8>, bytes_max: usize) -> Option<()> {
    while let Some((&control, rest)) = compressed.split_first() {
        compressed = rest;
        let control = usize::from(control);
        if control < 32 {
            let (literal, rest) = compressed.split_at_checked(control + 1)?;
            chunk.extend_from_slice(literal);
            compressed = rest;
        } else {
            let mut next = || {
                let (&byte, rest) = compressed.split_first()?;
                compressed = rest;
                Some(usize::from(byte))
            };
            let length = match control >> 5 {
                7 => 7 + next()?,
                length => length,
            };
            let back = ((control & 31) << 8 | next()?) + 1;
            let start = chunk.len().checked_sub(back)?;
            // The bytes may overlap those that are appended.
            for position in start..start + length + 2 {
                chunk.push(chunk[position]);
            }
        }
        if chunk.len() > bytes_max {
            return None;
        }
    }
    Some(())
}

fn corrupt() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the LZF stream is damaged")
}

impl<R: Read> Read for Lzf<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || (self.position == self.chunk.len() && !self.next_chunk()?) {
            return Ok(0);
        }
        let read = (&self.chunk[self.position..]).read(buffer)?;
        self.position += read;
        Ok(read)
    }
}
