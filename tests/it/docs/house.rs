//! The map in `src/lib.rs` holds: what a file uses lies in its own room or in one further down,
//! and no two files use each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A file of the library: `app::vault` is `src/app/vault.rs`.
type Module = Vec<String>;

/// The rooms in the map of `src/lib.rs`, from the top floor to the ground.
fn map() -> Vec<String> {
    let front = fs::read_to_string(source("lib.rs")).unwrap();
    let map = front.split("```text map\n").nth(1).expect("a map");
    let map = map.split("//! ```").next().unwrap();
    let names = map.lines().filter_map(|line| {
        let name = line.strip_prefix("//! ")?.split(' ').next()?;
        (!name.is_empty()).then(|| name.to_owned())
    });
    names.collect()
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(name)
}

/// Every module, with what it uses.
fn uses() -> BTreeMap<Module, BTreeSet<Module>> {
    let mut texts = BTreeMap::new();
    collect(&source(""), &mut Vec::new(), &mut texts);
    let known: BTreeSet<Module> = texts.keys().cloned().collect();
    let uses = texts.iter().map(|(module, text)| {
        let used = imports(text).into_iter().filter_map(|import| {
            let mut path = absolute(module, &import)?;
            while !path.is_empty() && !known.contains(&path) {
                path.pop();
            }
            (!path.is_empty() && path != *module).then_some(path)
        });
        (module.clone(), used.collect())
    });
    uses.collect()
}

fn collect(folder: &Path, above: &mut Module, texts: &mut BTreeMap<Module, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        above.push(name);
        if path.is_dir() {
            collect(&path, above, texts);
        } else if path.extension().is_some_and(|end| end == "rs")
            && !["lib", "main"].contains(&above.concat().as_str())
        {
            texts.insert(above.clone(), fs::read_to_string(&path).unwrap());
        }
        above.pop();
    }
}

/// The paths of all `use` declarations, unit tests left out; each group is taken apart.
fn imports(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find("use ") {
        let begins = rest[..at]
            .rsplit('\n')
            .next()
            .is_some_and(|line| line.trim().is_empty() || line.trim_start().starts_with("pub"));
        rest = &rest[at + 4..];
        let end = rest.find(';').unwrap_or(0);
        if begins {
            expand(
                "",
                &rest[..end].replace(char::is_whitespace, ""),
                &mut found,
            );
        }
    }
    found
}

/// `a::{b,c::{d,e}}` as `a::b`, `a::c::d`, `a::c::e`.
fn expand(before: &str, text: &str, found: &mut Vec<String>) {
    let Some((path, group)) = text.split_once('{') else {
        found.push(format!("{before}{text}"));
        return;
    };
    let group = group.strip_suffix('}').unwrap_or(group);
    let before = format!("{before}{path}");
    let (mut depth, mut start) = (0, 0);
    for (at, c) in group.char_indices().chain([(group.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if start < at {
                    expand(&before, &group[start..at], found);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// Where `import` leads from `module`; `None` outside of this crate.
fn absolute(module: &Module, import: &str) -> Option<Module> {
    let mut base = match import.split("::").next()? {
        "crate" => Vec::new(),
        "self" | "super" => module.clone(),
        _ => return None,
    };
    for word in import.split("::") {
        match word {
            "crate" | "self" => {}
            "super" => drop(base.pop()),
            word => base.push(word.to_owned()),
        }
    }
    Some(base)
}

fn shown(module: &Module) -> String {
    format!("src/{}.rs", module.join("/"))
}

#[test]
fn no_arrow_runs_against_the_map() {
    let map = map();
    let floor = |room: &String| {
        let floor = map.iter().position(|name| name == room);
        floor.unwrap_or_else(|| panic!("{room} is not in the map of src/lib.rs: {map:?}"))
    };
    let mut arrows = 0;
    for (module, used) in uses() {
        for used in used.iter().filter(|used| used[0] != module[0]) {
            arrows += 1;
            assert!(
                floor(&module[0]) < floor(&used[0]),
                "{} uses {}, which is not below it",
                shown(&module),
                shown(used)
            );
        }
    }
    assert!(
        arrows > 100,
        "only {arrows} arrows: the imports are not read"
    );
}

#[test]
fn no_two_files_use_each_other() {
    /// Whether `from` leads to `to`, over files that are neither above nor below it in a folder.
    fn leads(
        uses: &BTreeMap<Module, BTreeSet<Module>>,
        from: &Module,
        to: &Module,
        seen: &mut BTreeSet<Module>,
    ) -> bool {
        uses[from].iter().any(|next| {
            let is_family = next.starts_with(from) || from.starts_with(next);
            !is_family && (next == to || seen.insert(next.clone()) && leads(uses, next, to, seen))
        })
    }
    let uses = uses();
    let circles: Vec<String> = uses
        .keys()
        .filter(|module| leads(&uses, module, module, &mut BTreeSet::new()))
        .map(shown)
        .collect();
    assert!(circles.is_empty(), "in a circle: {}", circles.join(", "));
}

#[test]
fn imports_are_read_in_every_form() {
    let mut found = imports(
        "use std::io;\npub use self::a::B;\nuse super::{c, d::{E, f as g}};\n    use crate::h::I;\n// we use crate::j;\n#[cfg(test)]\nmod tests {\n    use crate::k;\n}",
    );
    found.sort();
    assert_eq!(
        found,
        [
            "crate::h::I",
            "self::a::B",
            "std::io",
            "super::c",
            "super::d::E",
            "super::d::fasg"
        ]
    );
    let module = vec!["a".to_owned(), "b".to_owned()];
    assert_eq!(absolute(&module, "super::c").unwrap(), ["a", "c"]);
    assert_eq!(absolute(&module, "self::c").unwrap(), ["a", "b", "c"]);
    assert_eq!(absolute(&module, "crate::c").unwrap(), ["c"]);
    assert_eq!(absolute(&module, "std::io"), None);
}
