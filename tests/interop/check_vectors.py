#!/usr/bin/env python3
"""Runs read_vault.py over tests/vectors/vectors.json and compares exit status, contents and, from classes.json, what it
says that a vault is which does not open: its first words have to be `read_vault: VAULT: damaged: ` or the like.

    check_vectors.py [NAME …]      only the entries whose file or reason contains one of the NAMEs

Closes with `N passed, N failed`, and exits 1 if any failed. Another reader of the same command line can be put in
its place with the environment variable READER.
"""

import json
import os
import pathlib
import shlex
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
VECTORS = HERE.parent / "vectors"
READER = shlex.split(os.environ.get("READER", "")) or [sys.executable, str(HERE / "read_vault.py")]
KEYS = {"file", "passphrase", "identity", "exit", "why", "contents"}


def parse(text: bytes):
    """JSON, with integers of more than 64 bits as doubles (section 7.5)."""
    return json.loads(text, parse_int=lambda digits: int(digits) if -(1 << 63) <= int(digits) < 1 << 64 else float(digits))


def key_of(entry: dict) -> tuple:
    return entry["file"], entry.get("passphrase"), entry.get("identity")


def check(vector: dict, classes: dict) -> str | None:
    """What is wrong with the reader's answer, or None."""
    if stray := set(vector) - KEYS:
        return f"the manifest has unknown fields {sorted(stray)}"
    if ("passphrase" in vector) == ("identity" in vector):
        return "the manifest gives not exactly one of passphrase and identity"
    command = READER + [str(VECTORS / vector["file"])]
    if "identity" in vector:
        command += ["--identity", str(VECTORS / vector["identity"])]
    run = subprocess.run(command, input=vector.get("passphrase", "").encode(), capture_output=True)
    said = run.stderr.decode(errors="replace").strip()
    if run.returncode != vector["exit"]:
        return f"exit {run.returncode} instead of {vector['exit']}; it said: {said}"
    if "Traceback" in said:
        return said
    if vector["exit"] != 0:
        kind = classes.get(key_of(vector))
        if f": {kind}: " not in said.splitlines()[0]:
            return f"it is not said to be {kind}: {said}"
        return None if not run.stdout else "something on standard output, with a failure"
    expected = parse((VECTORS / vector["contents"]).read_bytes())
    return None if parse(run.stdout) == expected else "other contents than expected"


def main() -> int:
    vectors = json.loads((VECTORS / "vectors.json").read_bytes())
    if wanted := sys.argv[1:]:
        vectors = [v for v in vectors if any(w in v["file"] or w in v["why"] for w in wanted)]
    classes = {key_of(one): one["class"] for one in json.loads((VECTORS / "classes.json").read_bytes())}
    failed = 0
    for vector in vectors:
        if problem := check(vector, classes):
            failed += 1
            print(f"FAILED {vector['file']} ({vector['why']}): {problem}")
    unlisted = {p.name for p in VECTORS.glob("*.age")} - {v["file"] for v in vectors}
    if unlisted and not wanted:
        failed += 1
        print(f"FAILED files that vectors.json does not list: {', '.join(sorted(unlisted))}")
    print(f"{len(vectors) - failed} passed, {failed} failed" if vectors else "0 passed, 0 failed: nothing to check")
    return 1 if failed or not vectors else 0


if __name__ == "__main__":
    sys.exit(main())
