//! A parcel of work.

/// Memory that arrives evenly between two instants, or at once if they are equal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Parcel {
    /// When the first of it arrives, since the start.
    pub from_ms: i64,
    pub span_ms: u32,
    /// The mean lifetime of its containers.
    pub lifetime_s: f32,
    pub vcores_per_mib: f32,
    pub memory_mib: f64,
}

impl Parcel {
    /// When the last of it arrives.
    pub fn until_ms(&self) -> i64 {
        self.from_ms + i64::from(self.span_ms)
    }
}
