//! Spans of time as people write them: `15m`, `8h`, `90s`, `1h30m`.

use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;

/// A span of time of at least a second, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct TimeSpan(pub Duration);

impl FromStr for TimeSpan {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // 136 years: what the kernel's 32-bit seconds hold.
        const LONGEST: i64 = u32::MAX as i64;
        let wrong = "a time is such as 30s, 15m or 8h, and at least one second";
        let span: SignedDuration = text.parse().map_err(|_| wrong)?;
        match span.as_secs() {
            1..=LONGEST => Ok(Self(Duration::from_secs(span.as_secs().unsigned_abs()))),
            _ => Err(wrong),
        }
    }
}

impl TryFrom<String> for TimeSpan {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// A span of time for a person: its two largest units.
#[must_use]
pub fn in_words(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes, seconds) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, 0) => format!("{minutes}m"),
        (0, minutes, seconds) => format!("{minutes}m {seconds}s"),
        (hours, 0, _) => format!("{hours}h"),
        (hours, minutes, _) => format!("{hours}h {minutes}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_have_a_unit_and_are_at_least_a_second() {
        for (text, seconds) in [
            ("30s", 30),
            ("15m", 900),
            ("8h", 28_800),
            ("1h30m", 5_400),
            ("1h 1s", 3_601),
        ] {
            assert_eq!(
                text.parse(),
                Ok(TimeSpan(Duration::from_secs(seconds))),
                "{text}"
            );
        }
        for wrong in ["", "15", "0s", "-5m", "500ms", "soon", "9999999h"] {
            assert!(wrong.parse::<TimeSpan>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn periods_are_spoken_in_two_units() {
        assert_eq!(in_words(45), "45s");
        assert_eq!(in_words(900), "15m");
        assert_eq!(in_words(61), "1m 1s");
        assert_eq!(in_words(28_799), "7h 59m");
        assert_eq!(in_words(28_800), "8h");
    }
}
