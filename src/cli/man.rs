//! `headroom man`.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap_mangen::Man;

use super::output::print_bytes;

/// Print the manual page of headroom or of a command
#[derive(clap::Args)]
#[command(after_help = "Examples:
  headroom man | man -l -
  headroom man simulate | man -l -
  headroom man --out-dir ~/.local/share/man/man1")]
pub struct Args {
    /// A command, such as `simulate` or `import swim`; without one, headroom itself
    #[arg(value_name = "COMMAND")]
    words: Vec<String>,

    /// Write the pages of headroom and of every command to this folder instead
    #[arg(long, value_name = "FOLDER", conflicts_with = "words")]
    out_dir: Option<PathBuf>,
}

/// Prints or writes pages of `command`, the whole command line.
pub fn run(args: &Args, command: clap::Command) -> anyhow::Result<()> {
    let mut command = command.disable_help_subcommand(true);
    if let Some(folder) = &args.out_dir {
        return fs::create_dir_all(folder)
            .and_then(|()| clap_mangen::generate_to(command, folder))
            .with_context(|| format!("the pages cannot be written to {}", folder.display()));
    }
    command.build();
    let mut chosen = &command;
    for word in &args.words {
        let Some(inner) = chosen.find_subcommand(word) else {
            bail!("there is no command `{word}`; `headroom --help` lists the commands");
        };
        chosen = inner;
    }
    let mut page = Vec::new();
    Man::new(chosen.clone()).render(&mut page)?;
    print_bytes(&page)
}
