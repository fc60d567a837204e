#!/usr/bin/env python3
"""Checks that vault-format.md is true of itself: the worked example of section 11 against the reader and a fresh
derivation, and section 12's recipe as a person would use it, pasted into an interactive bash on a terminal.

Closes with `N passed, N failed`, and exits 1 if any failed. Needs bash, age and argon2, and pseudo-terminals.
"""

import hashlib
import json
import os
import pathlib
import pty
import re
import select
import sys
import tempfile
import termios
import time

import read_vault

HERE = pathlib.Path(__file__).resolve().parent
DOCUMENT = (HERE.parent.parent / "vault-format.md").read_text()
EXAMPLE = (HERE.parent / "vectors" / "worked-example.age").read_bytes()
PASSPHRASE = "correct horse battery sta\u0308ple"

results = []


def expect(what: str, condition: bool, otherwise: str = "") -> None:
    results.append(bool(condition))
    if not condition:
        print(f"FAILED {what}", otherwise)


class Terminal:
    """An interactive bash in `folder`, and everything it showed."""

    def __init__(self, folder: str, bracketed_paste: bool):
        inputrc = pathlib.Path(folder, "inputrc")
        inputrc.write_text(f"set enable-bracketed-paste {'on' if bracketed_paste else 'off'}\n")
        self.bracketed_paste = bracketed_paste
        self.shown = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], {
                "PATH": os.environ["PATH"], "HOME": folder, "INPUTRC": str(inputrc), "TERM": "xterm", "PS1": "ready> "})

    def read(self, seconds: float) -> bool:
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        try:
            self.shown += os.read(self.fd, 65536).decode(errors="replace")
        except OSError:  # the shell is gone
            return False
        return True

    def wait(self, condition, what: str) -> None:
        end = time.monotonic() + 60
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"waited for {what}; the terminal showed:\n{self.shown}")
            self.read(0.1)

    def asks_without_echo(self) -> bool:
        """`read -s` waits: whole lines, unechoed. (While bash edits a line, the terminal is not in whole-line mode.)"""
        flags = termios.tcgetattr(self.fd)[3]
        return bool(flags & termios.ICANON) and not flags & termios.ECHO

    def paste(self, text: str) -> None:
        data = f"\x1b[200~{text}\x1b[201~\r" if self.bracketed_paste else text
        for i in range(0, len(data), 200):
            os.write(self.fd, data[i:i + 200].encode())
            while self.read(0.01):
                pass

    def close(self) -> None:
        os.close(self.fd)
        os.waitpid(self.pid, 0)


def recipe_prints_the_contents(recipe: str, vault: bytes, bracketed_paste: bool) -> None:
    name = "the recipe, pasted " + ("with" if bracketed_paste else "without") + " bracketed paste"
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "vault.age").write_bytes(vault)
        before = set(os.listdir(folder))
        terminal = Terminal(folder, bracketed_paste)
        try:
            terminal.wait(lambda: "ready> " in terminal.shown, "the first prompt")
            terminal.paste(recipe)
            terminal.wait(terminal.asks_without_echo, "the question for the passphrase")
            mark = len(terminal.shown)
            os.write(terminal.fd, PASSPHRASE.encode() + b"\n")
            terminal.wait(lambda: "ready> " in terminal.shown[mark:], "the prompt after the contents")
            after = terminal.shown[mark:]
            found = re.search(r"\{\"format\".*\}", after)
            expect(name, found and hashlib.sha256(found.group().encode()).hexdigest() in DOCUMENT, after)
            os.write(terminal.fd, b"fc -l 1 | cat; set; echo 'the e''nd'\n")
            terminal.wait(lambda: "the end" in terminal.shown[mark:], "the history")
            expect(name + ": no passphrase in history, variables or echo", "battery" not in terminal.shown)
            expect(name + ": no file left behind", set(os.listdir(folder)) <= before | {"inputrc", ".bash_history"})
        finally:
            terminal.close()


def main() -> int:
    indented = [block.replace("\n    ", "\n").strip() for block in re.findall(r"(?:^    .*\n)+", DOCUMENT, re.M)]
    armored = next(block for block in indented if block.startswith("-----BEGIN AGE"))
    expect("the vault in the document is worked-example.age", armored + "\n" == EXAMPLE.decode())

    binary = read_vault.remove_armor(EXAMPLE)
    _, parameters = read_vault.kdf_parameters(read_vault.parse_header(binary))
    secret = read_vault.normalised(PASSPHRASE.encode() + b"\n")
    key = read_vault.derive(PASSPHRASE.encode() + b"\n", *parameters)
    identity = read_vault.bech32_identity(key)
    plain = read_vault.decrypt_with_text(binary, identity)
    header_end = binary.index(b"\n--- ") + 49
    header = binary[:header_end].decode().replace("\n", "\n    ").replace("    \n", "\n").rstrip()
    contents = json.loads(plain)
    for what, text in {
        "passphrase": secret.hex(),
        "salt": parameters[0].encode().hex(),
        "key": key.hex(),
        "identity": identity,
        "recipient": contents["recipients"][0]["recipient"],
        "header": header,
        "contents": plain.decode(),
        "size and digest of the contents": f"{len(plain)} bytes in one line",
        "digest of the contents": hashlib.sha256(plain).hexdigest(),
        "payload nonce": binary[header_end:header_end + 16].hex(),
        "payload": binary[header_end + 16:header_end + 48].hex(),
        "size of the vault": f"{len(binary)} bytes, armored",
    }.items():
        expect(f"the document has the {what} of the worked example", text in DOCUMENT, text)
    read_vault.check_contents(read_vault.parse_json(plain))

    recipe = re.search(r"^```bash\n(.*?)^```$", DOCUMENT, re.M | re.S).group(1)
    recipe_prints_the_contents(recipe, EXAMPLE, bracketed_paste=True)
    recipe_prints_the_contents(recipe, binary, bracketed_paste=False)

    print(f"{results.count(True)} passed, {results.count(False)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
