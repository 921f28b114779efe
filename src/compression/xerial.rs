//! The stream of snappy-java's `SnappyOutputStream`, which Spark writes: a header of 16 bytes, then
//! chunks, each a big-endian length and a raw snappy block. Streams may follow one another.

use std::io::{self, Read};

use super::blocks::{BlockFormat, damaged, fill, header};

const HEADER_BYTES: usize = 16;
const MAGIC: &[u8; 8] = b"\x82SNAPPY\0";

/// The largest chunk. snappy-java's default is 32 KiB, and its largest 512 MiB, which nobody uses.
const CHUNK_BYTES_MAX: usize = 64 << 20;

#[derive(Default)]
pub struct XerialSnappy {
    decoder: snap::raw::Decoder,
    compressed: Vec<u8>,
}

impl BlockFormat for XerialSnappy {
    fn next_block(&mut self, input: &mut impl Read, block: &mut Vec<u8>) -> io::Result<bool> {
        let Some(start) = header::<4>(input)? else {
            return Ok(false);
        };
        if start == MAGIC[..4] {
            let mut rest = [0; HEADER_BYTES - 4];
            input.read_exact(&mut rest)?;
            if rest[..4] != MAGIC[4..] {
                return Err(corrupt("expected the header of a stream"));
            }
        } else {
            self.read_chunk(input, block, u32::from_be_bytes(start) as usize)?;
        }
        Ok(true)
    }
}

impl XerialSnappy {
    fn read_chunk(
        &mut self,
        input: &mut impl Read,
        block: &mut Vec<u8>,
        bytes: usize,
    ) -> io::Result<()> {
        if bytes > CHUNK_BYTES_MAX {
            return Err(corrupt("a chunk is too long"));
        }
        fill(input, &mut self.compressed, bytes)?;
        let bytes = snap::raw::decompress_len(&self.compressed)
            .ok()
            .filter(|bytes| *bytes <= CHUNK_BYTES_MAX)
            .ok_or_else(|| corrupt("a chunk has no length that fits"))?;
        block.resize(bytes, 0);
        self.decoder
            .decompress(&self.compressed, block)
            .map_err(|_| corrupt("a chunk cannot be decompressed"))?;
        Ok(())
    }
}

fn corrupt(problem: &str) -> io::Error {
    damaged(&format!("the snappy stream is damaged: {problem}"))
}
