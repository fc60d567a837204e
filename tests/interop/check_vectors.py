#!/usr/bin/env python3
"""Runs read_vault.py over tests/vectors/vectors.json and compares exit status and contents.

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


def check(vector: dict) -> str | None:
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
        return None if said and not run.stdout else "no message, or something on standard output, with a failure"
    expected = json.loads((VECTORS / vector["contents"]).read_bytes())
    return None if json.loads(run.stdout) == expected else "other contents than expected"


def main() -> int:
    vectors = json.loads((VECTORS / "vectors.json").read_bytes())
    if wanted := sys.argv[1:]:
        vectors = [v for v in vectors if any(w in v["file"] or w in v["why"] for w in wanted)]
    failed = 0
    for vector in vectors:
        if problem := check(vector):
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
