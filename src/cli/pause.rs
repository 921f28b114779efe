//! `headroom pause` and `headroom resume`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::ValueEnum;
use headroom::daemon::clock::Clock;
use headroom::daemon::settings::{Flags, Settings};
use headroom::daemon::state_dir;
use headroom::observation::{Direction, Pause};
use headroom::policy::scalar;
use headroom::units::display_duration;

/// Keep the daemon of this machine from scaling for a while; it goes on by itself
#[derive(clap::Args)]
#[command(
    after_help = "The pause is a file in the daemon's state folder that expires by itself. It takes effect at the next tick. \
A resize that is on its way is left alone; everything new waits, limits included.

Examples:
  headroom pause --for 30m
  headroom pause --for 2h --direction in    grow if you must, but do not shrink
  headroom resume"
)]
pub struct Args {
    /// How long, such as 30m or 2h
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    lasting: Duration,
    /// Only this direction [default: both]
    #[arg(long, value_enum)]
    direction: Option<Way>,
    #[command(flatten)]
    place: Place,
}

/// End a pause before its time
#[derive(clap::Args)]
pub struct ResumeArgs {
    #[command(flatten)]
    place: Place,
}

/// Which daemon is meant.
#[derive(clap::Args)]
pub struct Place {
    /// The daemon's settings, which name its state folder [default: /etc/headroom/headroom.toml, if
    /// it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The daemon's state folder itself
    #[arg(long, value_name = "FOLDER", conflicts_with = "config")]
    state_dir: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Way {
    Out,
    In,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    if args.lasting.is_zero() {
        bail!("--for 0s would end at once; give a time such as 30m");
    }
    let folder = args.place.state_dir()?;
    let direction = args.direction.map(|way| match way {
        Way::Out => Direction::Out,
        Way::In => Direction::In,
    });
    let pause = Pause {
        until: Clock::real().now() + args.lasting,
        direction,
    };
    state_dir::write_pause(&folder, &pause)?;
    let what = match direction {
        None => "scaling",
        Some(Direction::Out) => "scale-out",
        Some(Direction::In) => "scale-in",
    };
    super::print(
        format!(
            "{what} is paused for {}, until {}\n",
            display_duration(args.lasting),
            pause.until
        )
        .as_bytes(),
    )
}

pub fn resume(args: &ResumeArgs) -> anyhow::Result<()> {
    let was_paused = state_dir::remove_pause(&args.place.state_dir()?)?;
    super::print(if was_paused {
        b"the pause is over\n".as_slice()
    } else {
        b"nothing was paused\n"
    })
}

impl Place {
    fn state_dir(&self) -> anyhow::Result<PathBuf> {
        let folder = match &self.state_dir {
            Some(folder) => folder.clone(),
            None => {
                // Only the folder matters here: whoever pauses need not have the policy at hand.
                let flags = Flags {
                    policy: Some(PathBuf::from("-")),
                    ..Flags::default()
                };
                Settings::load(super::run::config_file(self.config.as_deref()), flags)?.state_dir
            }
        };
        check(&folder).with_context(|| {
            "name the daemon's settings with --config, or its folder with --state-dir".to_owned()
        })?;
        Ok(folder)
    }
}

/// A pause left where no daemon looks would be worse than an error.
fn check(folder: &Path) -> anyhow::Result<()> {
    if folder.join("lock").is_file() {
        Ok(())
    } else {
        bail!("{}: no daemon has run on this folder", folder.display())
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    scalar::duration(text).map_err(|refusal| refusal.to_string())
}
