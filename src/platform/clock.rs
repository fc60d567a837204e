//! What time it is.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// The time by the system's clock. Where that is set to a year that nothing can be calculated
/// with, it is the nearest one that can: `Timestamp::now` would panic.
#[must_use]
pub fn now() -> Timestamp {
    nearest(SystemTime::now())
}

fn nearest(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or(match time < UNIX_EPOCH {
        true => Timestamp::MIN,
        false => Timestamp::MAX,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_in_any_year_is_read() {
        // Some 16,000 years.
        let ages = Duration::from_secs(500_000_000_000);
        assert_eq!(nearest(UNIX_EPOCH), Timestamp::UNIX_EPOCH);
        assert_eq!(nearest(UNIX_EPOCH + ages), Timestamp::MAX);
        assert_eq!(nearest(UNIX_EPOCH - ages), Timestamp::MIN);
    }
}
