//! What goes over the agent's socket, from either end.
#![no_main]

use cldkctl::keeper::agent::wire::{MAX_REPLY, MAX_REQUEST, Received, Reply, Request};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Received::Whole(request) = Request::read(bytes) {
        assert!(bytes.len() <= MAX_REQUEST);
        assert_eq!(request.to_bytes()[..], *bytes, "there is one spelling");
    }
    // However it arrives: it is whole once, at its end, and nothing but a part before.
    let whole = (0..=bytes.len())
        .find(|&length| !matches!(Request::read(&bytes[..length]), Received::Part));
    if let Some(length) = whole {
        assert!(length <= MAX_REQUEST);
        for longer in length + 1..=bytes.len().min(length + 8) {
            assert!(matches!(
                Request::read(&bytes[..longer]),
                Received::Nonsense
            ));
        }
    } else {
        assert!(
            bytes.len() < MAX_REQUEST,
            "it would be waited for without end"
        );
    }
    if let Some(reply) = Reply::read(bytes) {
        assert!(bytes.len() <= MAX_REPLY);
        assert_eq!(reply.to_bytes()[..], *bytes, "there is one spelling");
    }
});
