//! Spark's sizes of memory, as its configuration writes them.

/// A size such as `40g` in MiB, rounded down as Spark does; a bare number is in the given unit.
pub fn parse_mib(text: &str, bare_unit: char) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" => bare_unit,
        "b" => 'b',
        "k" | "kb" | "kib" => 'k',
        "m" | "mb" | "mib" => 'm',
        "g" | "gb" | "gib" => 'g',
        "t" | "tb" | "tib" => 't',
        "p" | "pb" | "pib" => 'p',
        _ => return None,
    };
    let bytes_of_unit: u128 = match unit {
        'b' => 1,
        'k' => 1 << 10,
        'm' => 1 << 20,
        'g' => 1 << 30,
        't' => 1 << 40,
        _ => 1 << 50,
    };
    let number: u64 = digits.trim().parse().ok()?;
    u64::try_from((u128::from(number) * bytes_of_unit) >> 20).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_spark_reads_them() {
        for (text, expected) in [
            ("4096", Some(4096)),
            ("40G", Some(40_960)),
            (" 9486M ", Some(9486)),
            ("1536k", Some(1)),
            ("2gb", Some(2048)),
            ("1t", Some(1 << 20)),
            ("1073741824b", Some(1024)),
            ("0", Some(0)),
            ("1.5g", None),
            ("-1g", None),
            ("what", None),
            ("", None),
        ] {
            assert_eq!(parse_mib(text, 'm'), expected, "{text:?}");
        }
        assert_eq!(parse_mib("1073741824", 'b'), Some(1024));
        assert_eq!(parse_mib("18446744073709551615p", 'm'), None);
    }
}
