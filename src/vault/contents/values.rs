//! How many values JSON has, and how deep: a reader needs hundreds of bytes for one of two, such
//! as `{}`, and some of its stack for each level.

/// The most values that contents may have, at all depths.
pub(super) const MAX_VALUES: usize = 500_000;

/// The most arrays and objects within each other.
const MAX_DEPTH: usize = 64;

/// Whether arrays and objects are nested deeper than [`MAX_DEPTH`]. What is no JSON may be either.
pub(super) fn are_too_deep(json: &[u8]) -> bool {
    let mut depth = 0_usize;
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'[' | b'{' if depth == MAX_DEPTH => return true,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => skip_string(&mut bytes),
            _ => {}
        }
    }
    false
}

/// To the end of a string that was begun; a backslash takes the next byte along.
fn skip_string(bytes: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = bytes.next().filter(|byte| **byte != b'"') {
        if *byte == b'\\' {
            bytes.next();
        }
    }
}

/// Whether there are more than [`MAX_VALUES`] in `json`. What is no JSON has some number, too.
pub(super) fn are_too_many(json: &[u8]) -> bool {
    // A value and what separates it from the next take two bytes.
    json.len() >= 2 * MAX_VALUES && most_separators(json) >= MAX_VALUES && count(json) > MAX_VALUES
}

/// No fewer than there are commas and opening brackets: each value but the first begins behind
/// one of them. They stand in strings as well; still most contents need no second look.
///
/// Eight bytes at a time, which takes a seventh of the time.
fn most_separators(json: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    // The highest bit of each byte that is zero, and perhaps of others.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & (ONES << 7);
    let (words, rest) = json.as_chunks::<8>();
    let found = words.iter().map(|word| {
        // With this bit `[` is `{`, and a comma stays one.
        let word = u64::from_ne_bytes(*word) | (ONES * 0x20);
        let found = zeros(word ^ (ONES * u64::from(b','))) | zeros(word ^ (ONES * u64::from(b'{')));
        (found >> 7).wrapping_mul(ONES) >> 56
    });
    found.sum::<u64>() as usize + rest.len()
}

/// The outermost value, one behind each comma, and the first of each array or object that is not
/// empty.
fn count(json: &[u8]) -> usize {
    let (mut count, mut opened) = (1, false);
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => continue,
            b',' => count += 1,
            b']' | b'}' => {}
            _ if opened => count += 1,
            _ => {}
        }
        opened = matches!(byte, b'[' | b'{');
        if *byte == b'"' {
            skip_string(&mut bytes);
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn counted(value: &Value) -> usize {
        1 + match value {
            Value::Array(values) => values.iter().map(counted).sum(),
            Value::Object(members) => members.values().map(counted).sum(),
            _ => 0,
        }
    }

    #[test]
    fn they_are_counted_as_a_parser_finds_them() {
        for json in [
            "0",
            "[]",
            " [ ] ",
            "{}",
            r#"[{"":0},{"":0}]"#,
            r#"{"a":[1,2,[3,{}]],"b":{"c":"d,[{\"\\","e":null}}"#,
            r#"["\\",",","[",[[[]]],{"x":{}}]"#,
            "[ { \"a\" : [ ] } ,\n\t1 ]",
        ] {
            let value: Value = serde_json::from_str(json).expect("JSON");
            assert_eq!(count(json.as_bytes()), counted(&value), "{json}");
            assert!(
                most_separators(json.as_bytes()) + 1 >= counted(&value),
                "{json}"
            );
        }
    }

    #[test]
    fn at_most_so_deep_are_taken() {
        let json = |depth: usize| format!("{}0{}", "[".repeat(depth), "]".repeat(depth));
        assert!(!are_too_deep(json(MAX_DEPTH).as_bytes()));
        assert!(are_too_deep(json(MAX_DEPTH + 1).as_bytes()));
        let side_by_side = format!("[{}0]", "{},".repeat(1000));
        assert!(!are_too_deep(side_by_side.as_bytes()));
        let in_a_text = format!(r#"["\"{}"]"#, "[".repeat(1000));
        assert!(!are_too_deep(in_a_text.as_bytes()));
    }

    #[test]
    fn at_most_so_many_are_taken() {
        let json = |values: usize| format!("[{}0]", "0,".repeat(values - 2));
        assert_eq!(count(json(10).as_bytes()), 10);
        assert!(!are_too_many(json(MAX_VALUES).as_bytes()));
        assert!(are_too_many(json(MAX_VALUES + 1).as_bytes()));
        let in_a_text = format!("[\"{}\"]", ",".repeat(3 * MAX_VALUES));
        assert!(!are_too_many(in_a_text.as_bytes()));
        let nested = format!("[{}0]", "[[[]]],".repeat(MAX_VALUES / 3 + 1));
        assert!(are_too_many(nested.as_bytes()));
    }
}
