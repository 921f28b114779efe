//! `headroom schema`.

/// Print the JSON Schema of policy files, for editors
#[derive(clap::Args)]
#[command(after_help = "Example:
  headroom schema > policy.schema.json

A policy whose first line is
  # yaml-language-server: $schema=policy.schema.json
is then completed and checked by editors that use the YAML language server.")]
pub struct Args {}

pub fn run(_args: &Args) -> anyhow::Result<()> {
    let text = headroom::policy::document::schema_text();
    super::print(text.as_bytes())
}
