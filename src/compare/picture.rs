//! The picture: one panel a trace, cost over the p95 wait. Both scales are logarithmic: 10% is
//! equally high everywhere.

mod scale;

use std::fmt::Write as _;

use super::envelope::Frontier;
use super::{Benchmark, DEFAULT_INDEX, DemandPoint, Point};
use crate::evaluation::report::svg::escaped;
use crate::evaluation::report::wording::count;
use scale::{Scale, around};

const COLUMNS: usize = 2;
/// The size of a panel with its title and axes, in pixels.
const PANEL: (f64, f64) = (440.0, 284.0);
/// Left, top, right and bottom of what is drawn inside a panel.
const MARGINS: (f64, f64, f64, f64) = (52.0, 34.0, 16.0, 40.0);
const LEGEND_HEIGHT: f64 = 62.0;

/// A panel begins and ends at one of these.
const WAIT_TICKS_S: [(f64, &str); 12] = [
    (10.0, "10s"),
    (30.0, "30s"),
    (60.0, "1m"),
    (120.0, "2m"),
    (300.0, "5m"),
    (600.0, "10m"),
    (1_200.0, "20m"),
    (1_800.0, "30m"),
    (3_600.0, "1h"),
    (7_200.0, "2h"),
    (14_400.0, "4h"),
    (28_800.0, "8h"),
];
/// Every panel shows at least this.
const LAST_WAIT_S: f64 = 1_800.0;
/// And this many times the least waiting that is reached.
const WAIT_SPAN: f64 = 10.0;

/// Labelled where there is room, in this order.
const LABELLED_INDEXES: [u8; 5] = [DEFAULT_INDEX, 100, 1, 75, 25];
/// Room for a label, in pixels.
const LABEL: (f64, f64) = (24.0, 13.0);

