#!/usr/bin/env python3
"""How long commands take, beside the tools that do the same with a key or passphrase at hand.

    benches/compare.py [BINARY]

Builds the release binary unless one is given, makes a vault with it through the stand-in
API, and compares, in one run of hyperfine:

    warm   cldkctl auth token, unlocked, by the kernel keyring and by the agent,
           with age -d -i KEY on the same file, KEY being the vault's own derived key
    cold   cldkctl auth token --passphrase-file,
           with the argon2 command at the same salt and cost

It needs hyperfine, age and argon2, and keyctl (keyutils) for a session keyring of its own.
All it makes is in a temporary folder, which is removed, and so is what was unlocked.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
TOKEN = "cldkctl_bench_5b0c2f"
PASSPHRASE = "marble teapot orbits quietly"


def main():
    missing = [tool for tool in ("hyperfine", "age", "argon2", "keyctl") if not shutil.which(tool)]
    if missing:
        sys.exit(f"compare.py needs {', '.join(missing)}")
    if "CLDKCTL_COMPARE_SESSION" not in os.environ:
        # A session keyring of its own, which ends with this process.
        os.environ["CLDKCTL_COMPARE_SESSION"] = "1"
        os.execvp("keyctl", ["keyctl", "session", "-", sys.executable, *sys.argv])

    cargo = ["cargo", "build", "--quiet"]
    if len(sys.argv) > 1:
        binary = Path(sys.argv[1]).resolve()
    else:
        subprocess.run([*cargo, "--release", "--bin", "cldkctl"], cwd=REPOSITORY, check=True)
        binary = target_folder() / "release/cldkctl"
    subprocess.run([*cargo, "--example", "standin"], cwd=REPOSITORY, check=True)
    standin = target_folder() / "debug/examples/standin"

    with tempfile.TemporaryDirectory(prefix="cldkctl-compare-") as folder:
        compare(binary, standin, Path(folder))


def target_folder():
    command = ["cargo", "metadata", "--format-version=1", "--no-deps"]
    output = subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.PIPE).stdout
    return Path(json.loads(output)["target_directory"])


def compare(binary, standin, home):
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_RUNTIME_DIR": str(home),
        "LANG": "C.UTF-8",
    }
    vault, passphrase, key = home / "vault.age", home / "passphrase", home / "key"
    for_agent = home / "vault-of-the-agent.age"
    passphrase.touch(mode=0o600)
    passphrase.write_text(PASSPHRASE)

    def cldkctl(*args, **more):
        command = [str(binary), *map(str, args)]
        more = {"stdout": subprocess.PIPE, **more}
        return subprocess.run(command, env=environment, check=True, text=True, **more).stdout

    server = subprocess.Popen([standin, TOKEN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        cldkctl(
            *("auth", "--no-unlock", "--token-stdin", "--base-url", server.stdout.readline().strip()),
            *("--vault", vault, "--passphrase-file", passphrase),
            input=TOKEN,
        )
    finally:
        server.stdin.close()
        server.wait()
    # A file of its own, so that each keeper holds one key and no other.
    shutil.copy2(vault, for_agent)

    found = re.search(rb"^-> cldkctl-argon2id v1 (\S{22}) (\d+) (\d+) (\d+)$", vault.read_bytes(), re.M)
    salt, memory, iterations, lanes = (word.decode() for word in found.groups())
    argon2 = f"argon2 {salt} -id -v 13 -t {iterations} -k {memory} -p {lanes} -l 32 -r"
    output = subprocess.run(argon2.split(), input=PASSPHRASE, text=True, check=True, stdout=subprocess.PIPE)
    key.touch(mode=0o600)
    key.write_text(identity(bytes.fromhex(output.stdout)) + "\n")

    warm = f"{binary} --vault {vault} auth token"
    agent = f"{binary} --vault {for_agent} --keeper agent auth token"
    age = f"age -d -i {key} {vault}"
    cold = f"{binary} --vault {vault} --passphrase-file {passphrase} auth token"
    quiet = {"stderr": subprocess.DEVNULL}
    cldkctl("--vault", vault, "--keeper", "keyring", "--passphrase-file", passphrase, "unlock", **quiet)
    cldkctl("--vault", for_agent, "--keeper", "agent", "--passphrase-file", passphrase, "unlock", **quiet)
    try:
        # Each does what it is timed for.
        for command in (warm, agent, cold):
            assert cldkctl(*command.split()[1:]) == TOKEN + "\n", command
        assert TOKEN in subprocess.run(age.split(), check=True, text=True, stdout=subprocess.PIPE).stdout

        result = home / "result.json"
        names = {
            "warm, kernel keyring": warm,
            "warm, agent": agent,
            "age -d -i KEY": age,
            "cold, passphrase file": cold,
            # Without a shell there would be no passphrase on its standard input.
            "argon2, same cost": f"sh -c 'exec {argon2} < {passphrase}'",
        }
        hyperfine = ["hyperfine", "--shell=none", "--warmup=5", "--style=none", f"--export-json={result}"]
        for name, command in names.items():
            hyperfine += ["--command-name", name, command]
        # What it prints is in the file as well.
        done = subprocess.run(hyperfine, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            sys.exit(done.stdout)
        report(json.loads(result.read_text())["results"])
    finally:
        for path in (vault, for_agent):
            cldkctl("--vault", path, "lock", **quiet)


def report(results):
    median = {result["command"]: result["median"] for result in results}
    print(f"{'':24}{'median':>10}{'mean':>10}{'± σ':>9}{'min':>10}{'runs':>7}   (milliseconds)")
    for result in results:
        times = (result[name] * 1000 for name in ("median", "mean", "stddev", "min"))
        median_ms, mean, deviation, least = times
        runs = len(result["times"])
        print(f"{result['command']:24}{median_ms:10.2f}{mean:10.2f}{deviation:9.2f}{least:10.2f}{runs:7}")
    least = {result["command"]: result["min"] for result in results}
    print(f"\n{'ratio':44}{'medians':>9}{'minima':>9}{'goal':>8}")
    for one, other, goal in (
        ("warm, kernel keyring", "age -d -i KEY", "0.6"),
        ("warm, agent", "age -d -i KEY", "1.0"),
        ("cold, passphrase file", "argon2, same cost", ""),
    ):
        ratios = (times[one] / times[other] for times in (median, least))
        print(f"{one + ' / ' + other:44}{next(ratios):9.2f}{next(ratios):9.2f}{goal:>8}")


def identity(key):
    """The key as age writes it: Bech32, vault-format.md section 12."""

    def polymod(values):
        c = 1
        for v in values:
            top = c >> 25
            c = (c & 0x1FFFFFF) << 5 ^ v
            for i, g in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
                c ^= g if top >> i & 1 else 0
        return c

    hrp, n = "age-secret-key-", int.from_bytes(key, "big") << 4
    groups = [n >> 5 * i & 31 for i in range(51, -1, -1)]
    check = polymod([ord(c) >> 5 for c in hrp] + [0] + [ord(c) & 31 for c in hrp] + groups + [0] * 6) ^ 1
    groups += [check >> 5 * i & 31 for i in range(5, -1, -1)]
    return (hrp + "1" + "".join("qpzry9x8gf2tvdw0s3jn54khce6mua7l"[g] for g in groups)).upper()


if __name__ == "__main__":
    main()
