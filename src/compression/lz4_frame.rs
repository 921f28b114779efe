//! lz4 frames, one after the other. The decoder of `lz4_flex` takes a frame that ends between two
//! blocks for whole; this one reports it.

use std::io::{self, Read};

use lz4_flex::frame::FrameDecoder;

/// The first bytes of frames of lz4's first version, which have no end mark.
const LEGACY_MAGIC: [u8; 4] = [0x02, 0x21, 0x4C, 0x18];

pub struct Lz4Frames<R: Read> {
    decoder: FrameDecoder<Watched<R>>,
    is_between_frames: bool,
}

impl<R: Read> Lz4Frames<R> {
    pub fn new(input: R) -> Self {
        let input = Watched {
            input,
            first: Vec::new(),
            is_at_end: false,
        };
        Self {
            decoder: FrameDecoder::new(input),
            is_between_frames: false,
        }
    }
}

impl<R: Read> Read for Lz4Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let read = self.decoder.read(buffer)?;
            if read > 0 {
                self.is_between_frames = false;
                return Ok(read);
            }
            let input = self.decoder.get_ref();
            if !input.is_at_end {
                // The end mark of a frame; another frame may follow.
                self.is_between_frames = true;
            } else if self.is_between_frames || input.first == LEGACY_MAGIC {
                return Ok(0);
            } else {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the lz4 stream ends without its end mark",
                ));
            }
        }
    }
}

/// A reader that keeps its first four bytes and whether it has ended.
struct Watched<R> {
    input: R,
    first: Vec<u8>,
    is_at_end: bool,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.is_at_end |= read == 0 && !buffer.is_empty();
        let missing = LEGACY_MAGIC.len() - self.first.len();
        self.first.extend_from_slice(&buffer[..read.min(missing)]);
        Ok(read)
    }
}
