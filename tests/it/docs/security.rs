//! `SECURITY.md` names for each claim the tests that would fail if it were false: they exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const DOCUMENT: &str = include_str!("../../../SECURITY.md");

/// What stands between backticks.
fn code() -> impl Iterator<Item = &'static str> {
    DOCUMENT.split('`').skip(1).step_by(2)
}

/// The names of the tests in a file: functions below a `#[test]`, also with other attributes in between.
fn tests_in(path: &Path) -> BTreeSet<String> {
    let Ok(text) = fs::read_to_string(path) else {
        return BTreeSet::new();
    };
    let (mut names, mut marked) = (BTreeSet::new(), false);
    for line in text.lines().map(str::trim) {
        match line
            .strip_prefix("fn ")
            .and_then(|rest| rest.split('(').next())
        {
            _ if line == "#[test]" => marked = true,
            Some(name) if marked => {
                names.insert(name.to_owned());
                marked = false;
            }
            _ => {}
        }
    }
    names
}

#[test]
fn every_test_that_it_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut named = 0;
    for (file, test) in code().filter_map(|code| code.rsplit_once("::")) {
        // A property test is made by a macro, and has no `#[test]` of its own line in some forms.
        let path = match file.strip_prefix("src/") {
            Some(_) => root.join(file),
            None => root
                .join("tests/it")
                .join(format!("{}.rs", file.replace("::", "/"))),
        };
        let tests = tests_in(&path);
        assert!(
            !tests.is_empty(),
            "{file}::{test}: no tests in {}",
            path.display()
        );
        assert!(tests.contains(test), "{file}::{test}: it has {tests:#?}");
        named += 1;
    }
    assert!(named >= 60, "only {named}");
}

#[test]
fn every_claim_has_a_test_or_a_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let claims = DOCUMENT
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| ---"));
    for claim in claims.filter(|line| !line.starts_with("| what holds")) {
        let proof = claim.rsplit_once(" | ").expect("a row of two").1;
        let has_test = proof.contains("::");
        let has_file = proof
            .split('`')
            .skip(1)
            .step_by(2)
            .any(|name| root.join(name).exists());
        assert!(has_test || has_file, "no proof: {claim}");
    }
}
