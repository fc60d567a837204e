//! The decrypted contents. What is taken comes back equal after a save, whoever wrote it.
#![no_main]

use cldkctl::vault::{Contents, Time};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

fuzz_target!(|json: &[u8]| {
    let Ok(mut contents) = Contents::from_json(json) else {
        return;
    };
    let mut given: Value = serde_json::from_slice(json).expect("contents are JSON");
    normalise(&mut given);
    normalise_credentials(&mut given);
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
        as_read(&mut context["verified_at"]);
        if let Some(session) = context.get_mut("session") {
            as_read(&mut session["expires_at"]);
        }
    }
}

/// A time, without the zeros at the end of its fraction.
fn as_read(time: &mut Value) {
    let read: Time = serde_json::from_value(time.take()).expect("it was read before");
    *time = read.to_string().into();
}

fn normalise_credentials(contents: &mut Value) {
    let Some(credentials) = contents.get_mut("credentials") else {
        return;
    };
    let credentials = credentials.as_array_mut().expect("an array");
    for credential in &mut *credentials {
        let credential = credential.as_object_mut().expect("an object");
        if credential.get("username") == Some(&Value::from("")) {
            credential.remove("username");
        }
        for name in ["stored_at", "expires_at"] {
            if credential.contains_key(name) {
                as_read(&mut credential[name]);
            }
        }
    }
    if credentials.is_empty() {
        contents
            .as_object_mut()
            .expect("an object")
            .remove("credentials");
    }
}
