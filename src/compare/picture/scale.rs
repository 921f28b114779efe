//! From values to pixels.

/// Digits of round values, from few to many.
const DIGITS: [&[f64]; 3] = [
    &[1.0, 2.0, 5.0],
    &[1.0, 1.5, 2.0, 3.0, 5.0, 7.0],
    &[
        1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0,
    ],
];
/// With fewer one cannot read a scale.
const TICKS_MIN: usize = 4;

/// Equal distances for equal ratios.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    /// Both above zero, and not the same.
    pub values: (f64, f64),
    /// Where the ends of `values` are.
    pub pixels: (f64, f64),
}

impl Scale {
    /// Where `value` is; one that is beyond an end is drawn there.
    pub fn place(&self, value: f64) -> f64 {
        let ((low, high), (from, to)) = (self.values, self.pixels);
        from + (value.clamp(low, high) / low).ln() / (high / low).ln() * (to - from)
    }

    /// Whether a value is on the scale.
    pub fn holds(&self, value: f64) -> bool {
        (self.values.0..=self.values.1).contains(&value)
    }

    /// Round values, at least four where the ends are some 20% apart.
    pub fn ticks(&self) -> Vec<f64> {
        let mut ticks = Vec::new();
        for digits in DIGITS {
            ticks = self.ticks_with(digits);
            if ticks.len() >= TICKS_MIN {
                break;
            }
        }
        ticks
    }

    /// The values on the scale that have one of these digits.
    fn ticks_with(&self, digits: &[f64]) -> Vec<f64> {
        let (low, high) = self.values;
        let powers = (low.log10().floor() as i32)..=(high.log10().floor() as i32);
        let mut ticks = Vec::new();
        for power in powers {
            let values = digits
                .iter()
                .map(|digit| rounded(digit * 10.0_f64.powi(power)));
            ticks.extend(values.filter(|value| self.holds(*value)));
        }
        ticks
    }
}

/// Holds all values, with a little room around them; from 1 to 10 where there is none above zero.
pub(super) fn around(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values
        .filter(|value| *value > 0.0)
        .fold((f64::INFINITY, 0.0_f64), |(low, high), value| {
            (low.min(value), high.max(value))
        });
    if high > 0.0 {
        (low * 0.93, high * 1.07)
    } else {
        (1.0, 10.0)
    }
}

/// Without the dust of binary fractions: 0.35 instead of 0.35000000000000003.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_enough() {
        for (values, expected) in [
            ((8.0, 210.0), vec![10.0, 20.0, 50.0, 100.0, 200.0]),
            ((28.0, 137.0), vec![30.0, 50.0, 70.0, 100.0]),
            ((0.31, 0.52), vec![0.35, 0.4, 0.5]),
        ] {
            assert_eq!(
                Scale {
                    values,
                    pixels: (0.0, 1.0)
                }
                .ticks(),
                expected,
                "{values:?}"
            );
        }
    }

    #[test]
    fn equal_ratios_are_equal_distances_and_what_is_beyond_an_end_is_drawn_there() {
        let scale = Scale {
            values: (10.0, 1_000.0),
            pixels: (200.0, 100.0),
        };
        let places = [0.0, 10.0, 100.0, 1_000.0, 5_000.0].map(|value| scale.place(value).round());
        assert_eq!(places, [200.0, 200.0, 150.0, 100.0, 100.0]);
    }

    #[test]
    fn there_is_always_a_scale() {
        for values in [vec![], vec![0.0], vec![5.0], vec![1.0, 2.0]] {
            let (low, high) = around(values.iter().copied());
            assert!(0.0 < low && low < high, "{values:?}");
        }
    }
}
