//! `headroom pause` and `headroom resume`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::output::print;
use anyhow::{Context, bail};
use clap::ValueEnum;
use headroom::daemon::clock::Clock;
use headroom::daemon::settings::{Flags, Settings};
use headroom::daemon::state_dir;
use headroom::observation::{Direction, Pause};
use headroom::policy::scalar;
use headroom::units::display_duration;

/// Pause scaling on this machine's daemon for a while
#[derive(clap::Args)]
#[command(
    after_help = "The pause is a file in the daemon's state folder. It takes effect at the next tick and expires on its own. \
A resize that EMR has already accepted completes. New resizes wait until the end of the pause, even those that \
the policy's limits require.

Examples:
  headroom pause --for 30m
  headroom pause --for 2h --direction in    pause scale-in only
  headroom resume"
)]
pub struct Args {
    /// How long to pause, such as 30m or 2h
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    lasting: Duration,
    /// Pause only scale-out or only scale-in [default: both]
    #[arg(long, value_enum)]
    direction: Option<Way>,
    #[command(flatten)]
    place: Place,
}

/// End a pause early
#[derive(clap::Args)]
#[command(after_help = "Examples:
  headroom resume
  headroom resume --state-dir /var/lib/headroom")]
pub struct ResumeArgs {
    #[command(flatten)]
    place: Place,
}

/// Identifies the daemon.
#[derive(clap::Args)]
pub struct Place {
    /// The daemon's settings file, which names its state folder [default:
    /// /etc/headroom/headroom.toml, if it exists]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The daemon's state folder
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
        bail!("--for 0s ends immediately; give a time such as 30m");
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
    print(&format!(
        "{what} is paused for {}, until {}\n",
        display_duration(args.lasting),
        pause.until
    ))
}

pub fn resume(args: &ResumeArgs) -> anyhow::Result<()> {
    let was_paused = state_dir::remove_pause(&args.place.state_dir()?)?;
    print(if was_paused {
        "the pause has ended\n"
    } else {
        "scaling was not paused\n"
    })
}

impl Place {
    fn state_dir(&self) -> anyhow::Result<PathBuf> {
        let folder = match &self.state_dir {
            Some(folder) => folder.clone(),
            None => {
                // Only the folder matters here; the policy need not exist.
                let flags = Flags {
                    policy: Some(PathBuf::from("-")),
                    ..Flags::default()
                };
                Settings::load(super::run::config_file(self.config.as_deref()), flags)?.state_dir
            }
        };
        check(&folder).with_context(|| {
            "cannot find the daemon; name its settings with --config, or its state folder with --state-dir".to_owned()
        })?;
        Ok(folder)
    }
}

/// Refuses a folder that no daemon reads: a pause there would silently have no effect.
fn check(folder: &Path) -> anyhow::Result<()> {
    if folder.join("lock").is_file() {
        Ok(())
    } else {
        bail!("{}: no daemon has used this state folder", folder.display())
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    scalar::duration(text).map_err(|refusal| refusal.to_string())
}
