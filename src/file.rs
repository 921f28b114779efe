//! Writing files atomically, and reading text in either of its encodings.

mod private;

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

pub use private::{private_folder, read_regular};

#[cfg(test)]
pub mod disk_fault;

const TEMPORARY_PREFIX: &str = ".headroom-";
const TEMPORARY_SUFFIX: &str = ".tmp";

/// A file that is written under a temporary name and renamed when it is complete. Until then,
/// readers of `path` see the old file. A `WholeFile` that is dropped before
/// [`persist`](Self::persist) removes its temporary file.
pub struct WholeFile {
    path: PathBuf,
    temporary: NamedTempFile,
}

impl WholeFile {
    /// Creates a temporary file in the folder of `path`.
    ///
    /// # Errors
    /// When `path` is a folder, or its folder is missing or cannot be written.
    pub fn create(path: &Path) -> io::Result<Self> {
        // Temporary files are private by default, but this one becomes an ordinary file.
        Self::with_mode(path, 0o666)
    }

    /// Like [`Self::create`], for a file that only the owner of its folder can read and write.
    ///
    /// # Errors
    /// Like [`Self::create`], and when the file cannot be given to that owner.
    pub fn private(path: &Path) -> io::Result<Self> {
        let file = Self::with_mode(path, 0o600)?;
        private::give_to_owner_of(folder_of(path), file.temporary.as_file())?;
        Ok(file)
    }

    /// `mode` is that of Unix. The umask applies.
    #[cfg_attr(not(unix), expect(unused_variables))]
    fn with_mode(path: &Path, mode: u32) -> io::Result<Self> {
        if path.is_dir() {
            return Err(io::Error::new(
                io::ErrorKind::IsADirectory,
                "it is a folder; pass a file in it",
            ));
        }
        let folder = folder_of(path);
        let mut builder = tempfile::Builder::new();
        builder.prefix(TEMPORARY_PREFIX).suffix(TEMPORARY_SUFFIX);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
        let temporary = builder
            .tempfile_in(folder)
            .map_err(|error| about_folder(folder, &error))?;
        Ok(Self {
            path: path.to_owned(),
            temporary,
        })
    }

    /// Syncs the content to disk and renames the file to its final name, replacing an older file.
    ///
    /// # Errors
    /// When the disk is full or fails. The old file is then unchanged.
    pub fn persist(self) -> io::Result<()> {
        #[cfg(test)]
        disk_fault::before_sync()?;
        self.temporary.as_file().sync_all()?;
        self.temporary
            .persist(&self.path)
            .map_err(|error| error.error)?;
        sync_folder(folder_of(&self.path))
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.temporary.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.temporary.flush()
    }
}

/// Writes `content` to `path` atomically, replacing an older file.
///
/// # Errors
/// When the folder cannot be written, or the disk is full or fails.
pub fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = WholeFile::create(path)?;
    file.write_all(content)?;
    file.persist()
}

/// Appends `content` to `file` and syncs it to disk.
///
/// # Errors
/// When the disk is full or fails. Any part of the content may then be in the file.
pub fn append(file: &mut File, content: &[u8]) -> io::Result<()> {
    #[cfg(test)]
    disk_fault::before_write(file, content)?;
    file.write_all(content)?;
    #[cfg(test)]
    disk_fault::before_sync()?;
    file.sync_data()
}

/// Like [`write_whole`], for a file that only the owner of its folder can read and write.
///
/// # Errors
/// Like [`write_whole`], and when the file cannot be given to that owner.
pub fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = WholeFile::private(path)?;
    file.write_all(content)?;
    file.persist()
}

/// Reads a text file in UTF-8 or, as PowerShell writes it, in UTF-16.
///
/// # Errors
/// When the file cannot be read, or is not text; the error says what else it is.
pub fn read_text(path: &Path) -> io::Result<String> {
    text(std::fs::read(path)?)
        .map_err(|problem| io::Error::new(io::ErrorKind::InvalidData, problem))
}

