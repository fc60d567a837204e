//! A recovery key: shown once, as text and as a QR code that a phone reads, or written to a
//! sheet to print; and the vault opens with it when the passphrase is lost.

use std::fs;
use std::path::Path;

use crate::support::keys::{Key, assert_opens};
use crate::support::steps::{are_installed, contents_of, logged_in};
use crate::support::world::{Output, mode, set_mode};
use crate::support::{PASSPHRASE, SOMEONE_ELSE, Session, TOKEN, World};

const IDENTITY_LENGTH: usize = 74;

#[track_caller]
fn recovery_key(world: &World, args: &[&str]) -> Output {
    let passphrase = world.write("passphrase", PASSPHRASE);
    world
        .cldkctl(["vault", "recovery-key"])
        .args(args)
        .arg("--passphrase-file")
        .arg(passphrase)
        .run()
}

/// The only key in a text.
#[track_caller]
fn key_in(text: &str) -> String {
    let mut found = text.match_indices("AGE-SECRET-KEY-1");
    let (at, _) = found.next().expect("a key");
    assert_eq!(found.next(), None, "it is there once");
    text[at..at + IDENTITY_LENGTH].to_owned()
}

/// What a reader of QR codes makes of these modules; true is dark.
#[track_caller]
fn decoded(modules: &[Vec<bool>]) -> String {
    const PIXELS: usize = 6;
    let (width, height) = (modules[0].len() * PIXELS, modules.len() * PIXELS);
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| {
        if modules[y / PIXELS][x / PIXELS] {
            0
        } else {
            255
        }
    });
    let grids = image.detect_grids();
    assert_eq!(grids.len(), 1, "one code");
    grids[0].decode().expect("a code that can be read").1
}

/// The modules in lines of half blocks.
fn modules_in_text<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<Vec<bool>> {
    let halves = |line: &str, blocks: [char; 2]| -> Vec<bool> {
        line.chars().map(|c| blocks.contains(&c)).collect()
    };
    lines
        .flat_map(|line| [halves(line, ['█', '▀']), halves(line, ['█', '▄'])])
        .collect()
}

/// The modules that an SVG path of `M x y h n v1h-nz` fills.
fn modules_in_path(path: &str) -> Vec<Vec<bool>> {
    let runs: Vec<[usize; 3]> = path
        .split_terminator('z')
        .map(|run| {
            let run = run.strip_prefix('M').unwrap();
            let (start, run) = run.split_once('h').unwrap();
            let (x, y) = start.split_once(' ').unwrap();
            let (length, _) = run.split_once('v').unwrap();
            [x, y, length].map(|number| number.parse().unwrap())
        })
        .collect();
    let size = runs.iter().map(|[x, _, n]| x + n).max().unwrap() + 4;
    let mut modules = vec![vec![false; size]; size];
    for [x, y, length] in runs {
        modules[y][x..x + length].fill(true);
    }
    modules
}

fn on_terminal(world: &World, args: &[&str]) -> Session {
    let mut terminal = world
        .cldkctl(["vault", "recovery-key"])
        .args(args)
        .stdout_apart()
        .stderr_apart()
        .on_pty();
    terminal.expect("Vault passphrase:");
    terminal.send_secret(PASSPHRASE);
    terminal
}

#[test]
fn the_key_is_shown_once_on_the_terminal_and_its_code_decodes_to_it() {
    let (_cloudeka, world) = logged_in();
    let mut terminal = on_terminal(&world, &[]);
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
    let screen = terminal.screen();
    let key = key_in(&screen);
    assert_opens(&world, &key);

    // Black on white whatever the terminal's colours are, and each line as it was before.
    let lines = screen.lines().filter_map(|line| {
        let code = line.strip_prefix("\u{1b}[38;5;16;48;5;231m")?;
        Some(code.strip_suffix("\u{1b}[0m").expect("colours end"))
    });
    assert_eq!(decoded(&modules_in_text(lines)), key);

    // Nowhere else: stdout and stderr may be logs.
    let stdout = terminal.stdout();
    let stderr = terminal.stderr();
    assert_eq!(stdout, "");
    assert!(
        !stderr.contains(&key) && stderr.contains("recovery"),
        "{stderr}"
    );
    world.assert_no_secret(&[&key]);
    let contents = contents_of(&world.vault_path(), PASSPHRASE);
    assert_eq!(contents["recipients"][1]["label"], "recovery");
    assert!(!contents.to_string().contains(&key));
}

