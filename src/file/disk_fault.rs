//! A disk that fails, for tests. It fails for the thread that says so.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Write};

/// How a disk fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskFault {
    /// It is full when half of what is written next is in the file.
    Full,
    /// What is written cannot be synced.
    SyncFails,
}

thread_local! {
    static FAULT: Cell<Option<DiskFault>> = const { Cell::new(None) };
}

/// Lets the disk fail from now on, or work again.
pub fn set(fault: Option<DiskFault>) {
    FAULT.set(fault);
}

pub(super) fn before_write(file: &mut File, content: &[u8]) -> io::Result<()> {
    if FAULT.get() == Some(DiskFault::Full) {
        file.write_all(&content[..content.len() / 2])?;
        return Err(io::ErrorKind::StorageFull.into());
    }
    Ok(())
}

pub(super) fn before_sync() -> io::Result<()> {
    match FAULT.get() {
        None => Ok(()),
        Some(DiskFault::Full) => Err(io::ErrorKind::StorageFull.into()),
        Some(DiskFault::SyncFails) => Err(io::Error::other("the disk does not answer")),
    }
}
