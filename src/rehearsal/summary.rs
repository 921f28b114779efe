//! The result of a rehearsal, in the figures of the simulator.

use std::time::Duration;

use crate::evaluation::scorecard::Scorecard;
use crate::units::display_duration;

/// A table with a line for each scorecard.
pub fn table(rows: &[(&str, &Scorecard)]) -> String {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text = format!(
        "  {:width$}  {:>10}  {:>9}  {:>9}  {:>9}  {:>7}\n",
        "", "cost", "wait p50", "wait p95", "longest", "resizes"
    );
    for (name, card) in rows {
        let waits = [card.wait_p50_s, card.wait_p95_s, card.wait_max_s].map(seconds);
        let [p50, p95, longest] = waits;
        text += &format!(
            "  {name:width$}  {:>6.2} USD  {p50:>9}  {p95:>9}  {longest:>9}  {:>7}\n",
            card.cost_usd, card.resizes
        );
    }
    text
}

fn seconds(seconds: f64) -> String {
    let whole = Duration::try_from_secs_f64(seconds.round()).unwrap_or_default();
    display_duration(whole).to_string()
}
