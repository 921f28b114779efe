//! Keeps a journal small: compresses finished segments and deletes the oldest.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::error::JournalError;
use crate::file::{self, WholeFile};
use crate::trace::journal::{Segment, segments};

/// zstd's default.
const ZSTD_LEVEL: i32 = 3;

/// The upkeep of a journal. It can run while the journal is written, because it never touches the
/// newest segment.
#[derive(Clone, Debug)]
pub struct Upkeep {
    pub(super) folder: PathBuf,
    pub(super) budget_bytes: u64,
}

impl Upkeep {
    /// Compresses all segments but the newest, then deletes the oldest until the rest fits into the
    /// budget. A crash at any point loses no segment, and the next run cleans up.
    ///
    /// # Errors
    /// When a file cannot be written or deleted. The journal is then too large, but complete.
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

/// Compresses a segment, replacing an earlier result, which was made from the same file.
fn compress(segment: &mut Segment) -> io::Result<()> {
    let compressed = segment.compressed_path();
    let mut plain = match File::open(&segment.path) {
        // A concurrent upkeep was faster.
        Err(error) if error.kind() == io::ErrorKind::NotFound && compressed.exists() => {
            (segment.path, segment.is_compressed) = (compressed, true);
            return Ok(());
        }
        opened => opened?,
    };
    let mut encoder = zstd::Encoder::new(WholeFile::private(&compressed)?, ZSTD_LEVEL)?;
    encoder.include_checksum(true)?;
    io::copy(&mut plain, &mut encoder)?;
    encoder.finish()?.persist()?;
    remove(&segment.path)?;
    (segment.path, segment.is_compressed) = (compressed, true);
    Ok(())
}

/// Deletes a file if it exists.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Deletes the unfinished files of a killed process.
pub(super) fn remove_temporary_files(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if file::is_temporary(&path) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}
