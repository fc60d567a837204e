//! A time as the contents have it.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::{DateTime, date};
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::strict::text;

/// A time in UTC, from the year 0001 to the very end of 9999. [`Timestamp`] ends a day earlier,
/// and `9999-12-31T23:59:59Z` is what many programs write for "never".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(DateTime);

impl Time {
    /// Takes the one spelling of `vault-format.md`, section 7.3: RFC 3339 has many.
    fn parse(text: &str) -> Option<Self> {
        let shape = |(place, byte): (usize, u8)| match place {
            4 | 7 => byte == b'-',
            10 => byte == b'T',
            13 | 16 => byte == b':',
            19 => byte == b'.',
            _ => byte.is_ascii_digit(),
        };
        let rest = text.strip_suffix('Z')?;
        // 19 to the seconds, or those and a fraction of 1 to 9 digits.
        let fits = matches!(rest.len(), 19 | 21..=29)
            && rest.bytes().enumerate().all(shape)
            && &rest[17..19] < "60"
            && &rest[..4] != "0000";
        fits.then(|| rest.parse().ok().map(Self))?
    }

    /// The same to calculate with; for the last day of 9999 the last one that there is.
    #[must_use]
    pub fn timestamp(self) -> Timestamp {
        TimeZone::UTC.to_timestamp(self.0).unwrap_or(Timestamp::MAX)
    }

    /// The same without the fraction of a second.
    #[must_use]
    pub fn to_the_second(self) -> Self {
        Self(self.0.with().subsec_nanosecond(0).build().unwrap_or(self.0))
    }

    /// The same to format.
    #[must_use]
    pub fn date_time(self) -> DateTime {
        self.0
    }
}

/// A time before the year 0001 becomes its beginning: a clock can say anything.
impl From<Timestamp> for Time {
    fn from(time: Timestamp) -> Self {
        let first = date(1, 1, 1).at(0, 0, 0, 0);
        Self(TimeZone::UTC.to_datetime(time).max(first))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}Z", self.0)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "a time in UTC", Self::parse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_of_the_format_is_kept_and_compared() {
        for text in [
            "0001-01-01T00:00:00Z",
            "2024-02-29T23:59:59.5Z",
            "9999-12-30T22:00:01Z",
            "9999-12-31T23:59:59Z",
            "9999-12-31T23:59:59.999999999Z",
        ] {
            assert_eq!(Time::parse(text).expect(text).to_string(), text);
        }
        let never = Time::parse("9999-12-31T23:59:59Z").expect("a time");
        assert_eq!(never.timestamp(), Timestamp::MAX);
    }

    #[test]
    fn no_clock_makes_a_time_that_the_format_does_not_have() {
        for clock in [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX] {
            let time = Time::from(clock);
            assert_eq!(Time::parse(&time.to_string()), Some(time), "{time}");
        }
        assert_eq!(
            Time::from(Timestamp::MIN).to_string(),
            "0001-01-01T00:00:00Z"
        );
    }
}
