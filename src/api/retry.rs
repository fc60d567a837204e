//! When a request is made again, and how long to wait before.
//!
//! All of it is decided by [`Policy::pause`], which does nothing itself.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::tz::TimeZone;

/// The pause before the first new attempt; each further one is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The longest pause that we choose ourselves.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// The longest pause that a server's `Retry-After` may ask of us. A person is waiting.
const LONGEST_ASKED_PAUSE: Duration = Duration::from_secs(60);

/// How an attempt failed, as far as a new one depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// No connection: the request cannot have been processed.
    NotSent,
    /// The connection broke: the request may have been processed.
    MaybeProcessed,
    /// An answer with this status.
    Status(u16),
    /// What will not change by itself (TLS), or took too long already (a time-out).
    Final,
}

/// How often a request may be made again, and whether it may be processed twice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy {
    /// At most this many new attempts after the first; 0 for one attempt in all.
    pub(super) max_retries: u32,
    /// Whether processing it twice does no more than processing it once.
    pub(super) repeatable: bool,
}

impl Policy {
    /// How long to wait before the next attempt, or nothing if there is to be none.
    ///
    /// `attempt` is the number of the one that failed, from one; `asked` what its
    /// `Retry-After` asked for; `jitter` any number, best a random one, which shortens the
    /// pause of our own by up to a half, so that many clients that failed together do not
    /// come back together.
    pub(super) fn pause(
        self,
        attempt: u32,
        failure: Failure,
        asked: Option<Duration>,
        jitter: u32,
    ) -> Option<Duration> {
        let again = match failure {
            // The server says of itself that it did not process these (RFC 6585 section 4,
            // RFC 9110 section 15.6.4); a gateway that says 502 or 504 does not know.
            Failure::NotSent | Failure::Status(429 | 503) => true,
            Failure::MaybeProcessed | Failure::Status(502 | 504) => self.repeatable,
            Failure::Status(_) | Failure::Final => false,
        };
        if !again || attempt > self.max_retries {
            return None;
        }
        let doublings = attempt.saturating_sub(1).min(16);
        let longest = FIRST_PAUSE
            .saturating_mul(1 << doublings)
            .min(LONGEST_PAUSE);
        let share = f64::from(jitter) / f64::from(u32::MAX);
        let own = longest.mul_f64(1.0 - share / 2.0);
        match asked {
            Some(asked) if asked > LONGEST_ASKED_PAUSE => None,
            Some(asked) => Some(asked.max(own)),
            None => Some(own),
        }
    }
}

/// What `Retry-After` asks for (RFC 9110 section 10.2.3): seconds, or a date, which is
/// compared with `now`. Nothing if it is neither; zero if the date is past.
pub(super) fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit ask for longer than anybody waits.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let wait = http_date(value)?.duration_since(now);
    Some(Duration::try_from(wait).unwrap_or(Duration::ZERO))
}

/// Reads a date in any of the three forms that HTTP has had (RFC 9110 section 5.6.7).
pub(super) fn http_date(value: &str) -> Option<Timestamp> {
    if let Ok(date) = DateTimeParser::new().parse_timestamp(value) {
        return Some(date);
    }
    let forms = [
        "%a, %d %b %Y %H:%M:%S GMT",
        "%A, %d-%b-%y %H:%M:%S GMT",
        "%a %b %e %H:%M:%S %Y",
    ];
    let date = forms
        .iter()
        .find_map(|form| DateTime::strptime(form, value).ok())?;
    // The last days of the year 9999 are beyond what a Timestamp holds.
    Some(TimeZone::UTC.to_timestamp(date).unwrap_or(Timestamp::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPEATABLE: Policy = Policy {
        max_retries: 9,
        repeatable: true,
    };
    const ONCE_ONLY: Policy = Policy {
        max_retries: 9,
        repeatable: false,
    };

    fn ms(pause: u64) -> Option<Duration> {
        Some(Duration::from_millis(pause))
    }

    #[test]
    fn pauses_double_up_to_eight_seconds() {
        let pauses: Vec<_> = (1..=9)
            .map(|attempt| {
                REPEATABLE
                    .pause(attempt, Failure::NotSent, None, 0)
                    .expect("a pause")
                    .as_millis()
            })
            .collect();
        assert_eq!(pauses, [250, 500, 1000, 2000, 4000, 8000, 8000, 8000, 8000]);
        let forever = Policy {
            max_retries: u32::MAX,
            repeatable: true,
        };
        assert_eq!(
            forever.pause(u32::MAX, Failure::NotSent, None, 0),
            ms(8000),
            "and nothing overflows"
        );
    }

    #[test]
    fn jitter_shortens_by_up_to_a_half() {
        let pause = |jitter| {
            REPEATABLE
                .pause(1, Failure::NotSent, None, jitter)
                .expect("a pause")
        };
        assert_eq!(pause(u32::MAX), Duration::from_millis(125));
        let half = pause(u32::MAX / 2);
        assert!(half > Duration::from_millis(187) && half < Duration::from_millis(188));
    }

    #[test]
    fn attempts_are_counted() {
        for max_retries in 0..4 {
            let policy = Policy {
                max_retries,
                repeatable: true,
            };
            let attempts = 1
                + (1..)
                    .take_while(|&n| policy.pause(n, Failure::Status(503), None, 0).is_some())
                    .count();
            assert_eq!(attempts, max_retries as usize + 1);
        }
    }

    #[test]
    fn only_what_may_get_better_is_tried_again() {
        for (failure, repeatable, once_only) in [
            (Failure::NotSent, true, true),
            (Failure::Status(429), true, true),
            (Failure::Status(503), true, true),
            (Failure::MaybeProcessed, true, false),
            (Failure::Status(502), true, false),
            (Failure::Status(504), true, false),
            (Failure::Status(500), false, false),
            (Failure::Status(400), false, false),
            (Failure::Status(200), false, false),
            (Failure::Final, false, false),
        ] {
            assert_eq!(
                REPEATABLE.pause(1, failure, None, 0).is_some(),
                repeatable,
                "{failure:?}"
            );
            assert_eq!(
                ONCE_ONLY.pause(1, failure, None, 0).is_some(),
                once_only,
                "{failure:?}"
            );
        }
    }

    #[test]
    fn the_server_may_ask_for_up_to_a_minute() {
        let pause = |seconds| {
            REPEATABLE.pause(
                1,
                Failure::Status(429),
                Some(Duration::from_secs(seconds)),
                0,
            )
        };
        assert_eq!(pause(0), ms(250), "never less than our own");
        assert_eq!(pause(3), ms(3_000));
        assert_eq!(pause(60), ms(60_000));
        assert_eq!(pause(61), None);
        assert_eq!(pause(u64::MAX), None);
        assert_eq!(
            REPEATABLE.pause(1, Failure::Status(500), Some(Duration::ZERO), 0),
            None
        );
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "1994-11-06T08:49:00Z".parse().expect("a time");
        for (value, asked) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(37)),
            ("Sun Nov  6 08:49:37 1994", Some(37)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
        ] {
            assert_eq!(
                retry_after(value, now),
                asked.map(Duration::from_secs),
                "{value:?}"
            );
        }
        // The last that can be written is beyond what a Timestamp holds.
        for value in ["Fri, 31 Dec 9999 23:59:59 GMT", "Fri Dec 31 23:59:59 9999"] {
            let asked = retry_after(value, now).expect("a date");
            assert!(asked > LONGEST_ASKED_PAUSE, "{value:?}");
        }
    }
}
