//! Schedule windows that are open at the same time: only the first of them applies.

use std::time::Duration;

use crate::policy::Target;
use crate::policy::schedule::ScheduleWindow;
use crate::units::Timestamp;

/// Monday 2026-01-05 and Monday 2026-07-06, 00:00 UTC. Windows of different time zones may overlap
/// only in winter or only in summer, so both weeks are compared, minute by minute.
const MONDAYS: [Timestamp; 2] = [
    Timestamp::from_millis(1_767_571_200_000),
    Timestamp::from_millis(1_783_296_000_000),
];
const MINUTE: Duration = Duration::from_secs(60);
const MINUTES: u32 = 7 * 24 * 60;

/// A window that an earlier one of the same target hides for some time.
pub struct Overlap {
    /// Position of the later window in the target.
    pub window: usize,
    pub message: String,
}

/// Every pair of windows that overlap and differ in what they do.
pub fn overlaps(target: &Target) -> Vec<Overlap> {
    let windows = &target.schedule;
    let open: Vec<[Vec<bool>; 2]> = windows
        .iter()
        .map(|window| MONDAYS.map(|monday| open_minutes(window, monday)))
        .collect();
    let mut found = Vec::new();
    for (position, later) in windows.iter().enumerate() {
        for (other, earlier) in windows[..position].iter().enumerate() {
            if (&earlier.limits, &earlier.freeze) == (&later.limits, &later.freeze) {
                continue;
            }
            let weeks = MONDAYS.iter().zip(open[other].iter().zip(&open[position]));
            let when = weeks
                .filter_map(|(monday, (a, b))| first_overlap(earlier, *monday, a, b))
                .next();
            if let Some(when) = when {
                let (earlier, later) = (&earlier.name, &later.name);
                found.push(Overlap {
                    window: position,
                    message: format!(
                        "`{earlier}` and `{later}` are both open {when}; then only `{earlier}` applies"
                    ),
                });
            }
        }
    }
    found
}

fn open_minutes(window: &ScheduleWindow, monday: Timestamp) -> Vec<bool> {
    (0..MINUTES)
        .map(|minute| window.is_open(monday + MINUTE * minute))
        .collect()
}

/// The first time of the week at which both windows are open, in the time zone of `window`.
fn first_overlap(
    window: &ScheduleWindow,
    monday: Timestamp,
    a: &[bool],
    b: &[bool],
) -> Option<String> {
    let both: Vec<bool> = a.iter().zip(b).map(|(a, b)| *a && *b).collect();
    if both.iter().all(|both| *both) {
        return Some("all the time".to_owned());
    }
    // What is open when the week begins opened in the week before.
    let before = both.iter().cycle().skip(both.len() - 1);
    let from = both
        .iter()
        .zip(before)
        .position(|(both, before)| *both && !before)?;
    let minutes = both
        .iter()
        .cycle()
        .skip(from)
        .take_while(|both| **both)
        .count();
    let local = |minute: usize, format: &str| {
        let at = monday + MINUTE * u32::try_from(minute).unwrap_or(MINUTES);
        let zoned = at.to_jiff().to_zoned(window.time_zone.clone());
        zoned.strftime(format).to_string()
    };
    let to = from + minutes;
    let format = if local(from, "%A") == local(to, "%A") {
        "%H:%M"
    } else {
        "%A %H:%M"
    };
    let zone = window.time_zone.iana_name().unwrap_or("UTC");
    Some(format!(
        "from {} to {} ({zone})",
        local(from, "%A %H:%M"),
        local(to, format)
    ))
}
