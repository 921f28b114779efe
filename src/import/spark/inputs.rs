//! Finds the files of each application's log.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::import::error::ImportError;
use crate::import::inputs::{Input, file_name, files};

/// The suffix of a file of a rolling log that replaces all files before it.
const COMPACT_SUFFIX: &str = ".compact";

/// The files of each application's log, in order. A folder means every log below it. The files
/// `events_1_<app>`, `events_2_<app>`, ... of a rolling log (`spark.eventLog.rolling.enabled`) are
/// one log.
///
/// # Errors
/// When a path does not exist, or a folder cannot be read or has no files.
pub fn applications(paths: &[PathBuf]) -> Result<Vec<Input>, ImportError> {
    let mut inputs: Vec<Found> = Vec::new();
    let mut rolling: BTreeMap<(PathBuf, String), usize> = BTreeMap::new();
    for path in files(paths)? {
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let name = file_name(&path);
        if let Some(piece) = Piece::parse(&name, &path) {
            let key = (folder, piece.application.clone());
            let position = *rolling.entry(key).or_insert(inputs.len());
            if position == inputs.len() {
                inputs.push(Found::Rolling(Vec::new()));
            }
            if let Found::Rolling(pieces) = &mut inputs[position] {
                pieces.push(piece);
            }
        } else if !name.starts_with("appstatus_") {
            inputs.push(Found::Whole(path));
        }
    }
    Ok(inputs.into_iter().map(Found::input).collect())
}

enum Found {
    Whole(PathBuf),
    Rolling(Vec<Piece>),
}

impl Found {
    fn input(self) -> Input {
        match self {
            Self::Whole(path) => Input {
                pieces: vec![path],
                gap: None,
            },
            Self::Rolling(pieces) => whole_log(pieces),
        }
    }
}

/// A file of a rolling log.
struct Piece {
    number: u64,
    is_compact: bool,
    application: String,
    path: PathBuf,
}

impl Piece {
    /// `events_<number>_<application>[.<codec>][.compact]`.
    fn parse(name: &str, path: &Path) -> Option<Self> {
        let (name, is_compact) = match name.strip_suffix(COMPACT_SUFFIX) {
            Some(name) => (name, true),
            None => (name, false),
        };
        let (number, application) = name.strip_prefix("events_")?.split_once('_')?;
        Some(Self {
            number: number.parse().ok()?,
            is_compact,
            application: application.to_owned(),
            path: path.to_owned(),
        })
    }
}

/// The files that together hold the most of a rolling log, and what is missing.
fn whole_log(mut pieces: Vec<Piece>) -> Input {
    pieces.sort_by_key(|piece| (piece.number, piece.is_compact));
    let is_numbered_from_one = |pieces: &[&Piece]| {
        let numbers = pieces.iter().map(|piece| piece.number);
        numbers
            .zip(1..)
            .all(|(number, expected)| number == expected)
    };
    let plain: Vec<&Piece> = pieces.iter().filter(|piece| !piece.is_compact).collect();
    let compact = pieces.iter().rposition(|piece| piece.is_compact);
    let (used, gap): (Vec<&Piece>, Option<String>) = match compact {
        // Spark deletes the files that it compacted some time later.
        Some(last)
            if !is_numbered_from_one(&plain) || plain.len() < pieces[last].number as usize =>
        {
            let used: Vec<&Piece> = pieces[last..].iter().collect();
            let problem = "Spark compacted this rolling log and dropped the jobs that had finished, so their work is missing; \
raise spark.history.fs.eventLog.rolling.maxFilesToRetain to keep it";
            let gap = missing_number(&used).unwrap_or_else(|| problem.to_owned());
            (used, Some(gap))
        }
        _ => {
            let gap = missing_number(&plain)
                .or_else(|| (!is_numbered_from_one(&plain)).then(|| missing(1)));
            (plain, gap)
        }
    };
    Input {
        pieces: used.iter().map(|piece| piece.path.clone()).collect(),
        gap,
    }
}

