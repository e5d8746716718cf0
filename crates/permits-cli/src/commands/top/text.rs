//! Times and numbers in few letters.
use std::time::Duration;

/// `0.3s`, `42s`, `5m03s`, `2h07m`, `3d04h`: at most six columns up to 99 days.
pub(crate) fn age(time: Duration) -> String {
    let s = time.as_secs();
    match s {
        0..10 => format!("{}.{}s", s, time.subsec_millis() / 100),
        10..60 => format!("{s}s"),
        60..3600 => format!("{}m{:02}s", s / 60, s % 60),
        3600..86400 => format!("{}h{:02}m", s / 3600, s / 60 % 60),
        _ => format!("{}d{:02}h", s / 86400, s / 3600 % 24),
    }
}

/// `0`, `0.25`, `3.1`, `412`, `12k`.
pub(crate) fn rate(per_second: f64) -> String {
    match per_second {
        r if r < 0.005 => "0".to_owned(),
        r if r < 1.0 => format!("{r:.2}"),
        r if r < 99.95 => format!("{r:.1}"),
        r if r < 9999.5 => format!("{r:.0}"),
        r => format!("{:.0}k", r / 1000.0),
    }
}

/// `1 permit`, `2 permits`.
pub(crate) fn count(n: u64, word: &str) -> String {
    if n == 1 { format!("1 {word}") } else { format!("{n} {word}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn age_is_short() {
        let cases =
            [(0, "0.0s"), (340, "0.3s"), (9_999, "9.9s"), (42_000, "42s"), (303_000, "5m03s"), (7_620_000, "2h07m")];
        for (ms, text) in cases {
            assert_eq!(age(Duration::from_millis(ms)), text);
        }
        assert_eq!(age(Duration::from_secs(86400 * 3 + 4 * 3600)), "3d04h");
    }

    #[test]
    fn rate_is_short() {
        for (r, text) in [(0.0, "0"), (0.25, "0.25"), (3.12, "3.1"), (99.97, "100"), (412.3, "412"), (12_345.0, "12k")]
        {
            assert_eq!(rate(r), text);
        }
    }
}
