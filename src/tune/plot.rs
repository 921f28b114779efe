//! The picture of a search: a cloud of candidates, the frontier below it, and where the policy
//! stood.

use std::fmt::Write;

use super::Tuned;
use super::evaluator::Evaluator;
use super::search::Candidate;
use crate::evaluation::report::svg::escaped;
use crate::evaluation::report::wording::wait;
use crate::units::display_duration;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 460.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 54.0;
const BOTTOM: f64 = 56.0;
/// Waits much shorter than this are shown as they are, longer ones by their logarithm.
const LINEAR_S: f64 = 60.0;
/// What lies further out than the frontier and the written policy by more than this is not
/// drawn.
const MARGIN: f64 = 1.15;
/// Where the axis of waits may have a mark.
const WAIT_MARKS_S: [f64; 14] = [
    0.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0, 10_800.0, 43_200.0,
    172_800.0, 864_000.0,
];

/// An SVG of the p95 wait against cost.
pub fn svg(evaluator: &Evaluator<'_>, tuned: &Tuned) -> String {
    let axes = Axes::around(tuned, evaluator.goal().as_secs_f64());
    let drawn: Vec<&Candidate> = tuned
        .candidates
        .iter()
        .filter(|candidate| candidate.figures.unfinished() == 0 && axes.shows(candidate))
        .collect();
    let hidden = tuned.candidates.len() - drawn.len();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\" \
         aria-label=\"Cost against waiting\" font-family=\"system-ui, sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    title(&mut svg, evaluator, tuned, hidden);
    axes.draw(&mut svg, evaluator);
    for candidate in drawn {
        let (x, y) = axes.place(candidate);
        let _ = writeln!(
            svg,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.2\" fill=\"#8aa0b4\" fill-opacity=\"0.5\"/>"
        );
    }
    frontier(&mut svg, &axes, tuned);
    if let Some(start) = tuned.candidates.first().filter(|start| axes.shows(start)) {
        marked(&mut svg, axes.place(start), "#b3402a", "as written", true);
    }
    if let Some(chosen) = tuned.chosen().filter(|chosen| chosen.candidate != 0) {
        marked(
            &mut svg,
            axes.place(&tuned.candidates[chosen.candidate]),
            "#1a7f4b",
            "best",
            false,
        );
    }
    svg + "</svg>\n"
}

fn title(svg: &mut String, evaluator: &Evaluator<'_>, tuned: &Tuned, hidden: usize) {
    let traces = escaped(&evaluator.traces().collect::<Vec<_>>().join(", "));
    let beyond = if hidden > 0 {
        format!(", {hidden} of them beyond the picture")
    } else {
        String::new()
    };
    let _ = writeln!(
        svg,
        "<text x=\"{LEFT}\" y=\"22\" font-size=\"15\" font-weight=\"600\" fill=\"#1c2733\">Cost and waiting: {traces}</text>\n\
         <text x=\"{LEFT}\" y=\"40\" fill=\"#51606e\">{} policies tried{beyond}; the line: no other is cheaper and waits less</text>",
        tuned.candidates.len()
    );
}

/// From each point of the frontier straight on until the next one is reached: between them nothing
/// is known to be possible.
fn frontier(svg: &mut String, axes: &Axes, tuned: &Tuned) {
    let mut path = String::new();
    for index in &tuned.frontier {
        let (x, y) = axes.place(&tuned.candidates[*index]);
        let _ = if path.is_empty() {
            write!(path, "M{x:.1} {y:.1}")
        } else {
            write!(path, "V{y:.1}H{x:.1}")
        };
    }
    let _ = writeln!(
        svg,
        "<path d=\"{path}\" fill=\"none\" stroke=\"#1f5fa8\" stroke-width=\"2\" stroke-linejoin=\"round\"/>"
    );
}

/// The label is above, or below, where it does not cover the other one.
fn marked(svg: &mut String, (x, y): (f64, f64), colour: &str, label: &str, is_above: bool) {
    let is_left = x > WIDTH - 140.0 || (!is_above && x > LEFT + 50.0);
    let (at, anchor) = if is_left {
        (x - 9.0, "end")
    } else {
        (x + 9.0, "start")
    };
    let _ = writeln!(
        svg,
        "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\" fill=\"{colour}\" stroke=\"#ffffff\" stroke-width=\"1.5\"/>\n\
         <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\" font-weight=\"600\" fill=\"{colour}\" stroke=\"#ffffff\" stroke-width=\"3\" \
         paint-order=\"stroke\">{label}</text>",
        if is_above { y - 9.0 } else { y + 18.0 }
    );
}

/// Waiting to the right, cost upwards.
struct Axes {
    most_s: f64,
    least_usd: f64,
    most_usd: f64,
}

