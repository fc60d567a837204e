//! The documents agree with the repository: links lead somewhere, named files exist, and the
//! JSON that `docs/json.md` promises is what the commands print.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::keys::Key;
use crate::support::steps::{are_installed, unlocked};

const JSON: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/json.md"));

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The documents in the root and under `docs/`.
pub(crate) fn documents() -> Vec<PathBuf> {
    let folders = [
        root().to_owned(),
        root().join("docs"),
        root().join("docs/decisions"),
    ];
    let mut found = Vec::new();
    for folder in folders {
        let paths = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        found.extend(paths.filter(|path| path.extension().is_some_and(|end| end == "md")));
    }
    found.sort();
    found
}

/// A document without what is set as code: a heading or a link there is none.
fn prose(text: &str) -> String {
    let parts = text.split("```").step_by(2);
    let parts = parts.flat_map(|part| part.split_inclusive('\n'));
    parts.filter(|line| !line.starts_with("    ")).collect()
}

/// The anchors of a document's headings, as GitHub makes them.
fn anchors(text: &str) -> Vec<String> {
    let prose = prose(text);
    let headings = prose.lines().filter_map(|line| {
        let rest = line.trim_start_matches('#');
        (rest.len() < line.len()).then(|| rest.strip_prefix(' '))?
    });
    let anchor = |heading: &str| {
        let kept = heading.to_lowercase();
        let kept = kept
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn links_lead_to_a_file_and_a_heading_that_exist() {
    let mut checked = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for link in prose(&text).split("](").skip(1) {
            let link = link.split(')').next().unwrap();
            if link.starts_with("https://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => document.clone(),
                file => document.parent().unwrap().join(file),
            };
            assert!(target.exists(), "{}: no file {link}", document.display());
            if !anchor.is_empty() {
                let there_are = anchors(&fs::read_to_string(target).unwrap());
                let known = there_are.iter().any(|one| one == anchor);
                assert!(
                    known,
                    "{}: no heading {link} in {there_are:#?}",
                    document.display()
                );
            }
            checked += 1;
        }
    }
    assert!(checked > 60, "only {checked}");
}

#[test]
fn every_page_is_in_its_index() {
    for index in ["docs/README.md", "docs/decisions/README.md"].map(|name| root().join(name)) {
        let text = fs::read_to_string(&index).unwrap();
        for page in documents()
            .iter()
            .filter(|page| page.parent() == index.parent())
        {
            let name = page.file_name().unwrap().to_str().unwrap();
            assert!(
                name == "README.md" || text.contains(&format!("]({name})")),
                "{name}"
            );
        }
    }
}

#[test]
fn the_readme_is_short() {
    let text = fs::read_to_string(root().join("README.md")).unwrap();
    let lines = text.lines().count();
    assert!(lines <= 200, "{lines} lines; the guide in docs/ has room");
}

#[test]
fn files_that_contributors_and_decisions_are_sent_to_exist() {
    let mut checked = 0;
    for document in documents() {
        if !document.ends_with("CONTRIBUTING.md")
            && !document.parent().unwrap().ends_with("decisions")
        {
            continue;
        }
        let text = fs::read_to_string(&document).unwrap();
        for name in text.split('`').skip(1).step_by(2) {
            let rooms = [
                "src/",
                "tests/",
                "docs/",
                "fuzz/",
                "examples/",
                "benches/",
                ".ci/",
            ];
            if rooms.iter().any(|room| name.starts_with(room)) && !name.contains(['<', ' ', '*']) {
                assert!(root().join(name).exists(), "{}: {name}", document.display());
                checked += 1;
            }
        }
    }
    assert!(checked > 20, "only {checked}");
}

/// The example of each command on the page.
fn examples() -> BTreeMap<&'static str, Value> {
    let sections = JSON.split("\n## `cldkctl ").skip(1);
    let example = |section: &'static str| {
        let (command, rest) = section.split_once("`\n").unwrap();
        let json = rest
            .split("```json\n")
            .nth(1)
            .unwrap()
            .split("```")
            .next()
            .unwrap();
        (command, serde_json::from_str(json).unwrap())
    };
    sections.map(example).collect()
}

/// A value's names and types: what a program that reads it depends on.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), shape(value)))
            .collect(),
        Value::Array(all) if all.iter().all(Value::is_string) => "strings".into(),
        Value::Array(all) => all.iter().map(shape).collect(),
        Value::String(_) => "string".into(),
        Value::Number(_) => "number".into(),
        Value::Bool(_) => "boolean".into(),
        Value::Null => "null".into(),
    }
}

#[test]
fn json_has_the_fields_and_types_that_its_page_promises() {
    if !are_installed(&["ssh-keygen"]) {
        return;
    }
    let (_cloudeka, world) = unlocked(&[]);
    // The page's examples show the optional fields too.
    let login = world.cldkctl(["auth", "--token-stdin", "--default-project", "1234"]);
    login.stdin(crate::support::TOKEN).run().succeeded();
    let add = ["credential", "add", "docker", "registry.example:5000"];
    let add = world
        .cldkctl(add)
        .args(["--username", "sari", "--expires", "2999-01-31"]);
    add.arg("--secret-stdin").stdin("secret").run().succeeded();
    let mut checked = 0;
    for (command, example) in examples() {
        if command == "vault recipients list" {
            let key = Key::ssh(&world, "key", "ed25519");
            let add = [
                "vault",
                "recipients",
                "add",
                &key.recipient,
                "--label",
                "sari@laptop",
            ];
            world.cldkctl(add).run().succeeded();
        }
        let words = command.split(' ').chain(["--output", "json"]);
        let check = (command == "auth status").then_some("--check");
        let output = world.cldkctl(words.chain(check)).run().succeeded();
        let printed: Value = serde_json::from_str(&output.stdout).unwrap();
        assert_eq!(shape(&printed), shape(&example), "{command}\n{output}");
        checked += 1;
    }
    assert_eq!(checked, 9);
}

#[test]
fn json_fields_have_a_row_on_their_page() {
    let section_of = |command: &str| {
        let heading = format!("\n## `cldkctl {command}`\n");
        let section = JSON.split(&heading).nth(1).unwrap();
        section.split("\n## ").next().unwrap()
    };
    assert_eq!(examples().len(), 9);
    for (command, example) in examples() {
        let mut section = section_of(command);
        if section.contains("the fields of `context list`") {
            section = section_of("context list");
        }
        if section.contains("the fields of `credential list`") {
            section = section_of("credential list");
        }
        let first = example.get(0).unwrap_or(&example);
        for name in first.as_object().unwrap().keys() {
            let row = section.lines().any(|line| {
                let cell = line
                    .strip_prefix("| ")
                    .and_then(|rest| rest.split(" | ").next());
                cell.is_some_and(|cell| cell.contains(&format!("`{name}`")))
            });
            assert!(row, "{command}: {name}");
        }
    }
}