#[test]
fn a_sheet_has_all_that_is_needed_to_open_the_vault() {
    if !are_installed(&["age"]) {
        return;
    }
    let (_cloudeka, world) = logged_in();
    let id = contents_of(&world.vault_path(), PASSPHRASE)["id"].clone();
    for (turn, name) in ["kit.svg", "kit.txt"].into_iter().enumerate() {
        let output = recovery_key(&world, &["--kit", name]).succeeded();
        let path = world.home().join(name);
        assert_eq!(mode(&path), 0o600);
        let sheet = fs::read_to_string(&path).unwrap();
        let key = key_in(&sheet);
        output.assert_no_secret(&[&key]);
        assert_opens(&world, &key);

        let contents = contents_of(&world.vault_path(), PASSPHRASE);
        let entry = &contents["recipients"][turn + 1];
        let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
        for text in [
            id.as_str().unwrap(),
            entry["recipient"].as_str().unwrap(),
            entry["label"].as_str().unwrap(),
            &today[..7],
            "--identity key.txt",
            "age --decrypt",
        ] {
            assert!(sheet.contains(text), "{text:?} is not in {name}:\n{sheet}");
        }
        let modules = if name.ends_with("svg") {
            let (_, path) = sheet.split_once(" d=\"").unwrap();
            modules_in_path(path.split_once('"').unwrap().0)
        } else {
            let is_code = |line: &&str| line.contains(['█', '▀', '▄']);
            let mut lines: Vec<&str> = sheet.lines().filter(is_code).collect();
            // The frame has nothing in it to know it by.
            let frame = " ".repeat(lines[0].chars().count());
            lines.insert(0, &frame);
            lines.insert(0, &frame);
            lines.push(&frame);
            lines.push(&frame);
            modules_in_text(lines.into_iter())
        };
        assert_eq!(decoded(&modules), key, "{name}");

        // The commands of the sheet, as they stand.
        let bench = World::new();
        bench.write("key.txt", format!("{key}\n"));
        fs::copy(world.vault_path(), bench.home().join("vault.age")).unwrap();
        for (program, ends) in [("cldkctl auth", TOKEN), ("age --decrypt", "}")] {
            let line = sheet.lines().find(|line| line.contains(program)).unwrap();
            let command = &line[line.find(program).unwrap()..];
            let command = command.trim_end_matches("</text>");
            let binary = Path::new(env!("CARGO_BIN_EXE_cldkctl")).parent().unwrap();
            let output = std::process::Command::new("sh")
                .args([
                    "-c",
                    &format!("PATH='{}':$PATH; {command}", binary.display()),
                ])
                .current_dir(bench.home())
                .env("HOME", bench.home())
                .output()
                .unwrap();
            let printed = String::from_utf8_lossy(&output.stdout);
            assert!(printed.trim_end().ends_with(ends), "{command}: {output:?}");
        }
    }
}

/// The lines of a sheet that is a text or an SVG, as a person reads them.
fn lines_of(sheet: &str) -> Vec<String> {
    let lines = sheet.lines().map(|line| match line.strip_prefix("<text ") {
        Some(element) => {
            let (_, text) = element.split_once('>').unwrap();
            let text = text.trim_end_matches("</text>");
            text.replace("&lt;", "<").replace("&gt;", ">")
        }
        None => line.to_owned(),
    });
    lines.collect()
}