/// What is missing between the first and the last piece.
fn missing_number(pieces: &[&Piece]) -> Option<String> {
    let pairs = pieces.windows(2);
    let gap = pairs
        .into_iter()
        .find(|pair| pair[1].number > pair[0].number + 1)?;
    Some(missing(gap[0].number + 1))
}

fn missing(number: u64) -> String {
    format!(
        "the file events_{number}_... of this rolling log is missing, and its work with it; copy the log again"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The inputs in a folder with these files, by their names in it.
    fn found(names: &[&str]) -> Vec<(Vec<String>, bool)> {
        let folder = tempfile::tempdir().expect("a folder");
        for name in names {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("created");
            std::fs::write(path, "x").expect("written");
        }
        let relative = |path: &PathBuf| {
            let path = path.strip_prefix(folder.path()).expect("below");
            path.display().to_string()
        };
        applications(&[folder.path().to_owned()])
            .expect("listed")
            .iter()
            .map(|input| {
                let pieces = input.pieces.iter().map(relative).collect();
                (pieces, input.gap.is_some())
            })
            .collect()
    }

    fn whole(pieces: &[&str]) -> (Vec<String>, bool) {
        (
            pieces.iter().map(|&piece| piece.to_owned()).collect(),
            false,
        )
    }

    fn with_gap(pieces: &[&str]) -> (Vec<String>, bool) {
        (whole(pieces).0, true)
    }

    #[test]
    fn a_folder_means_the_logs_below_it_and_a_rolling_log_is_one() {
        assert_eq!(
            found(&[
                "app_1",
                "j-1/app_3.zstd",
                "_SUCCESS",
                "eventlog_v2_app_2/events_2_app_2",
                "eventlog_v2_app_2/events_10_app_2",
                "eventlog_v2_app_2/events_1_app_2",
                "eventlog_v2_app_2/appstatus_app_2",
            ]),
            [
                whole(&["app_1"]),
                with_gap(&[
                    "eventlog_v2_app_2/events_1_app_2",
                    "eventlog_v2_app_2/events_2_app_2",
                    "eventlog_v2_app_2/events_10_app_2",
                ]),
                whole(&["j-1/app_3.zstd"]),
            ]
        );
    }

    #[test]
    fn the_files_of_a_rolling_log_belong_together_in_any_folder() {
        let names = [
            "x/events_2_a.lz4",
            "x/events_1_a.lz4",
            "x/events_1_b",
            "events_1_b",
        ];
        assert_eq!(
            found(&names),
            [
                whole(&["events_1_b"]),
                whole(&["x/events_1_a.lz4", "x/events_2_a.lz4"]),
                whole(&["x/events_1_b"]),
            ]
        );
    }

    #[test]
    fn a_compacted_log_is_incomplete_unless_what_was_compacted_is_still_there() {
        for (names, expected) in [
            (
                &["events_2_a.compact", "events_3_a"][..],
                with_gap(&["events_2_a.compact", "events_3_a"]),
            ),
            (
                &[
                    "events_2_a.zstd.compact",
                    "events_2_a.zstd",
                    "events_3_a.zstd",
                ],
                with_gap(&["events_2_a.zstd.compact", "events_3_a.zstd"]),
            ),
            (
                &["events_2_a.compact", "events_4_a.compact", "events_5_a"],
                with_gap(&["events_4_a.compact", "events_5_a"]),
            ),
            (
                &[
                    "events_1_a",
                    "events_2_a",
                    "events_2_a.compact",
                    "events_3_a",
                ],
                whole(&["events_1_a", "events_2_a", "events_3_a"]),
            ),
            (
                &["events_2_a", "events_3_a"],
                with_gap(&["events_2_a", "events_3_a"]),
            ),
        ] {
            assert_eq!(found(names), [expected], "{names:?}");
        }
    }
}
