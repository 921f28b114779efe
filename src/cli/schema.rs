//! `headroom schema`.

use super::output::print;

/// Print the JSON Schema of policy files, for editors
#[derive(clap::Args)]
#[command(after_help = "Example:
  headroom schema > policy.schema.json

Editors with the YAML language server then complete and check a policy whose first line is
  # yaml-language-server: $schema=policy.schema.json")]
pub struct Args {}

pub fn run(_args: &Args) -> anyhow::Result<()> {
    let text = headroom::policy::document::schema_text();
    print(&text)
}
