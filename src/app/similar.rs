//! What somebody meant who made a typing error.

/// Letters that may be wrong.
const TYPING_ERRORS: usize = 2;
/// Letters of a beginning that say what was meant.
const BEGINNING: usize = 3;

/// The one of `names` that `typed` was most likely meant to be, if it is like one at all.
pub fn similar<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    let length = typed.chars().count();
    let distance = |name: &str| {
        let name = name.to_lowercase();
        let errors = strsim::osa_distance(&name, &typed);
        let is_beginning = length >= BEGINNING && name.starts_with(&typed);
        // Of a short word two wrong letters are all there is.
        let is_near = errors <= TYPING_ERRORS && errors * 2 < length.max(2);
        (is_near || is_beginning).then_some(errors)
    };
    let near = names
        .into_iter()
        .filter_map(|name| Some((distance(name)?, name)));
    near.min_by_key(|(errors, _)| *errors).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_and_a_beginning_are_understood() {
        let names = ["default", "staging", "build machine", "s1"];
        for (typed, meant) in [
            ("stagin", Some("staging")),
            ("satging", Some("staging")),
            ("Staging", Some("staging")),
            ("sta", Some("staging")),
            ("build machin", Some("build machine")),
            ("dflt", None),
            ("s2", None),
            ("x", None),
            ("", None),
            ("production", None),
        ] {
            assert_eq!(similar(typed, names), meant, "{typed}");
        }
    }
}
