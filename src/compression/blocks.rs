//! Streams of blocks that are decompressed one at a time.

use std::io::{self, Read};

/// A format of such streams.
pub trait BlockFormat {
    /// Reads the next block into `block`, which then has its content and nothing else. Returns whether
    /// there was one; a block may be empty.
    ///
    /// # Errors
    /// When the stream is damaged or cannot be read.
    fn next_block(&mut self, input: &mut impl Read, block: &mut Vec<u8>) -> io::Result<bool>;
}

/// The content of a stream of blocks.
pub struct Blocks<R, F> {
    input: R,
    format: F,
    block: Vec<u8>,
    position: usize,
}

impl<R: Read, F: BlockFormat> Blocks<R, F> {
    pub fn new(input: R, format: F) -> Self {
        Self {
            input,
            format,
            block: Vec::new(),
            position: 0,
        }
    }
}

impl<R: Read, F: BlockFormat> Read for Blocks<R, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while self.position == self.block.len() {
            self.position = 0;
            self.block.clear();
            if !self.format.next_block(&mut self.input, &mut self.block)? {
                return Ok(0);
            }
        }
        let read = (&self.block[self.position..]).read(buffer)?;
        self.position += read;
        Ok(read)
    }
}

/// Reads a header of fixed length. `None` at the end of the input.
///
/// # Errors
/// When the input ends within the header, or cannot be read.
pub fn header<const BYTES: usize>(input: &mut impl Read) -> io::Result<Option<[u8; BYTES]>> {
    let mut header = [0; BYTES];
    if input.read(&mut header[..1])? == 0 {
        return Ok(None);
    }
    input.read_exact(&mut header[1..])?;
    Ok(Some(header))
}

/// Replaces the content of `bytes` by the next `length` bytes.
///
/// # Errors
/// When the input ends before, or cannot be read.
pub fn fill(input: &mut impl Read, bytes: &mut Vec<u8>, length: usize) -> io::Result<()> {
    bytes.resize(length, 0);
    input.read_exact(bytes)
}

/// The error of a damaged stream.
pub fn damaged(problem: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}
