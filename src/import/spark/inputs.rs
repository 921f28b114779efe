//! Finds the files of each application's log.

use std::io;
use std::path::{Path, PathBuf};

use crate::import::ImportError;

/// The prefix of the folder of a rolling log (`spark.eventLog.rolling.enabled`).
const ROLLING_PREFIX: &str = "eventlog_v2_";

/// The files of each application's log, in order. A folder means every log in it; the folder of a
/// rolling log is one application.
///
/// # Errors
/// When a folder cannot be read, or is a rolling log without files.
pub fn applications(paths: &[PathBuf]) -> Result<Vec<Vec<PathBuf>>, ImportError> {
    let mut found = Vec::new();
    for path in paths {
        if !path.is_dir() {
            found.push(vec![path.clone()]);
        } else if is_rolling(path) {
            found.push(pieces(path)?);
        } else {
            for entry in entries(path)? {
                match entry.is_dir() {
                    true if is_rolling(&entry) => found.push(pieces(&entry)?),
                    true => {}
                    false => found.push(vec![entry]),
                }
            }
        }
    }
    Ok(found)
}

fn is_rolling(folder: &Path) -> bool {
    file_name(folder).starts_with(ROLLING_PREFIX)
}

/// The files `events_1_<app>`, `events_2_<app>`, ... of a rolling log, ordered by number.
fn pieces(folder: &Path) -> Result<Vec<PathBuf>, ImportError> {
    let number = |path: &PathBuf| {
        file_name(path)
            .strip_prefix("events_")?
            .split('_')
            .next()?
            .parse::<u64>()
            .ok()
    };
    let mut numbered: Vec<(u64, PathBuf)> = entries(folder)?
        .into_iter()
        .filter_map(|path| Some((number(&path)?, path)))
        .collect();
    numbered.sort();
    if numbered.is_empty() {
        return Err(ImportError::Unusable {
            path: folder.to_owned(),
            problem: "the folder of a rolling log has no file events_1_...; copy it again"
                .to_owned(),
        });
    }
    Ok(numbered.into_iter().map(|(_, path)| path).collect())
}

/// The entries of a folder by name, without hidden files and markers such as `_SUCCESS`.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, ImportError> {
    let unreadable = |source: io::Error| ImportError::Open {
        path: folder.to_owned(),
        source,
    };
    let mut paths = Vec::new();
    for entry in folder.read_dir().map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if !file_name(&path).starts_with(['.', '_']) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_means_its_logs_and_a_rolling_log_is_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let rolling = folder.path().join("eventlog_v2_app_2");
        std::fs::create_dir(&rolling).expect("created");
        for name in [
            "app_1",
            "app_3.zstd",
            ".hidden",
            "_SUCCESS",
            "eventlog_v2_app_2/events_10_app_2",
            "eventlog_v2_app_2/events_9_app_2",
            "eventlog_v2_app_2/appstatus_app_2",
        ] {
            std::fs::write(folder.path().join(name), "").expect("written");
        }
        let place = |name: &str| folder.path().join(name);
        let expected = vec![
            vec![place("app_1")],
            vec![place("app_3.zstd")],
            vec![
                place("eventlog_v2_app_2/events_9_app_2"),
                place("eventlog_v2_app_2/events_10_app_2"),
            ],
        ];
        assert_eq!(
            applications(&[folder.path().to_owned()]).expect("listed"),
            expected
        );
        assert_eq!(applications(&[rolling]).expect("listed"), expected[2..]);
    }
}