fn text(bytes: Vec<u8>) -> Result<String, &'static str> {
    let utf_16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, []) = bytes.as_chunks() else {
            return Err("its UTF-16 ends within a character; write the file again");
        };
        let units: Vec<u16> = pairs.iter().copied().map(unit).collect();
        String::from_utf16(&units).map_err(|_| "it is not valid UTF-16; save it as UTF-8")
    };
    match bytes.as_slice() {
        [0xff, 0xfe, rest @ ..] => utf_16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf_16(rest, u16::from_be_bytes),
        [b'P', b'K', 3, 4, ..] => Err(
            "it is a ZIP file; if it is a plan of Terraform, give what `terraform show -json PLAN` prints",
        ),
        _ => String::from_utf8(bytes).map_err(|_| "it is not text in UTF-8; save it as UTF-8"),
    }
}

/// Whether the path is the temporary file of a [`WholeFile`]. One that no process writes any more
/// was left by a killed process.
pub fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with(TEMPORARY_PREFIX) && name.ends_with(TEMPORARY_SUFFIX)
}

/// Names the folder and the cause instead of the temporary file, which means nothing to the user.
fn about_folder(folder: &Path, error: &io::Error) -> io::Error {
    let problem = match error.kind() {
        io::ErrorKind::NotFound => "the folder does not exist; create it first".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "this user may not write to the folder; choose another one".to_owned()
        }
        io::ErrorKind::NotADirectory => "it is not a folder; choose another one".to_owned(),
        _ => {
            std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
        }
    };
    io::Error::new(error.kind(), format!("{}: {problem}", folder.display()))
}

/// The folder of a path; for a bare file name, the current folder.
fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Syncs the folder to disk, without which a power failure may undo the renaming. Only Unix can open
/// a folder for that.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_else_is_left_behind() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("result.csv");
        write_whole(&path, b"old").expect("first");
        write_whole(&path, b"new").expect("second");
        assert_eq!(std::fs::read(&path).expect("reads"), b"new");
        assert_eq!(std::fs::read_dir(folder.path()).expect("lists").count(), 1);
    }

    #[test]
    fn text_is_read_in_utf_8_and_in_utf_16_of_both_byte_orders() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("policy.yaml");
        let utf_16 = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            "\u{feff}name: größe"
                .encode_utf16()
                .flat_map(bytes)
                .collect()
        };
        let half = [utf_16(u16::to_le_bytes), vec![0]].concat();
        for (bytes, expected) in [
            ("name: größe".into(), Ok("name: größe")),
            (utf_16(u16::to_le_bytes), Ok("name: größe")),
            (utf_16(u16::to_be_bytes), Ok("name: größe")),
            (vec![], Ok("")),
            (half, Err("ends within a character")),
            (vec![0xff, 0xfe, 0x00, 0xd8], Err("not valid UTF-16")),
            (b"PK\x03\x04".to_vec(), Err("terraform show -json")),
            (vec![b'n', 0xff], Err("not text in UTF-8")),
        ] {
            std::fs::write(&path, bytes).expect("writes");
            match (read_text(&path), expected) {
                (Ok(text), Ok(expected)) => assert_eq!(text, expected),
                (Err(error), Err(said)) => assert!(error.to_string().contains(said), "{error}"),
                (read, expected) => panic!("{read:?} instead of {expected:?}"),
            }
        }
    }

    #[test]
    fn what_cannot_be_written_is_refused_at_once_and_without_a_temporary_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        std::fs::write(&file, b"").expect("writes");
        for (path, expected) in [
            (
                folder.path().to_owned(),
                "it is a folder; pass a file in it".to_owned(),
            ),
            (
                folder.path().join("missing/out"),
                format!(
                    "{}/missing: the folder does not exist; create it first",
                    folder.path().display()
                ),
            ),
            (
                file.join("out"),
                format!("{}: it is not a folder; choose another one", file.display()),
            ),
        ] {
            assert_eq!(
                WholeFile::create(&path)
                    .err()
                    .map(|error| error.to_string()),
                Some(expected)
            );
        }
        assert_eq!(std::fs::read_dir(folder.path()).expect("lists").count(), 1);
    }
}
