//! The stream of compress-lzf's `LZFOutputStream`, which Spark writes: chunks of at most 64 KiB, each
//! with a header: `ZV`, whether it is compressed, the length in the stream and, if it is compressed,
//! the original length, both big-endian.

use std::io::{self, Read};

use super::blocks::{BlockFormat, damaged, fill, header};

const MAGIC: &[u8; 2] = b"ZV";

#[derive(Default)]
pub struct Lzf {
    compressed: Vec<u8>,
}

impl BlockFormat for Lzf {
    fn next_block(&mut self, input: &mut impl Read, block: &mut Vec<u8>) -> io::Result<bool> {
        let Some(header) = header::<5>(input)? else {
            return Ok(false);
        };
        let bytes = u16::from_be_bytes([header[3], header[4]]).into();
        match header[2] {
            _ if header[..2] != *MAGIC => return Err(corrupt()),
            0 => fill(input, block, bytes)?,
            1 => {
                let mut original = [0; 2];
                input.read_exact(&mut original)?;
                fill(input, &mut self.compressed, bytes)?;
                let original = u16::from_be_bytes(original).into();
                decompress(&self.compressed, block, original)
                    .filter(|()| block.len() == original)
                    .ok_or_else(corrupt)?;
            }
            _ => return Err(corrupt()),
        }
        Ok(true)
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
    damaged("the LZF stream is damaged")
}
