//! The decrypted contents. What is taken comes back equal after a save, whoever wrote it.
#![no_main]

use cldkctl::vault::Contents;
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

fuzz_target!(|json: &[u8]| {
    let Ok(mut contents) = Contents::from_json(json) else {
        return;
    };
    let mut given: Value = serde_json::from_slice(json).expect("contents are JSON");
    normalise(&mut given);
    let taken = serde_json::to_value(&contents).expect("a value");
    assert_eq!(given, taken, "something was lost or changed");

    if contents.revision == (1 << 53) - 1 {
        return;
    }
    let saved = contents.to_next_json().expect("what was read can be saved");
    let again = Contents::from_json(&saved).expect("what was saved can be read");
    assert_eq!(contents.revision, again.revision);
    given["revision"] = again.revision.into();
    let again = serde_json::to_value(&again).expect("a value");
    assert_eq!(given, again, "something was lost or changed by a save");
});

/// Where a save may write the same in other characters, or leave out what says nothing.
fn normalise(contents: &mut Value) {
    for context in contents["contexts"].as_array_mut().expect("an array") {
        let context = context.as_object_mut().expect("an object");
        if context.get("defaults") == Some(&Value::Object(Map::new())) {
            context.remove("defaults");
        }
        as_read::<cldkctl::base_url::BaseUrl>(context, "base_url");
        as_read::<jiff::Timestamp>(context, "verified_at");
        if let Some(session) = context.get_mut("session") {
            as_read::<jiff::Timestamp>(session.as_object_mut().expect("an object"), "expires_at");
        }
    }
}

fn as_read<T: std::str::FromStr + ToString>(object: &mut Map<String, Value>, name: &str) {
    let text = object[name].as_str().expect("a string");
    let read = text
        .parse::<T>()
        .map_err(|_| ())
        .expect("it was read before");
    object[name] = read.to_string().into();
}