#[test]
fn the_groups_of_a_sheet_open_the_vault_however_they_are_typed() {
    if !are_installed(&["age"]) {
        return;
    }
    let (_cloudeka, world) = logged_in();
    for name in ["kit.svg", "kit.txt"] {
        recovery_key(&world, &["--kit", name]).succeeded();
        let sheet = fs::read_to_string(world.home().join(name)).unwrap();
        let lines = lines_of(&sheet);
        let first = lines
            .iter()
            .position(|line| line.starts_with("AGE- SECR ET-K"));
        let groups = &lines[first.expect("groups")..][..4];
        assert!(groups.iter().all(|line| line.len() < 26), "{groups:?}");
        let joined = groups.concat().replace(' ', "");
        assert_eq!(joined, key_in(&sheet));
        for typed in [
            groups.join("\n"),
            groups.join("\n").to_lowercase(),
            groups.join("\r\n\r\n") + " \n",
            groups.join("").replace(' ', "\n").to_lowercase(),
            groups.join(" "),
        ] {
            assert_opens(&world, &typed);
        }

        // The sheet's own way to make a file of it that `age` reads.
        let bench = World::new();
        bench.write("typed.txt", groups.join("\n").to_lowercase() + "\n");
        fs::copy(world.vault_path(), bench.home().join("vault.age")).unwrap();
        let join = lines
            .iter()
            .find(|line| line.contains("key.txt") && line.contains("tr "));
        let decrypt = lines
            .iter()
            .find(|line| line.contains("age --decrypt"))
            .unwrap();
        let script = format!("set -e\n{}\n{decrypt}", join.expect("a command"));
        let output = crate::support::output_of(
            std::process::Command::new("sh")
                .args(["-c", &script])
                .current_dir(bench.home()),
        );
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(printed.contains(TOKEN), "{script}: {output:?}");
        assert_eq!(mode(bench.home().join("key.txt")), 0o600);
    }
}

#[test]
fn a_sheet_does_not_forbid_what_its_code_is_for() {
    let (_cloudeka, world) = logged_in();
    recovery_key(&world, &["--kit", "kit.txt"]).succeeded();
    let sheet = fs::read_to_string(world.home().join("kit.txt")).unwrap();
    assert!(!sheet.contains("Take no picture"), "{sheet}");
    let sheet = sheet.replace('\n', " ");
    assert!(
        sheet.contains("Scan the QR code only to open the vault"),
        "{sheet}"
    );
}

#[test]
fn a_sheet_fits_its_page() {
    let (_cloudeka, world) = logged_in();
    recovery_key(&world, &["--kit", "kit.svg"]).succeeded();
    let sheet = fs::read_to_string(world.home().join("kit.svg")).unwrap();
    for line in sheet.lines().filter(|line| line.starts_with("<text")) {
        let number = |name: &str| -> f64 {
            let (_, value) = line.split_once(&format!(" {name}=\"")).unwrap();
            value.split_once('"').unwrap().0.parse().unwrap()
        };
        let text = &lines_of(line)[0];
        // Letters of a monospaced font are 0.6 wide, of others less.
        let end = number("x") + 0.6 * number("font-size") * text.chars().count() as f64;
        assert!(number("y") < 287.0, "{line}");
        assert!(end < 205.0 || !line.contains("monospace"), "{end}: {line}");
    }
}

#[test]
fn a_sheet_overwrites_nothing_unasked_and_leaves_nothing_else_behind() {
    let (_cloudeka, world) = logged_in();
    let kit = world.write("kit.txt", "not to be lost");
    let before = fs::read(world.vault_path()).unwrap();
    let output = recovery_key(&world, &["--kit", "kit.txt"]).expect_code(1);
    assert!(output.stderr.contains("--force"), "{output}");
    for name in ["kit.pdf", "kit"] {
        recovery_key(&world, &["--kit", name]).expect_code(2);
    }
    let output = recovery_key(&world, &["--kit", "no/such/folder.svg"]).expect_code(1);
    assert!(output.stderr.contains("unchanged"), "{output}");
    recovery_key(&world, &["--force"]).expect_code(2);
    assert_eq!(fs::read(&kit).unwrap(), b"not to be lost");
    assert_eq!(fs::read(world.vault_path()).unwrap(), before);

    let names = |world: &World| world.files().into_keys().collect::<Vec<_>>();
    let there = names(&world);
    recovery_key(&world, &["--kit", "kit.txt", "--force"]).succeeded();
    assert_eq!(names(&world), there);
    assert_opens(&world, &key_in(&fs::read_to_string(&kit).unwrap()));
}

