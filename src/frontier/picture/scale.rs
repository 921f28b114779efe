//! From values to pixels.

/// Equal distances for equal differences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Linear {
    pub values: (f64, f64),
    /// Where the ends of `values` are.
    pub pixels: (f64, f64),
}

impl Linear {
    /// Holds all values, and a little room around them; its pixels are still to be given.
    pub fn around(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let room = (0.07 * (high - low)).max(1e-6 * high.abs()).max(1e-6);
        Self { values: ((low - room).max(0.0), high + room), pixels: (0.0, 0.0) }
    }

    pub fn place(&self, value: f64) -> f64 {
        between(self.pixels, (value - self.values.0) / (self.values.1 - self.values.0))
    }

    pub fn holds(&self, value: f64) -> bool {
        (self.values.0..=self.values.1).contains(&value)
    }

    /// Three to eight round values.
    pub fn ticks(&self) -> Vec<f64> {
        let (low, high) = self.values;
        let rough = (high - low) / 5.0;
        let magnitude = 10.0_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * magnitude).into_iter().find(|step| *step >= rough).unwrap_or(rough);
        let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
        // Dividing by what is whole keeps 0.3 from being 0.30000000000000004.
        let value = |at: i64| if step < 1.0 { at as f64 / (1.0 / step).round() } else { at as f64 * step };
        (first..=last).map(value).collect()
    }
}

/// Equal distances for equal ratios; values below the low end are drawn there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Logarithmic {
    pub values: (f64, f64),
    pub pixels: (f64, f64),
}

impl Logarithmic {
    pub fn place(&self, value: f64) -> f64 {
        let (low, high) = self.values;
        between(self.pixels, (value.max(low) / low).ln() / (high / low).ln())
    }
}

fn between((low, high): (f64, f64), share: f64) -> f64 {
    low + share * (high - low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round() {
        for (values, expected) in [
            ((28.0, 137.0), vec![50.0, 100.0]),
            ((0.31, 0.52), vec![0.35, 0.4, 0.45, 0.5]),
            ((96.0, 104.0), vec![96.0, 98.0, 100.0, 102.0, 104.0]),
        ] {
            let ticks = Linear { values, pixels: (0.0, 1.0) }.ticks();
            assert_eq!(ticks, expected, "{values:?}");
        }
    }

    #[test]
    fn values_find_their_place() {
        let costs = Linear { values: (0.0, 50.0), pixels: (200.0, 100.0) };
        assert_eq!((costs.place(0.0), costs.place(25.0), costs.place(50.0)), (200.0, 150.0, 100.0));
        let waits = Logarithmic { values: (10.0, 1_000.0), pixels: (0.0, 100.0) };
        assert_eq!((waits.place(0.0), waits.place(10.0), waits.place(100.0).round(), waits.place(1_000.0)), (0.0, 0.0, 50.0, 100.0));
    }

    #[test]
    fn one_value_alone_has_a_scale() {
        let alone = Linear { pixels: (100.0, 0.0), ..Linear::around([5.0].into_iter()) };
        assert!(alone.holds(5.0));
        assert!((alone.place(5.0) - 50.0).abs() < 1e-6);
    }
}