/// The colours follow the reader's preference; the picture brings its own background, so that it
/// can be read on any page.
const STYLE: &str = "
text { font: 11px system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; fill: #57606a }
.title { font-size: 13px; font-weight: 600; fill: #1f2328 }
.index { font-size: 10.5px; font-weight: 600; fill: #0969da; paint-order: stroke; stroke: #fff; stroke-width: 3px }
.page { fill: #fff; stroke: #d0d7de }
.grid { stroke: #eaeef2; fill: none }
.axis { stroke: #afb8c1; fill: none }
.cloud { fill: #8c959f; fill-opacity: .38 }
.default { stroke: #bc4c00; stroke-width: 1.6; fill: none }
.frontier { stroke: #424a53; stroke-width: 2; fill: none; stroke-linejoin: round }
.demand { stroke: #0969da; stroke-width: 1.6; fill: none; stroke-linejoin: round }
.dot { fill: #0969da; stroke: #fff; stroke-width: .8 }
.clairvoyant { stroke: #9a6700; stroke-width: 1.5; stroke-dasharray: 7 4 }
.no-wait { stroke: #1a7f37; stroke-width: 1.5; stroke-dasharray: 2 3 }
@media (prefers-color-scheme: dark) {
text { fill: #9198a1 }
.title { fill: #e6edf3 }
.index { fill: #79c0ff; stroke: #0d1117 }
.page { fill: #0d1117; stroke: #30363d }
.grid { stroke: #21262d }
.axis { stroke: #484f58 }
.cloud { fill: #8b949e; fill-opacity: .42 }
.default { stroke: #f0883e }
.frontier { stroke: #d1d7e0 }
.demand { stroke: #58a6ff }
.dot { fill: #58a6ff; stroke: #0d1117 }
.clairvoyant { stroke: #d29922 }
.no-wait { stroke: #3fb950 }
}
";

/// One panel a trace, two side by side, and a legend above them. An SVG file.
pub fn draw(benchmarks: &[Benchmark]) -> String {
    let rows = benchmarks.len().div_ceil(COLUMNS);
    let (width, height) = (
        PANEL.0 * COLUMNS as f64,
        LEGEND_HEIGHT + PANEL.1 * rows as f64,
    );
    let panels: String = benchmarks
        .iter()
        .enumerate()
        .map(|(index, benchmark)| {
            let corner = (
                (index % COLUMNS) as f64 * PANEL.0,
                LEGEND_HEIGHT + (index / COLUMNS) as f64 * PANEL.1,
            );
            format!(
                "<g transform=\"translate({} {})\">\n{}</g>\n",
                corner.0,
                corner.1,
                Panel::of(benchmark).draw()
            )
        })
        .collect();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\">
<title>What demand: costs at a given waiting, beside every setting of every baseline</title>
<style>{STYLE}</style>
<rect class=\"page\" x=\".5\" y=\".5\" width=\"{}\" height=\"{}\" rx=\"6\"/>
{}{panels}</svg>
",
        width - 1.0,
        height - 1.0,
        legend()
    )
}

fn legend() -> String {
    let entries = [
        (
            20.0,
            22.0,
            "<path class=\"demand\" d=\"M0 0H28\"/><circle class=\"dot\" cx=\"14\" cy=\"0\" r=\"3.2\"/>",
            "demand: by performance_index",
        ),
        (
            20.0,
            42.0,
            "<path class=\"frontier\" d=\"M0 0H28\"/>",
            "hindsight frontier of all settings",
        ),
        (
            300.0,
            22.0,
            "<g class=\"cloud\"><circle cx=\"6\" r=\"2\"/><circle cx=\"14\" r=\"2\"/><circle cx=\"22\" r=\"2\"/></g>",
            "a baseline with one setting",
        ),
        (300.0, 42.0, CROSS_IN_LEGEND, "a baseline as people run it"),
        (
            560.0,
            22.0,
            "<path class=\"clairvoyant\" d=\"M0 0H28\"/>",
            "clairvoyant: never waits, pays for provisioning",
        ),
        (
            560.0,
            42.0,
            "<path class=\"no-wait\" d=\"M0 0H28\"/>",
            "no wait: capacity follows demand instantly",
        ),
    ];
    let entry = |(x, y, sign, words): &(f64, f64, &str, &str)| {
        format!(
            "<g transform=\"translate({x} {y})\">{sign}<text x=\"36\" y=\"4\">{words}</text></g>\n"
        )
    };
    entries.iter().map(entry).collect()
}

const CROSS_IN_LEGEND: &str = "<path class=\"default\" d=\"M10 -4l8 8m0 -8l-8 8\"/>";

/// One trace with its scales.
struct Panel<'a> {
    benchmark: &'a Benchmark,
    frontier: Frontier<'a>,
    /// By performance index.
    demand: Vec<&'a DemandPoint>,
    waits: Scale,
    costs: Scale,
}

impl<'a> Panel<'a> {
    fn of(benchmark: &'a Benchmark) -> Self {
        let frontier = benchmark.hindsight.frontier();
        let mut demand: Vec<&DemandPoint> = benchmark
            .demand
            .iter()
            .filter(|found| found.point.is_finished())
            .collect();
        demand.sort_by_key(|found| found.performance_index);
        let points = || {
            frontier
                .points()
                .iter()
                .copied()
                .chain(demand.iter().map(|found| &found.point))
        };
        let waits_s = drawn_waits(points().map(|point| point.wait_p95_s));
        let drawn = points()
            .filter(|point| point.wait_p95_s <= waits_s.1)
            .map(|point| point.cost_usd);
        let costs_usd = around(drawn.chain([benchmark.hindsight.no_wait_usd]));
        let (left, top, right, bottom) = MARGINS;
        Self {
            benchmark,
            frontier,
            demand,
            waits: Scale {
                values: waits_s,
                pixels: (left, PANEL.0 - right),
            },
            costs: Scale {
                values: costs_usd,
                pixels: (PANEL.1 - bottom, top),
            },
        }
    }

    fn draw(&self) -> String {
        let title = format!(
            "<text class=\"title\" x=\"{}\" y=\"20\">{}</text>\n",
            MARGINS.0,
            escaped(&self.benchmark.hindsight.trace)
        );
        [
            title,
            self.axes(),
            self.cloud(),
            self.bounds(),
            self.defaults(),
            self.frontier(),
            self.demand(),
            self.labels(),
        ]
        .concat()
    }

    fn axes(&self) -> String {
        let ((left, right), (bottom, top)) = (self.waits.pixels, self.costs.pixels);
        let mut text = String::new();
        let places = WAIT_TICKS_S
            .iter()
            .filter(|(wait_s, _)| self.waits.holds(*wait_s))
            .map(|(wait_s, words)| (self.waits.place(*wait_s), words));
        let places: Vec<(f64, &&str)> = places.collect();
        for (at, (x, words)) in places.iter().enumerate() {
            let is_clear = places
                .get(at + 1)
                .is_none_or(|(next, _)| next - x >= LABEL.0 + 6.0);
            let _ = write!(text, "<path class=\"grid\" d=\"M{x:.1} {bottom}V{top}\"/>");
            if is_clear {
                let _ = write!(
                    text,
                    "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{words}</text>",
                    bottom + 15.0
                );
            }
        }
        for cost in self.costs.ticks() {
            let y = self.costs.place(cost);
            let _ = write!(
                text,
                "<path class=\"grid\" d=\"M{left} {y:.1}H{right}\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                left - 6.0,
                y + 4.0,
                label(cost)
            );
        }
        let _ = writeln!(
            text,
            "<path class=\"axis\" d=\"M{left} {top}V{bottom}H{right}\"/>
<text x=\"{}\" y=\"20\" text-anchor=\"end\">USD</text><text x=\"{right}\" y=\"{}\" text-anchor=\"end\">p95 wait</text>",
            left - 6.0,
            bottom + 31.0
        );
        text
    }

    /// Settings outside the panel are left out.
    fn cloud(&self) -> String {
        let dots = self
            .benchmark
            .hindsight
            .swept
            .iter()
            .filter_map(|point| self.place(point));
        let circles: String = dots
            .map(|(x, y)| format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"1.7\"/>"))
            .collect();
        format!("<g class=\"cloud\">{circles}</g>\n")
    }

    fn defaults(&self) -> String {
        let crosses = self
            .benchmark
            .hindsight
            .defaults
            .iter()
            .filter_map(|point| self.place(point));
        let paths: String = crosses
            .map(|(x, y)| format!("M{:.1} {:.1}l7 7m0 -7l-7 7", x - 3.5, y - 3.5))
            .collect();
        format!("<path class=\"default\" d=\"{paths}\"/>\n")
    }

    /// Where the clairvoyant costs more than all that is drawn, it is said instead.
    fn bounds(&self) -> String {
        let (left, right) = self.waits.pixels;
        let line = |class: &str, cost| {
            format!(
                "<path class=\"{class}\" d=\"M{left} {:.1}H{right}\"/>\n",
                self.costs.place(cost)
            )
        };
        let clairvoyant_usd = self.benchmark.hindsight.clairvoyant_usd;
        let clairvoyant = if self.costs.holds(clairvoyant_usd) {
            line("clairvoyant", clairvoyant_usd)
        } else {
            format!(
                "<text x=\"{right}\" y=\"20\" text-anchor=\"end\">clairvoyant: {clairvoyant_usd:.0} USD</text>\n"
            )
        };
        clairvoyant + &line("no-wait", self.benchmark.hindsight.no_wait_usd)
    }

    /// Steps: until the next setting gets there, the one before is the cheapest.
    fn frontier(&self) -> String {
        let mut path = String::new();
        for point in self
            .frontier
            .points()
            .iter()
            .filter(|point| point.wait_p95_s <= self.waits.values.1)
        {
            let (x, y) = (
                self.waits.place(point.wait_p95_s),
                self.costs.place(point.cost_usd),
            );
            let _ = if path.is_empty() {
                write!(path, "M{x:.1} {y:.1}")
            } else {
                write!(path, "H{x:.1}V{y:.1}")
            };
        }
        if path.is_empty() {
            path
        } else {
            format!(
                "<path class=\"frontier\" d=\"{path}H{}\"/>\n",
                self.waits.pixels.1
            )
        }
    }

    fn demand(&self) -> String {
        let places: Vec<(f64, f64)> = self
            .demand
            .iter()
            .filter_map(|found| self.place(&found.point))
            .collect();
        let line: String = places
            .iter()
            .enumerate()
            .map(|(at, (x, y))| format!("{}{x:.1} {y:.1}", if at == 0 { "M" } else { "L" }))
            .collect();
        let dots: String = places
            .iter()
            .map(|(x, y)| format!("<circle class=\"dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.2\"/>"))
            .collect();
        format!("<path class=\"demand\" d=\"{line}\"/>{dots}\n")
    }

    /// Some indexes, below their dots; none over another.
    fn labels(&self) -> String {
        let mut taken: Vec<(f64, f64)> = Vec::new();
        let mut text = String::new();
        for index in LABELLED_INDEXES {
            let found = self
                .demand
                .iter()
                .find(|found| found.performance_index == index);
            let Some((x, y)) = found.and_then(|found| self.place(&found.point)) else {
                continue;
            };
            if taken.iter().all(|(other_x, other_y)| {
                (x - other_x).abs() > LABEL.0 || (y - other_y).abs() > LABEL.1
            }) {
                let _ = write!(
                    text,
                    "<text class=\"index\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{index}</text>",
                    x - 4.0,
                    y + 12.0
                );
                taken.push((x, y));
            }
        }
        text + "\n"
    }

    /// Where a policy is drawn; `None` outside the panel.
    fn place(&self, point: &Point) -> Option<(f64, f64)> {
        let inside = point.is_finished()
            && point.wait_p95_s <= self.waits.values.1
            && self.costs.holds(point.cost_usd);
        inside.then(|| {
            (
                self.waits.place(point.wait_p95_s),
                self.costs.place(point.cost_usd),
            )
        })
    }
}

/// From the last tick that nothing waits less than, as far as is worth seeing; what waits less than
/// the first tick is drawn there.
fn drawn_waits(waits_s: impl Iterator<Item = f64>) -> (f64, f64) {
    let least_s = waits_s.fold(f64::INFINITY, f64::min);
    let ticks_s = || WAIT_TICKS_S.iter().map(|(tick_s, _)| *tick_s);
    let low_s = ticks_s()
        .take_while(|tick_s| *tick_s <= least_s)
        .last()
        .filter(|_| least_s.is_finite())
        .unwrap_or(WAIT_TICKS_S[0].0);
    let wanted_s = LAST_WAIT_S.max(WAIT_SPAN * low_s);
    (
        low_s,
        ticks_s()
            .find(|tick_s| *tick_s >= wanted_s)
            .unwrap_or(2.0 * wanted_s),
    )
}

/// A cost on the axis, without digits that say nothing.
fn label(cost: f64) -> String {
    if cost.fract() == 0.0 {
        count(cost)
    } else {
        format!("{cost:.3}").trim_end_matches('0').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panel_shows_where_something_happens() {
        for (waits_s, expected) in [
            (vec![142.0, 90_000.0], (120.0, 1_800.0)),
            (vec![0.0, 50.0], (10.0, 1_800.0)),
            (vec![1_301.0], (1_200.0, 14_400.0)),
            (vec![100_000.0], (28_800.0, 576_000.0)),
            (vec![], (10.0, 1_800.0)),
        ] {
            assert_eq!(
                drawn_waits(waits_s.iter().copied()),
                expected,
                "{waits_s:?}"
            );
        }
    }
}
