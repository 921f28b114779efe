//! Folders and files that only their owner can read and write.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::path::Path;

#[cfg(unix)]
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, fchown};

/// The modes of private folders and files.
#[cfg(unix)]
const FOLDER_MODE: u32 = 0o700;
/// Everyone but the owner.
#[cfg(unix)]
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Creates a folder for its owner alone if it does not exist, whatever the umask. From an existing one
/// it takes the permission of all others to write, and returns whether they had it.
///
/// # Errors
/// When the folder cannot be created, or belongs to another user, who could replace every file in it.
pub fn private_folder(path: &Path) -> io::Result<bool> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    builder.mode(FOLDER_MODE);
    builder.create(path)?;
    #[cfg(unix)]
    return keep_others_out(path);
    #[cfg(not(unix))]
    Ok(false)
}

#[cfg(unix)]
fn keep_others_out(path: &Path) -> io::Result<bool> {
    let metadata = fs::metadata(path)?;
    // The owner of a process is that of its folder in /proc. Where there is none, nobody is refused.
    if let Ok(process) = fs::metadata("/proc/self")
        && process.uid() != metadata.uid()
    {
        let (owner, user) = (metadata.uid(), process.uid());
        return Err(io::Error::other(format!(
            "the folder belongs to the user with the id {owner}, and this process runs as {user}; run it as \
             its owner (sudo -u '#{owner}'), or change the owner (chown -R {user})"
        )));
    }
    let mode = metadata.permissions().mode();
    if mode & WRITABLE_BY_OTHERS == 0 {
        return Ok(false);
    }
    fs::set_permissions(
        path,
        fs::Permissions::from_mode(mode & !WRITABLE_BY_OTHERS & 0o7777),
    )?;
    Ok(true)
}

/// Gives a file in a private folder to the owner of the folder: an administrator may write it for a
/// daemon that runs as another user.
pub(super) fn give_to_owner_of(folder: &Path, file: &File) -> io::Result<()> {
    #[cfg(unix)]
    {
        let (owner, written) = (fs::metadata(folder)?, file.metadata()?);
        if owner.uid() != written.uid() {
            fchown(file, Some(owner.uid()), Some(owner.gid()))?;
        }
    }
    Ok(())
}

/// Reads a small file. It must be a regular one: reading another kind could block for ever.
///
/// # Errors
/// When it cannot be read, is a link or a device, or is too long.
pub fn read_regular(path: &Path, most_bytes: u64) -> io::Result<Vec<u8>> {
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file; delete it"));
    }
    if metadata.len() > most_bytes {
        return Err(io::Error::other(format!(
            "it is longer than {most_bytes} bytes; delete it"
        )));
    }
    fs::read(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::{WholeFile, write_private};

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("exists").permissions().mode() & 0o7777
    }

    #[test]
    fn what_is_created_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let (state, file) = (
            folder.path().join("a/state"),
            folder.path().join("a/state/f"),
        );
        assert!(!private_folder(&state).expect("creates"));
        write_private(&file, b"1").expect("writes");
        assert_eq!((mode(&state), mode(&file)), (0o700, 0o600));
        // A file that was there before does not keep its mode.
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).expect("changes");
        write_private(&file, b"2").expect("writes");
        assert_eq!(mode(&file), 0o600);
        assert!(WholeFile::create(&folder.path().join("ordinary")).is_ok());
    }

    #[test]
    fn others_may_no_longer_write_and_what_they_may_read_is_not_changed() {
        let folder = tempfile::tempdir().expect("a folder");
        for (before, after, could_write) in [
            (0o777, 0o755, true),
            (0o770, 0o750, true),
            (0o702, 0o700, true),
            (0o1777, 0o1755, true),
            (0o750, 0o750, false),
            (0o700, 0o700, false),
        ] {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(before)).expect("mode");
            let could = private_folder(folder.path()).expect("is ours");
            assert_eq!((mode(folder.path()), could), (after, could_write));
        }
    }

    #[test]
    fn only_a_regular_file_of_limited_length_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, link) = (folder.path().join("f"), folder.path().join("l"));
        fs::write(&file, b"12345").expect("writes");
        std::os::unix::fs::symlink(&file, &link).expect("links");
        assert_eq!(read_regular(&file, 5).expect("reads"), b"12345");
        for (path, said) in [
            (&file, "longer than 4 bytes"),
            (&link, "not a regular file"),
            (&folder.path().to_owned(), "not a regular file"),
        ] {
            let error = read_regular(path, 4).expect_err("refused").to_string();
            assert!(error.contains(said), "{error}");
        }
        let missing = read_regular(&folder.path().join("no"), 4).expect_err("missing");
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }
}
