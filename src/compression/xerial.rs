//! The stream of snappy-java's `SnappyOutputStream`, which Spark writes: a header of 16 bytes, then
//! chunks, each a big-endian length and a raw snappy block. Streams may follow one another.

use std::io::{self, Read};

const HEADER_BYTES: usize = 16;
const MAGIC: &[u8; 8] = b"\x82SNAPPY\0";

/// The largest chunk. snappy-java's default is 32 KiB, and its largest 512 MiB, which nobody uses.
const CHUNK_BYTES_MAX: usize = 64 << 20;

/// Decompresses one chunk at a time.
pub struct XerialSnappy<R> {
    input: R,
    decoder: snap::raw::Decoder,
    compressed: Vec<u8>,
    chunk: Vec<u8>,
    position: usize,
}

impl<R: Read> XerialSnappy<R> {
    pub fn new(input: R) -> Self {
        Self {
            input,
            decoder: snap::raw::Decoder::new(),
            compressed: Vec::new(),
            chunk: Vec::new(),
            position: 0,
        }
    }

    /// Reads the next chunk with content. Returns whether there is one.
    fn next_chunk(&mut self) -> io::Result<bool> {
        loop {
            let mut start = [0; 4];
            if self.input.read(&mut start[..1])? == 0 {
                return Ok(false);
            }
            self.input.read_exact(&mut start[1..])?;
            if start == MAGIC[..4] {
                let mut rest = [0; HEADER_BYTES - 4];
                self.input.read_exact(&mut rest)?;
                if rest[..4] != MAGIC[4..] {
                    return Err(corrupt("expected the header of a stream"));
                }
                continue;
            }
            self.read_chunk(u32::from_be_bytes(start) as usize)?;
            if !self.chunk.is_empty() {
                return Ok(true);
            }
        }
    }

    fn read_chunk(&mut self, bytes: usize) -> io::Result<()> {
        if bytes > CHUNK_BYTES_MAX {
            return Err(corrupt("a chunk is too long"));
        }
        self.compressed.resize(bytes, 0);
        self.input.read_exact(&mut self.compressed)?;
        let bytes = snap::raw::decompress_len(&self.compressed)
            .ok()
            .filter(|bytes| *bytes <= CHUNK_BYTES_MAX)
            .ok_or_else(|| corrupt("a chunk has no length that fits"))?;
        self.chunk.resize(bytes, 0);
        self.position = 0;
        self.decoder
            .decompress(&self.compressed, &mut self.chunk)
            .map_err(|_| corrupt("a chunk cannot be decompressed"))?;
        Ok(())
    }
}

fn corrupt(problem: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("the snappy stream is damaged: {problem}"),
    )
}

impl<R: Read> Read for XerialSnappy<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || (self.position == self.chunk.len() && !self.next_chunk()?) {
            return Ok(0);
        }
        let read = (&self.chunk[self.position..]).read(buffer)?;
        self.position += read;
        Ok(read)
    }
}