#[test]
fn a_vault_that_cannot_be_saved_leaves_no_sheet() {
    let (_cloudeka, world) = logged_in();
    // Its recipient needs a plugin that is not there, so the vault can be read but not saved.
    let plugin = Key::plugin(&world, "token.key", false);
    let passphrase = world.write("passphrase", PASSPHRASE);
    world
        .cldkctl(["vault", "recipients", "add", &plugin.recipient])
        .arg("--passphrase-file")
        .arg(passphrase)
        .env("PATH", crate::support::keys::plugin_path())
        .run()
        .succeeded();
    let before = world.files();
    let output = recovery_key(&world, &["--kit", "kit.svg"]).expect_code(1);
    assert!(output.stderr.contains("age-plugin-cldktest"), "{output}");
    assert_eq!(world.files(), before);
}

#[test]
fn a_sheet_is_gone_again_when_the_vault_cannot_be_replaced() {
    // A folder that nothing can be written in keeps everybody but root from it.
    if !crate::support::can_be_someone_else() {
        return;
    }
    let (_cloudeka, world) = logged_in();
    let world = world.owned_by(SOMEONE_ELSE);
    let folder = world.data().join("cldkctl");
    set_mode(&folder, 0o500);
    world.write("passphrase", PASSPHRASE);
    let before = world.files();
    let output = recovery_key(&world, &["--kit", "kit.svg"]).expect_code(1);
    assert!(output.stderr.contains("unchanged"), "{output}");
    assert_eq!(world.files(), before);

    // On a terminal no key is shown that the vault cannot have.
    let mut terminal = on_terminal(&world, &[]);
    assert_eq!(terminal.wait(), 1, "{}", terminal.screen());
    assert!(!terminal.screen().contains("AGE-SECRET-KEY-1"));
    assert_eq!(world.files(), before);
    set_mode(&folder, 0o700);
}

#[test]
fn a_key_that_was_shown_and_did_not_get_into_the_vault_is_said_to_open_nothing() {
    if !are_installed(&["strace"]) {
        return;
    }
    let (_cloudeka, world) = logged_in();
    let before = fs::read(world.vault_path()).unwrap();
    // The last step of a save.
    let fault = "inject=rename,renameat,renameat2:error=EIO";
    let strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", fault];
    let run = world.cldkctl(["vault", "recovery-key"]).under(strace);
    let mut terminal = run.stdout_apart().stderr_apart().on_pty();
    terminal.expect("Vault passphrase:");
    terminal.send_secret(PASSPHRASE);
    assert_eq!(terminal.wait(), 1, "{}", terminal.screen());
    key_in(&terminal.screen());
    let stderr = terminal.stderr();
    assert!(stderr.contains("the key above opens nothing"), "{stderr}");
    assert_eq!(fs::read(world.vault_path()).unwrap(), before);
}

#[test]
fn another_key_is_added_and_the_earlier_one_still_works() {
    let (_cloudeka, world) = logged_in();
    recovery_key(&world, &["--kit", "one.txt"]).succeeded();
    let output = recovery_key(&world, &["--kit", "two.txt"]).succeeded();
    assert!(output.stderr.contains("recovery-2"), "{output}");
    assert!(output.stderr.contains("recipients list"), "{output}");
    for name in ["one.txt", "two.txt"] {
        let sheet = fs::read_to_string(world.home().join(name)).unwrap();
        assert_opens(&world, &key_in(&sheet));
    }
}

#[test]
fn without_a_terminal_and_without_a_sheet_nothing_is_made() {
    let (_cloudeka, world) = logged_in();
    let before = fs::read(world.vault_path()).unwrap();
    let output = recovery_key(&world, &[]).expect_code(2);
    assert!(output.stderr.contains("--kit"), "{output}");
    assert_eq!(output.stdout, "");
    assert_eq!(fs::read(world.vault_path()).unwrap(), before);
}

#[test]
fn a_sheet_that_a_killed_run_left_is_named_and_stays() {
    let (_cloudeka, world) = logged_in();
    let left = world.write(".cldkctl-recovery-Ab12Cd.tmp", "perhaps the only sheet");
    let output = recovery_key(&world, &["--kit", "sheet.txt"]).succeeded();
    assert!(
        output.stderr.contains(".cldkctl-recovery-Ab12Cd.tmp")
            && output.stderr.contains("delete it"),
        "{output}"
    );
    assert_eq!(fs::read_to_string(left).unwrap(), "perhaps the only sheet");
}
