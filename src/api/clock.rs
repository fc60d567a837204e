//! How far this machine's clock is from the server's, as far as an answer tells.
//!
//! The end of a session is a time of the server's clock. A clock of this machine that is wrong
//! misjudges it, and nobody notices but by a session that is dead when it is used.

use jiff::{SignedDuration, Timestamp};
use reqwest::header::{AGE, DATE, HeaderMap};

use super::retry::http_date;

/// Clocks that differ by no more than this agree: answers take time, and `Date` has seconds.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(60);

/// How far apart a `Date` and the time at which the same answer's session was issued may be. A
/// `Date` further away is that of something in between, or of a clock that nobody set.
const SAME_ANSWER: SignedDuration = SignedDuration::from_hours(1);

/// When a request was sent and its answer came, by this machine's clock, and when it was
/// answered, by the server's (RFC 9110 section 6.6.1).
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    sent: Timestamp,
    received: Timestamp,
    date: Option<Timestamp>,
}

impl Clock {
    /// The clocks at an answer with these headers.
    pub(super) fn read(sent: Timestamp, received: Timestamp, headers: &HeaderMap) -> Self {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        Self {
            sent,
            received,
            // An answer out of a cache has the `Date` of the one that went into it.
            date: date
                .filter(|_| !headers.contains_key(AGE))
                .and_then(http_date)
                .filter(is_plausible),
        }
    }

    /// How far the server's clock is ahead of this machine's; less than zero if this one's is
    /// ahead, zero if they agree or nothing is known. `issued` is when the answer says that its
    /// session was issued, which is a second witness: it overrules a `Date`.
    pub(super) fn server_ahead(&self, issued: Option<Timestamp>) -> SignedDuration {
        let Some(date) = self.date else {
            return SignedDuration::ZERO;
        };
        let overruled = |issued: Timestamp| {
            self.apart(issued) <= TOLERANCE || date.duration_since(issued).abs() > SAME_ANSWER
        };
        if self.apart(date) <= TOLERANCE || issued.is_some_and(overruled) {
            return SignedDuration::ZERO;
        }
        date.duration_since(self.received)
    }

    /// How far `time` is from the time in which the answer was on its way.
    fn apart(&self, time: Timestamp) -> SignedDuration {
        let before = self.sent.duration_since(time);
        let after = time.duration_since(self.received);
        before.max(after)
    }
}

/// Whether a server of this service can have said it.
fn is_plausible(date: &Timestamp) -> bool {
    const FROM_2025: i64 = 1_735_689_600;
    const TO_2100: i64 = 4_102_444_800;
    (FROM_2025..TO_2100).contains(&date.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn now() -> Timestamp {
        "2026-01-01T12:00:00Z".parse().expect("a time")
    }

    fn at(seconds: i64) -> Timestamp {
        now() + SignedDuration::from_secs(seconds)
    }

    fn ahead(date: i64, issued: Option<i64>) -> i64 {
        let clock = Clock {
            sent: at(-20),
            received: now(),
            date: Some(at(date)),
        };
        clock.server_ahead(issued.map(at)).as_secs()
    }

    #[test]
    fn clocks_agree_within_a_minute_of_the_time_on_the_way() {
        for agrees in [-80, -20, 0, 60] {
            assert_eq!(ahead(agrees, None), 0, "{agrees}");
        }
        for differs in [-7200, -81, 61, 7200, 90_000_000] {
            assert_eq!(ahead(differs, None), differs);
            assert_eq!(ahead(differs, Some(differs)), differs, "both say so");
            assert_eq!(ahead(differs, Some(differs - 600)), differs);
        }
    }

    #[test]
    fn a_date_that_the_session_contradicts_says_nothing() {
        for (date, issued) in [(7200, 0), (-7200, -30), (7200, -7200), (90_000, 7200)] {
            assert_eq!(ahead(date, Some(issued)), 0, "{date} {issued}");
        }
        assert_eq!(ahead(0, Some(90_000)), 0, "issued in the future");
    }

    #[test]
    fn a_date_that_is_nonsense_or_from_a_cache_says_nothing() {
        for date in [
            "",
            "yesterday",
            "\u{9b}2J",
            "Thu, 01 Jan 1970 00:00:00 GMT",
            "Fri, 31 Dec 9999 23:59:59 GMT",
        ] {
            let mut headers = HeaderMap::new();
            let date = HeaderValue::from_bytes(date.as_bytes()).expect("a value");
            headers.insert(DATE, date);
            assert_eq!(Clock::read(now(), now(), &headers).date, None);
        }
        let mut headers = HeaderMap::new();
        let date = HeaderValue::from_static("Thu, 01 Jan 2026 14:00:00 GMT");
        headers.insert(DATE, date);
        assert_eq!(Clock::read(now(), now(), &headers).date, Some(at(7200)));
        headers.insert(AGE, HeaderValue::from_static("7200"));
        assert_eq!(Clock::read(now(), now(), &headers).date, None);
    }
}
