//! Changing JSON as text: what is not changed stays to the byte. The text has to be JSON that a
//! parser took.

use std::ops::Range;

/// A member of an object, and where it stands.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    /// Where its name begins.
    start: usize,
    /// Where its name ends.
    name_end: usize,
    pub(super) value: Range<usize>,
}

/// Where the text's outermost value stands.
pub(super) fn outermost(text: &str) -> Range<usize> {
    let start = blanks(text, 0);
    start..end_of_value(text, start)
}

/// The members of the object that stands there.
pub(super) fn members(text: &str, object: &Range<usize>) -> Vec<Member> {
    let mut members = Vec::new();
    let mut at = blanks(text, object.start + 1);
    while at + 1 < object.end {
        let (start, name_end) = (at, end_of_value(text, at));
        let colon = blanks(text, name_end);
        let value = blanks(text, colon + 1);
        let end = end_of_value(text, value);
        members.push(Member {
            name: serde_json::from_str(&text[start..name_end]).unwrap_or_default(),
            start,
            name_end,
            value: value..end,
        });
        at = blanks(text, end);
        if text[at..].starts_with(',') {
            at = blanks(text, at + 1);
        }
    }
    members
}

/// Gives a member of the object a value, or adds it as the last one, in the dress of its
/// neighbours. `depth` is 1 for the outermost object.
pub(super) fn set(text: &mut String, object: &Range<usize>, depth: usize, name: &str, value: &str) {
    let members = members(text, object);
    if let Some(old) = members.iter().rev().find(|it| it.name == name) {
        text.replace_range(old.value.clone(), value);
        return;
    }
    let name = serde_json::Value::from(name);
    if let (Some(first), Some(last)) = (members.first(), members.last()) {
        let gap = text[object.start + 1..first.start].to_owned();
        let colon = text[first.name_end..first.value.start].to_owned();
        text.insert_str(last.value.end, &format!(",{gap}{name}{colon}{value}"));
        return;
    }
    let inner = match unit(text) {
        Some(unit) => format!(
            "\n{}{name}: {value}\n{}",
            unit.repeat(depth),
            unit.repeat(depth - 1)
        ),
        None => format!("{name}:{value}"),
    };
    text.replace_range(object.start + 1..object.end - 1, &inner);
}

/// Removes the members of that name from the object, with a comma; whether there were any.
pub(super) fn remove(text: &mut String, object: &Range<usize>, name: &str) -> bool {
    let all = members(text, object);
    let Some(at) = all.iter().position(|it| it.name == name) else {
        return false;
    };
    let gone = match (at.checked_sub(1), all.get(at + 1)) {
        (_, Some(next)) => all[at].start..next.start,
        (Some(before), None) => all[before].value.end..all[at].value.end,
        (None, None) => object.start + 1..object.end - 1,
    };
    text.replace_range(gone, "");
    true
}

/// What a level is indented by: a tab, as docker does it, unless the text says otherwise;
/// `None` where all is on one line.
fn unit(text: &str) -> Option<String> {
    let whole = outermost(text);
    let Some(first) = members(text, &whole).into_iter().next() else {
        return Some("\t".to_owned());
    };
    let gap = &text[whole.start + 1..first.start];
    gap.rsplit_once('\n').map(|(_, unit)| unit.to_owned())
}

fn blanks(text: &str, from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    from + rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len()
}

fn end_of_value(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (start, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = end_of_string(bytes, at),
            b'{' | b'[' => (at, depth) = (at + 1, depth + 1),
            b'}' | b']' if depth == 0 => return at,
            b'}' | b']' => (at, depth) = (at + 1, depth - 1),
            b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' if depth == 0 => return at,
            _ => {
                at += 1;
                continue;
            }
        }
        if depth == 0 {
            return at;
        }
    }
    at
}

fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_is_added_and_removed_leaves_the_text_as_it_was() {
        for text in [
            "{}",
            "{\"a\":1}",
            "{\n\t\"auths\": {\n\t\t\"x\": {}\n\t},\n\t\"psFormat\": \"{{.ID}}\\\"}\"\n}\n",
            " { \"a\" : [1, {\"b\": \"}\"}] , \"c\" : -1.5e3 } \r\n",
            "{\"\\u0061\":null,\"b\":\"\\\\\",\"c\":true}",
        ] {
            let mut changed = text.to_owned();
            set(&mut changed, &outermost(text), 1, "new", "\"value\"");
            let value: serde_json::Value = serde_json::from_str(&changed).expect(&changed);
            assert_eq!(value["new"], "value", "{changed}");
            let whole = outermost(&changed);
            assert!(remove(&mut changed, &whole, "new"));
            assert_eq!(changed, text);
        }
    }

    #[test]
    fn each_member_can_be_removed_and_replaced() {
        let text = "{\n  \"a\": {\"x\": [\"]\"]},\n  \"b\": 2,\n  \"c\": \"3\"\n}";
        for name in ["a", "b", "c"] {
            let mut changed = text.to_owned();
            assert!(remove(&mut changed, &outermost(text), name));
            let value: serde_json::Value = serde_json::from_str(&changed).expect(&changed);
            assert_eq!(value.as_object().map(|it| it.len()), Some(2), "{changed}");
            assert!(value.get(name).is_none());
            let mut changed = text.to_owned();
            set(&mut changed, &outermost(text), 1, name, "[]");
            let value: serde_json::Value = serde_json::from_str(&changed).expect(&changed);
            assert_eq!(value[name], serde_json::json!([]));
        }
        assert!(!remove(&mut text.to_owned(), &outermost(text), "d"));
    }

    #[test]
    fn a_new_object_is_dressed_as_docker_does_it() {
        let mut text = "{}".to_owned();
        set(&mut text, &(0..2), 1, "credHelpers", "{}");
        let at = members(&text, &outermost(&text))[0].value.clone();
        set(&mut text, &at, 2, "registry.example", "\"cldkctl\"");
        assert_eq!(
            text,
            "{\n\t\"credHelpers\": {\n\t\t\"registry.example\": \"cldkctl\"\n\t}\n}"
        );
    }
}
