//! Finds job histories with their configurations.

use std::path::{Path, PathBuf};

use crate::import::error::ImportError;
use crate::import::inputs::{Input, file_name, files, single_files};

/// The job histories and their configurations. A history that is named alone brings the
/// configuration that is next to it.
///
/// # Errors
/// When a path does not exist, or a folder cannot be read or has no files.
pub fn histories(paths: &[PathBuf]) -> Result<Vec<Input>, ImportError> {
    let mut all = paths.to_vec();
    for path in files(paths)? {
        let configuration = job_id(&path).map(|id| path.with_file_name(format!("{id}_conf.xml")));
        all.extend(configuration.filter(|path| path.is_file()));
    }
    let mut inputs = single_files(&all)?;
    inputs.retain(|input| {
        let is_summary = |path: &PathBuf| file_name(path).ends_with(".summary");
        !input.pieces.iter().any(is_summary)
    });
    Ok(inputs)
}

/// The job of a file of the history: `job_<cluster>_<number>` at the beginning of its name.
pub(super) fn job_id(path: &Path) -> Option<String> {
    let name = file_name(path);
    let (cluster, rest) = name.strip_prefix("job_")?.split_once('_')?;
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    (digits > 0).then(|| format!("job_{cluster}_{}", &rest[..digits]))
}
