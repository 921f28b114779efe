//! The stream of lz4-java's `LZ4BlockOutputStream`, which Spark writes and the lz4 tool cannot read.
//!
//! Each block has a header: `LZ4Block`, a token (method and block size), the compressed and the
//! original length and a checksum, all little-endian. A block without content ends a stream, after
//! which another may follow.

use std::io::{self, Read};

use twox_hash::XxHash32;

use super::blocks::{BlockFormat, damaged, fill, header};

const MAGIC: &[u8; 8] = b"LZ4Block";
const HEADER_BYTES: usize = 21;
const METHOD_RAW: u8 = 0x10;
const METHOD_LZ4: u8 = 0x20;
/// The seed and the mask of `LZ4BlockOutputStream`'s checksum.
const CHECKSUM_SEED: u32 = 0x9747_B28C;
const CHECKSUM_MASK: u32 = 0x0FFF_FFFF;

/// A block has at most 32 MiB.
#[derive(Default)]
pub struct Lz4Block {
    compressed: Vec<u8>,
    /// Whether the last block was the end of a stream.
    is_ended: bool,
}

impl BlockFormat for Lz4Block {
    fn next_block(&mut self, input: &mut impl Read, block: &mut Vec<u8>) -> io::Result<bool> {
        let Some(header) = header::<HEADER_BYTES>(input)? else {
            return if self.is_ended {
                Ok(false)
            } else {
                Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the lz4 stream ends without its end mark",
                ))
            };
        };
        let header = Header::parse(&header)?;
        self.is_ended = header.original == 0;
        if !self.is_ended {
            self.read_block(input, block, &header)?;
        }
        Ok(true)
    }
}

impl Lz4Block {
    fn read_block(
        &mut self,
        input: &mut impl Read,
        block: &mut Vec<u8>,
        header: &Header,
    ) -> io::Result<()> {
        fill(input, &mut self.compressed, header.compressed)?;
        block.resize(header.original, 0);
        if header.is_raw {
            block.copy_from_slice(&self.compressed);
        } else {
            let decompressed = lz4_flex::block::decompress_into(&self.compressed, block);
            if decompressed.ok() != Some(header.original) {
                return Err(corrupt("a block cannot be decompressed"));
            }
        }
        let checksum = XxHash32::oneshot(CHECKSUM_SEED, block) & CHECKSUM_MASK;
        // Some writers of the format leave the checksum out.
        if header.checksum != 0 && header.checksum != checksum {
            return Err(corrupt("the checksum of a block is wrong"));
        }
        Ok(())
    }
}

struct Header {
    is_raw: bool,
    compressed: usize,
    original: usize,
    checksum: u32,
}

impl Header {
    fn parse(bytes: &[u8; HEADER_BYTES]) -> io::Result<Self> {
        let number = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let (method, level) = (bytes[8] & 0xF0, bytes[8] & 0x0F);
        let block_bytes_max = 1_usize << (10 + level);
        let (compressed, original) = (number(9) as usize, number(13) as usize);
        let is_raw = method == METHOD_RAW;
        let fits = original <= block_bytes_max
            && compressed <= lz4_flex::block::get_maximum_output_size(block_bytes_max)
            && (original == 0) == (compressed == 0)
            && (!is_raw || original == compressed);
        if bytes[..8] != *MAGIC || !(is_raw || method == METHOD_LZ4) || !fits {
            return Err(corrupt("expected the header of a block"));
        }
        Ok(Self {
            is_raw,
            compressed,
            original,
            checksum: number(17),
        })
    }
}

fn corrupt(problem: &str) -> io::Error {
    damaged(&format!("the lz4 stream is damaged: {problem}"))
}
