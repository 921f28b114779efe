//! Progress on stderr, where that is a terminal.

use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A progress bar for a file with an unknown number of records.
pub fn counting_records(path: &Path) -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{msg} {spinner} {human_pos} records")?;
    let progress =
        ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()).with_style(style);
    Ok(progress.with_message(path.display().to_string()))
}

/// Advances a hidden progress bar. It is shown once the work has taken a second; indicatif draws on
/// terminals only.
pub fn advance(progress: &ProgressBar, by: u64) {
    progress.inc(by);
    if progress.is_hidden() && progress.elapsed() > Duration::from_secs(1) {
        progress.set_draw_target(ProgressDrawTarget::stderr());
    }
}
