//! The state folder of a daemon: its lock, its journal, and the pause file of `headroom pause`.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::file::{private_folder, read_regular, write_private};
use crate::observation::Pause;
use crate::units::Timestamp;

/// The longest pause file that is read. A pause takes less than 100 bytes.
const PAUSE_BYTES: u64 = 4_096;

/// A state folder that this process has locked. The lock ends when this is dropped.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    /// Keeps the lock.
    _lock: File,
}

/// Why the state folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message is its documentation; the fields are its parts"
)]
pub enum StateDirError {
    #[error("{}: another daemon uses this state folder; stop it, or set another `state_dir`", path.display())]
    InUse { path: PathBuf },
    #[error("{}: {problem}", path.display())]
    Io { path: PathBuf, problem: String },
}

impl StateDir {
    /// Creates the folder if it does not exist, and locks it. Nobody but its owner can write to it
    /// afterwards.
    ///
    /// # Errors
    /// When another daemon has locked it, or it cannot be written or belongs to another user.
    pub fn lock(path: &Path) -> Result<Self, StateDirError> {
        if private_folder(path).map_err(|error| about(path, &error))? {
            tracing::warn!(folder = %path.display(), "other users could write to the state folder, and so to the journal and the pause file; this is no longer so");
        }
        let lock_file = path.join("lock");
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let lock = options
            .open(&lock_file)
            .map_err(|error| about(&lock_file, &error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(StateDirError::InUse {
                path: path.to_owned(),
            }),
            Err(TryLockError::Error(error)) => Err(about(&lock_file, &error)),
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of the journal.
    pub fn journal(&self) -> PathBuf {
        journal(&self.path)
    }

    /// The pause in effect at `now`. A pause file that cannot be read counts as a pause of length
    /// `caution` at each call, until `headroom resume`.
    pub fn pause(&self, now: Timestamp, caution: Duration) -> Option<Pause> {
        match read_pause(&self.path) {
            Ok(pause) => pause.filter(|pause| now < pause.until),
            Err(error) => {
                tracing::warn!(%error, "the pause file cannot be read; scaling is paused until `headroom resume`");
                Some(Pause {
                    until: now + caution,
                    direction: None,
                })
            }
        }
    }
}

/// The journal's folder in a state folder.
pub fn journal(state_dir: &Path) -> PathBuf {
    state_dir.join("journal")
}

/// Writes a pause for the daemon of this state folder.
///
/// # Errors
/// When the folder does not exist or cannot be written.
pub fn write_pause(state_dir: &Path, pause: &Pause) -> Result<(), StateDirError> {
    let path = pause_file(state_dir);
    let text = serde_json::to_vec(pause)
        .map_err(io::Error::from)
        .map_err(|error| about(&path, &error))?;
    write_private(&path, &text).map_err(|error| about(&path, &error))
}

/// Ends a pause. Returns whether there was one.
///
/// # Errors
/// When the file cannot be deleted.
pub fn remove_pause(state_dir: &Path) -> Result<bool, StateDirError> {
    let path = pause_file(state_dir);
    match std::fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(about(&path, &error)),
    }
}

/// Reads the pause file, expired or not.
///
/// # Errors
/// When the file cannot be read or is invalid.
pub fn read_pause(state_dir: &Path) -> Result<Option<Pause>, StateDirError> {
    let path = pause_file(state_dir);
    match read_regular(&path, PAUSE_BYTES) {
        Ok(text) => serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| about(&path, &error.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(about(&path, &error)),
    }
}

fn pause_file(state_dir: &Path) -> PathBuf {
    state_dir.join("pause.json")
}

fn about(path: &Path, error: &io::Error) -> StateDirError {
    let remedy = match error.kind() {
        io::ErrorKind::PermissionDenied => "; this user may not write there",
        io::ErrorKind::NotFound => "; is it the daemon's `state_dir`?",
        _ => "",
    };
    StateDirError::Io {
        path: path.to_owned(),
        problem: format!("{error}{remedy}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Direction;

    const CAUTION: Duration = Duration::from_secs(90);

    fn minute(m: i64) -> Timestamp {
        Timestamp::from_millis(60_000 * m)
    }

    #[test]
    fn a_second_daemon_is_kept_out_until_the_first_is_gone() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = StateDir::lock(folder.path()).expect("locks");
        assert!(matches!(
            StateDir::lock(folder.path()),
            Err(StateDirError::InUse { .. })
        ));
        drop(first);
        StateDir::lock(folder.path()).expect("locks again");
    }

    #[test]
    fn a_pause_ends_by_itself_or_by_resuming() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = StateDir::lock(folder.path()).expect("locks");
        assert_eq!(state.pause(minute(0), CAUTION), None);
        let pause = Pause {
            until: minute(30),
            direction: Some(Direction::In),
        };
        write_pause(folder.path(), &pause).expect("writes");
        assert_eq!(state.pause(minute(29), CAUTION), Some(pause));
        assert_eq!(state.pause(minute(30), CAUTION), None);
        assert!(remove_pause(folder.path()).expect("removes"));
        assert!(!remove_pause(folder.path()).expect("nothing there"));
        assert_eq!(state.pause(minute(1), CAUTION), None);
    }

    #[test]
    fn a_pause_that_cannot_be_read_is_still_a_pause() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = StateDir::lock(folder.path()).expect("locks");
        std::fs::write(folder.path().join("pause.json"), "{\"unt").expect("writes");
        assert_eq!(
            state.pause(minute(0), CAUTION),
            Some(Pause {
                until: Timestamp::EPOCH + CAUTION,
                direction: None
            })
        );
        assert_eq!(
            state.pause(minute(9), CAUTION),
            Some(Pause {
                until: minute(9) + CAUTION,
                direction: None
            })
        );
    }
}