impl Axes {
    fn around(tuned: &Tuned, goal_s: f64) -> Self {
        let (mut most_s, mut least_usd, mut most_usd) = (goal_s, f64::INFINITY, 0.0_f64);
        for index in tuned.frontier.iter().chain([&0]) {
            let Some(candidate) = tuned.candidates.get(*index) else {
                continue;
            };
            let cost_usd = candidate.figures.cost_usd();
            most_s = most_s.max(candidate.figures.wait_p95_s());
            least_usd = least_usd.min(cost_usd);
            most_usd = most_usd.max(cost_usd);
        }
        most_usd *= MARGIN;
        Self {
            most_s: (most_s * MARGIN).max(LINEAR_S),
            least_usd: if least_usd > 0.5 * most_usd {
                least_usd / MARGIN
            } else {
                0.0
            },
            most_usd: if most_usd > 0.0 { most_usd } else { 1.0 },
        }
    }

    fn shows(&self, candidate: &Candidate) -> bool {
        candidate.figures.cost_usd() <= self.most_usd
            && candidate.figures.wait_p95_s() <= self.most_s
    }

    fn place(&self, candidate: &Candidate) -> (f64, f64) {
        (
            self.x(candidate.figures.wait_p95_s()),
            self.y(candidate.figures.cost_usd()),
        )
    }

    fn x(&self, wait_s: f64) -> f64 {
        let scaled = |seconds: f64| (1.0 + seconds / LINEAR_S).ln();
        LEFT + (WIDTH - LEFT - RIGHT) * scaled(wait_s) / scaled(self.most_s)
    }

    fn y(&self, usd: f64) -> f64 {
        HEIGHT
            - BOTTOM
            - (HEIGHT - TOP - BOTTOM) * (usd - self.least_usd) / (self.most_usd - self.least_usd)
    }

    fn draw(&self, svg: &mut String, evaluator: &Evaluator<'_>) {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        let step = round_step((self.most_usd - self.least_usd) / 6.0);
        let first = (self.least_usd / step).ceil() as i64;
        for usd in (first..)
            .map(|number| number as f64 * step)
            .take_while(|usd| *usd <= self.most_usd)
        {
            let y = self.y(usd);
            let _ = writeln!(
                svg,
                "<path d=\"M{LEFT} {y:.1}H{right}\" stroke=\"#e3e8ec\"/>\n\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#51606e\">{}</text>",
                LEFT - 8.0,
                y + 4.0,
                if step < 1.0 {
                    format!("{usd:.2}")
                } else {
                    format!("{usd:.0}")
                }
            );
        }
        let mut last_x = f64::NEG_INFINITY;
        for wait_s in WAIT_MARKS_S
            .into_iter()
            .take_while(|wait_s| *wait_s <= self.most_s)
        {
            let x = self.x(wait_s);
            // Labels need room.
            if x - last_x < 46.0 {
                continue;
            }
            last_x = x;
            let label = wait(wait_s)
                .replace(" 00s", "")
                .replace(" 00m", "")
                .replace(" 00h", "");
            let _ = writeln!(
                svg,
                "<path d=\"M{x:.1} {bottom}v5\" stroke=\"#8795a1\"/>\n\
                 <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#51606e\">{label}</text>",
                bottom + 19.0
            );
        }
        let goal_x = self.x(evaluator.goal().as_secs_f64());
        let _ = writeln!(
            svg,
            "<path d=\"M{LEFT} {bottom}H{right}M{LEFT} {TOP}V{bottom}\" stroke=\"#8795a1\" fill=\"none\"/>\n\
             <path d=\"M{goal_x:.1} {TOP}V{bottom}\" stroke=\"#51606e\" stroke-dasharray=\"4 4\"/>\n\
             <text x=\"{:.1}\" y=\"{:.1}\" fill=\"#51606e\">goal {}</text>\n\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#1c2733\">p95 wait (95% of the work waits at most this long)</text>\n\
             <text transform=\"translate(18 {:.1}) rotate(-90)\" text-anchor=\"middle\" fill=\"#1c2733\">cost, USD</text>",
            goal_x + 5.0,
            TOP + 12.0,
            display_duration(evaluator.goal()),
            (LEFT + right) / 2.0,
            bottom + 42.0,
            (TOP + bottom) / 2.0
        );
    }
}

/// 1, 2 or 5 times a power of ten, not below `least`.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.max(1e-9).log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= least)
        .unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_not_too_small() {
        for (least, step) in [
            (0.9, 1.0),
            (1.0, 1.0),
            (1.1, 2.0),
            (3.0, 5.0),
            (7.0, 10.0),
            (0.03, 0.05),
            (230.0, 500.0),
        ] {
            let got = round_step(least);
            assert!((got - step).abs() < 1e-9 * step, "{least}: {got}");
        }
    }
}
