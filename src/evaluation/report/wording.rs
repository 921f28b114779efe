//! Figures as people write them.

/// A waiting time at the precision that a comparison needs: `0s`, `4.2s`, `42s`, `2m 10s`, `1h
/// 05m`, `6d 10h`.
pub fn wait(seconds: f64) -> String {
    if !seconds.is_finite() {
        return "-".to_owned();
    }
    let tenths = (seconds * 10.0).round() as i64;
    let whole = seconds.round() as i64;
    match whole {
        _ if tenths == 0 => "0s".to_owned(),
        _ if tenths < 100 => format!("{}.{}s", tenths / 10, tenths % 10),
        ..60 => format!("{whole}s"),
        60..3_600 => format!("{}m {:02}s", whole / 60, whole % 60),
        3_600..86_400 => format!("{}h {:02}m", whole / 3_600, whole / 60 % 60),
        86_400.. => format!("{}d {:02}h", whole / 86_400, whole / 3_600 % 24),
    }
}

/// US dollars to the cent.
pub fn usd(amount: f64) -> String {
    if amount.is_finite() {
        format!("{amount:.2}")
    } else {
        "-".to_owned()
    }
}

/// A count that may be a mean over seeds.
pub fn count(amount: f64) -> String {
    if amount.fract() == 0.0 {
        format!("{amount:.0}")
    } else {
        format!("{amount:.1}")
    }
}

/// `38% less than`, as seen from `own`; differences below half a percent are none.
pub fn compared(own: f64, other: f64) -> String {
    let percent = (other - own) / other * 100.0;
    match percent {
        _ if !percent.is_finite() || percent.abs() < 0.5 => "practically as much as".to_owned(),
        99.5.. => "over 99% less than".to_owned(),
        0.5.. => format!("{percent:.0}% less than"),
        _ => format!("{:.0}% more than", -percent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_read_at_a_glance() {
        for (seconds, text) in [
            (0.0, "0s"),
            (0.04, "0s"),
            (0.06, "0.1s"),
            (4.25, "4.3s"),
            (9.94, "9.9s"),
            (9.96, "10s"),
            (59.4, "59s"),
            (59.6, "1m 00s"),
            (130.0, "2m 10s"),
            (3_599.6, "1h 00m"),
            (3_900.0, "1h 05m"),
            (86_399.9, "1d 00h"),
            (555_000.0, "6d 10h"),
            (f64::NAN, "-"),
        ] {
            assert_eq!(wait(seconds), text, "{seconds}");
        }
    }

    #[test]
    fn differences_are_seen_from_the_first() {
        assert_eq!(compared(62.0, 100.0), "38% less than");
        assert_eq!(compared(150.0, 100.0), "50% more than");
        assert_eq!(compared(100.2, 100.0), "practically as much as");
        assert_eq!(compared(0.1, 100.0), "over 99% less than");
        assert_eq!(compared(0.0, 0.0), "practically as much as");
    }

    #[test]
    fn counts_are_whole_unless_they_are_means() {
        assert_eq!(count(7.0), "7");
        assert_eq!(count(7.25), "7.2");
    }
}
