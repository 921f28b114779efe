//! `headroom schema`.

use std::io::Write;

/// Print the JSON Schema of policy files, for editors.
#[derive(clap::Args)]
pub struct Args {}

pub fn run(_args: &Args) -> anyhow::Result<()> {
    let text = headroom::policy::document::schema_text();
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}
