//! `headroom completions`.

use clap_complete::Shell;

use super::output::print_bytes;

/// Print a completion script for a shell
#[derive(clap::Args)]
#[command(after_help = "Examples:
  headroom completions bash > ~/.local/share/bash-completion/completions/headroom
  headroom completions zsh > ~/.zfunc/_headroom
  headroom completions fish > ~/.config/fish/completions/headroom.fish

For zsh, the folder must be in $fpath before compinit runs.")]
pub struct Args {
    /// The shell
    shell: Shell,
}

/// Prints the script for `command`, the whole command line.
pub fn run(args: &Args, mut command: clap::Command) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "headroom", &mut script);
    print_bytes(&script)
}
