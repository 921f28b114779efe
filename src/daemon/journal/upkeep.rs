//! Keeping a journal small: what is no longer written to is compressed, and the oldest of it is
//! deleted.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::JournalError;
use crate::file::{self, WholeFile};
use crate::trace::journal::{Segment, segments};

/// zstd's own default.
const ZSTD_LEVEL: i32 = 3;

/// What may be done while the journal is being written: it never touches the newest segment.
#[derive(Clone, Debug)]
pub struct Upkeep {
    pub(super) folder: PathBuf,
    pub(super) budget_bytes: u64,
}

impl Upkeep {
    /// Compresses all segments but the newest, then deletes the oldest until all fit into the
    /// budget. A crash at any point leaves each segment there at least once, and the next run
    /// tidies up.
    ///
    /// # Errors
    /// When the disk refuses. The journal is then larger than it should be, and nothing is lost.
    pub fn run(&self) -> Result<(), JournalError> {
        let unusable = |source| JournalError::Folder {
            path: self.folder.clone(),
            source,
        };
        let mut older = segments(&self.folder).map_err(unusable)?;
        let Some(newest) = older.pop() else {
            return Ok(());
        };
        for segment in older.iter_mut().filter(|segment| !segment.is_compressed) {
            compress(segment).map_err(|source| JournalError::Write {
                path: segment.compressed_path(),
                source,
            })?;
        }
        let bytes =
            |segment: &Segment| fs::metadata(&segment.path).map_or(0, |metadata| metadata.len());
        let mut total = older.iter().chain([&newest]).map(bytes).sum::<u64>();
        for segment in &older {
            if total <= self.budget_bytes {
                break;
            }
            total -= bytes(segment);
            remove(&segment.path).map_err(unusable)?;
            tracing::info!(segment = %segment.path.display(), "deleted to stay within the journal's budget");
        }
        Ok(())
    }
}

/// Whatever is there compressed is replaced: it was made from the same plain file.
fn compress(segment: &mut Segment) -> io::Result<()> {
    let compressed = segment.compressed_path();
    let mut plain = match File::open(&segment.path) {
        // An earlier upkeep, still at work, has come first.
        Err(error) if error.kind() == io::ErrorKind::NotFound && compressed.exists() => {
            (segment.path, segment.is_compressed) = (compressed, true);
            return Ok(());
        }
        opened => opened?,
    };
    let mut encoder = zstd::Encoder::new(WholeFile::create(&compressed)?, ZSTD_LEVEL)?;
    encoder.include_checksum(true)?;
    io::copy(&mut plain, &mut encoder)?;
    encoder.finish()?.persist()?;
    remove(&segment.path)?;
    (segment.path, segment.is_compressed) = (compressed, true);
    Ok(())
}

/// That it is gone already is as well.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// What a process that was killed had begun to write.
pub(super) fn remove_temporary_files(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if file::is_temporary(&path) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}
