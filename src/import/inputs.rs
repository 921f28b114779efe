//! Finds the files of an import: a folder means every file in it and in its folders.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use super::error::{ImportError, unusable};

/// The files of one source, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The files, at least one.
    pub pieces: Vec<PathBuf>,
    /// What is known to be missing, and why.
    pub gap: Option<String>,
}

/// The inputs of an importer whose sources are single files.
///
/// # Errors
/// When a path does not exist, or a folder cannot be read or has no files.
pub fn single_files(paths: &[PathBuf]) -> Result<Vec<Input>, ImportError> {
    let files = files(paths)?;
    let single = |path| Input {
        pieces: vec![path],
        gap: None,
    };
    Ok(files.into_iter().map(single).collect())
}

/// The files that are named, and those in the folders that are named, without hidden files and
/// markers such as `_SUCCESS`. Each is listed once.
pub(super) fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, ImportError> {
    let mut found = Found::default();
    for path in paths {
        let metadata = path.metadata().map_err(|source| ImportError::Open {
            path: path.clone(),
            source,
        })?;
        if !metadata.is_dir() {
            found.add(path.clone());
            continue;
        }
        let before = found.files.len() + found.repeated;
        found.walk(path)?;
        if found.files.len() + found.repeated == before {
            let problem = "the folder has no files; pass the folder that has the recordings";
            return Err(unusable(path, problem));
        }
    }
    Ok(found.files)
}

#[derive(Default)]
struct Found {
    files: Vec<PathBuf>,
    repeated: usize,
    /// Files and folders under the names that no link changes: each is read once, and a link to a
    /// folder above does not lead in circles.
    seen: BTreeSet<PathBuf>,
}

impl Found {
    fn add(&mut self, path: PathBuf) {
        if self.is_new(&path) {
            self.files.push(path);
        } else {
            self.repeated += 1;
        }
    }

    fn is_new(&mut self, path: &Path) -> bool {
        let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        self.seen.insert(real)
    }

    fn walk(&mut self, folder: &Path) -> Result<(), ImportError> {
        if !self.is_new(folder) {
            self.repeated += 1;
            return Ok(());
        }
        for entry in entries(folder)? {
            // A folder that cannot be read is a file that cannot be read: left out and named.
            if !entry.is_dir() {
                self.add(entry);
            } else if self.walk(&entry).is_err() {
                self.files.push(entry);
            }
        }
        Ok(())
    }
}

/// The entries of a folder by name, without hidden files and markers.
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

pub(super) fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(folder: &Path, names: &[&str]) {
        for name in names {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("created");
            std::fs::write(path, "x").expect("written");
        }
    }

    #[test]
    fn a_folder_means_all_files_below_it_without_hidden_ones() {
        let folder = tempfile::tempdir().expect("a folder");
        written(
            folder.path(),
            &["b", "a/2/x", "a/1", ".hidden", ".h/x", "_SUCCESS", "_t/x"],
        );
        let expected = ["a/1", "a/2/x", "b"].map(|name| folder.path().join(name));
        assert_eq!(
            files(&[folder.path().to_owned()]).expect("listed"),
            expected
        );
    }

    #[test]
    fn a_file_that_is_named_twice_is_read_once() {
        let folder = tempfile::tempdir().expect("a folder");
        written(folder.path(), &["a"]);
        let file = folder.path().join("a");
        let paths = [file.clone(), folder.path().to_owned(), file.clone()];
        assert_eq!(files(&paths).expect("listed"), [file]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_a_folder_above_does_not_lead_in_circles() {
        let folder = tempfile::tempdir().expect("a folder");
        written(folder.path(), &["a/1"]);
        std::os::unix::fs::symlink(folder.path(), folder.path().join("a/up")).expect("linked");
        let expected = [folder.path().join("a/1")];
        assert_eq!(
            files(&[folder.path().to_owned()]).expect("listed"),
            expected
        );
    }

    #[test]
    fn a_folder_without_files_and_a_path_that_does_not_exist_are_errors() {
        let folder = tempfile::tempdir().expect("a folder");
        let empty = files(&[folder.path().to_owned()]).expect_err("empty");
        assert!(empty.to_string().contains("has no files"), "{empty}");
        let missing = files(&[folder.path().join("missing")]).expect_err("missing");
        assert!(missing.to_string().contains("cannot be read"), "{missing}");
    }
}
