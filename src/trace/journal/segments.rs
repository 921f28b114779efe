//! The segments of a journal: a folder of consecutive traces, the last of which is being written.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::units::Timestamp;

const PREFIX: &str = "journal-";
const PLAIN: &str = ".jsonl";
const COMPRESSED: &str = ".jsonl.zst";
/// Sorts by time and uses only characters that every file system allows.
const TIME_FORMAT: &str = "%Y-%m-%dT%H-%M-%S.%3fZ";

/// One file of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The file.
    pub path: PathBuf,
    /// When the segment begins, to the millisecond; unique within a journal.
    pub begin: Timestamp,
    /// Whether the file is compressed, which also means that it is complete.
    pub is_compressed: bool,
}

impl Segment {
    /// The plain segment that begins at `begin`, to append to.
    pub fn plain(folder: &Path, begin: Timestamp) -> Self {
        let begin_text = begin.to_jiff().strftime(TIME_FORMAT);
        Self {
            path: folder.join(format!("{PREFIX}{begin_text}{PLAIN}")),
            begin,
            is_compressed: false,
        }
    }

    /// The path of the segment once it is compressed.
    pub fn compressed_path(&self) -> PathBuf {
        if self.is_compressed {
            self.path.clone()
        } else {
            self.path.with_added_extension("zst")
        }
    }
}

/// The segments in a folder, oldest first. A crash may leave a segment both plain and compressed;
/// then the plain file is listed, because it is known to be complete.
///
/// # Errors
/// When the folder cannot be read.
pub fn segments(folder: &Path) -> io::Result<Vec<Segment>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        found.extend(time_of(&name).map(|(begin, is_compressed)| Segment {
            path: path.clone(),
            begin,
            is_compressed,
        }));
    }
    found.sort_by_key(|segment| (segment.begin, segment.is_compressed));
    found.dedup_by_key(|segment| segment.begin);
    Ok(found)
}

/// The beginning of the segment with this file name, and whether it is compressed.
fn time_of(name: &str) -> Option<(Timestamp, bool)> {
    let rest = name.strip_prefix(PREFIX)?;
    let (time, is_compressed) = match rest.strip_suffix(COMPRESSED) {
        Some(time) => (time, true),
        None => (rest.strip_suffix(PLAIN)?, false),
    };
    let civil = jiff::civil::DateTime::strptime(TIME_FORMAT, time).ok()?;
    let instant = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some((
        Timestamp::from_millis(instant.timestamp().as_millisecond()),
        is_compressed,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_the_time_to_the_millisecond_and_sorts_by_it() {
        let millis = [
            0,
            1,
            999,
            1_795_000_000_000,
            1_795_000_000_120,
            1_795_000_001_003,
        ];
        let names: Vec<String> = millis
            .map(|ms| Segment::plain(Path::new("f"), Timestamp::from_millis(ms)))
            .map(|segment| {
                segment
                    .path
                    .file_name()
                    .expect("a name")
                    .to_string_lossy()
                    .into_owned()
            })
            .to_vec();
        assert_eq!(names[4], "journal-2026-11-18T11-06-40.120Z.jsonl");
        assert!(names.is_sorted());
        for (ms, name) in millis.into_iter().zip(names) {
            assert_eq!(time_of(&name), Some((Timestamp::from_millis(ms), false)));
            assert_eq!(
                time_of(&format!("{name}.zst")),
                Some((Timestamp::from_millis(ms), true))
            );
        }
    }

    #[test]
    fn other_files_are_no_segments_and_the_plain_file_of_two_is_listed() {
        let folder = tempfile::tempdir().expect("a folder");
        let segment = Segment::plain(folder.path(), Timestamp::from_millis(5));
        let other = folder.path().join("journal-old.jsonl");
        for path in [
            &segment.path,
            &segment.compressed_path(),
            &other,
            &folder.path().join("lock"),
        ] {
            fs::write(path, "").expect("writes");
        }
        assert_eq!(segments(folder.path()).expect("lists"), [segment]);
    }
}
