//! Decompression of files. The first bytes decide, never the name, because event logs and saved files
//! often have no extension or a wrong one. Everything is decompressed as a stream: the memory that
//! is taken does not depend on the size of the file or of its content.

mod blocks;
mod lz4_block;
mod lz4_frame;
mod lzf;
mod xerial;

use std::io::{self, BufRead, BufReader, Cursor, Read};

use blocks::Blocks;
use flate2::bufread::MultiGzDecoder;
use lz4_block::Lz4Block;
use lz4_frame::Lz4Frames;
use lzf::Lzf;
use xerial::XerialSnappy;

/// Large enough for a whole zstd block (128 KiB).
const BUFFER_BYTES: usize = 128 << 10;

/// The number of first bytes that decide.
const MAGIC_BYTES: u64 = 10;

/// How often a file may be compressed: a log that Spark compressed may have been compressed again
/// when it was archived.
const LAYERS_MAX: usize = 3;

/// A decompressed stream.
pub(crate) type Decompressed = Box<dyn BufRead + Send>;

/// Decompresses `input` if its first bytes are those of a compressed stream.
///
/// # Errors
/// When the first bytes cannot be read, or show a format that Headroom does not decompress.
pub(crate) fn decompress(input: impl Read + Send + 'static) -> io::Result<Decompressed> {
    let mut input = BufReader::with_capacity(BUFFER_BYTES, input);
    // What cannot be read at all fails here; what is damaged fails where the damage is.
    input.fill_buf()?;
    let (mut format, mut whole) = recognize(input)?;
    for _ in 0..LAYERS_MAX {
        let inner: Box<dyn Read + Send> = match format {
            None => return Ok(whole),
            Some(Format::Gzip) => Box::new(MultiGzDecoder::new(whole)),
            Some(Format::Zstd) => Box::new(zstd::Decoder::with_buffer(whole)?),
            Some(Format::Lz4Frame) => Box::new(Lz4Frames::new(whole)),
            Some(Format::Lz4Block) => Box::new(Blocks::new(whole, Lz4Block::default())),
            Some(Format::Lzf) => Box::new(Blocks::new(whole, Lzf::default())),
            Some(Format::SnappyFrame) => Box::new(snap::read::FrameDecoder::new(whole)),
            Some(Format::XerialSnappy) => Box::new(Blocks::new(whole, XerialSnappy::default())),
        };
        (format, whole) = recognize(BufReader::with_capacity(BUFFER_BYTES, inner))?;
    }
    Ok(whole)
}

/// The end of a stream that cannot be read further.
struct Damaged(Option<io::Error>);

impl Read for Damaged {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

#[derive(Clone, Copy)]
enum Format {
    Gzip,
    Zstd,
    Lz4Frame,
    /// The format of `net.jpountz.lz4.LZ4BlockOutputStream`, which Spark writes.
    Lz4Block,
    /// The format of `com.ning.compress.lzf.LZFOutputStream`, which Spark writes.
    Lzf,
    SnappyFrame,
    /// The format of `org.xerial.snappy.SnappyOutputStream`, which Spark writes.
    XerialSnappy,
}

/// The format of a stream, if it is compressed, and the stream from its beginning, without frames
/// that hold no data.
fn recognize(input: impl BufRead + Send + 'static) -> io::Result<(Option<Format>, Decompressed)> {
    let mut input: Decompressed = Box::new(input);
    loop {
        let mut first = Vec::with_capacity(MAGIC_BYTES as usize);
        if let Err(error) = input.by_ref().take(MAGIC_BYTES).read_to_end(&mut first) {
            let end = BufReader::new(Damaged(Some(error)));
            return Ok((None, Box::new(Cursor::new(first).chain(end))));
        }
        let format = match first[..] {
            [0x1F, 0x8B, ..] => Some(Format::Gzip),
            [0x28, 0xB5, 0x2F, 0xFD, ..] => Some(Format::Zstd),
            [0x04, 0x22, 0x4D, 0x18, ..] | [0x02, 0x21, 0x4C, 0x18, ..] => Some(Format::Lz4Frame),
            [b'L', b'Z', b'4', b'B', b'l', b'o', b'c', b'k', ..] => Some(Format::Lz4Block),
            [0xFF, 0x06, 0x00, 0x00, b's', b'N', b'a', b'P', b'p', b'Y'] => {
                Some(Format::SnappyFrame)
            }
            [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0x00, ..] => Some(Format::XerialSnappy),
            [b'Z', b'V', 0x00 | 0x01, ..] => Some(Format::Lzf),
            // Both lz4 and zstd may begin with frames that hold no data.
            [0x50..=0x5F, 0x2A, 0x4D, 0x18, a, b, c, d, ..] => {
                let bytes = u64::from(u32::from_le_bytes([a, b, c, d]));
                let mut whole = Cursor::new(first).chain(input);
                io::copy(&mut whole.by_ref().take(8 + bytes), &mut io::sink())?;
                input = Box::new(whole);
                continue;
            }
            _ => None,
        };
        if let Some(problem) = unsupported(&first) {
            return Err(io::Error::new(io::ErrorKind::Unsupported, problem));
        }
        return Ok((format, Box::new(Cursor::new(first).chain(input))));
    }
}

/// What is to be done about a format that Headroom recognizes and does not decompress.
fn unsupported(first: &[u8]) -> Option<&'static str> {
    match first {
        [b'P', b'K', 0x03 | 0x05, 0x04 | 0x06, ..] => Some("it is a zip archive; unzip it first"),
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => {
            Some("it is compressed with bzip2; decompress it first (bunzip2)")
        }
        [0xFD, b'7', b'z', b'X', b'Z', 0x00, ..] => {
            Some("it is compressed with xz; decompress it first (unxz)")
        }
        [b'P', b'A', b'R', b'1', ..] => Some("it is a Parquet file; export it as CSV first"),
        [b'O', b'b', b'j', 0x01, ..] => Some("it is a binary Avro file; convert it to JSON first"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
