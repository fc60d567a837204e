#!/usr/bin/env python3
"""How long commands take and what they need, beside the tools that do the same.

    benches/compare.py [BINARY]

Builds the release binary unless one is given, makes vaults with it through the stand-in
API, and compares, in one run of hyperfine:

    warm    cldkctl auth token, unlocked, by the kernel keyring and by the agent,
            with age -d -i KEY on the same file, KEY being the vault's own derived key,
            and with gh auth token, which reads plain text (left out where there is no gh)
    cold    cldkctl auth token --passphrase-file,
            with the argon2 command at the same salt and cost
    api     cldkctl api PATH, unlocked, with curl sending the same request
    large   cldkctl auth token, unlocked, on a vault of 10,000 contexts

and beside these the peak memory of the cold command over what its Argon2 costs, and the
size of the binary. It needs hyperfine, age, argon2 and curl, and keyctl (keyutils) for a
session keyring of its own. All it makes is in a temporary folder, which is removed, and so
is what was unlocked.
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
PROFILE = "/core/user/profile"
CONTEXTS = 10_000
KIB, MIB, MB = 1024, 1024 * 1024, 1_000_000


def main():
    missing = [tool for tool in ("hyperfine", "age", "argon2", "curl", "keyctl") if not shutil.which(tool)]
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
    standin = [target_folder() / "debug/examples/standin", TOKEN]

    with tempfile.TemporaryDirectory(prefix="cldkctl-compare-") as folder:
        server = subprocess.Popen(standin, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            Comparison(binary, server.stdout.readline().strip(), Path(folder)).run()
        finally:
            server.stdin.close()
            server.wait()


def target_folder():
    command = ["cargo", "metadata", "--format-version=1", "--no-deps"]
    output = subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.PIPE).stdout
    return Path(json.loads(output)["target_directory"])


class Comparison:
    def __init__(self, binary, url, home):
        self.binary, self.url, self.home = binary, url, home
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "XDG_DATA_HOME": str(home / "data"),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_RUNTIME_DIR": str(home),
            "LANG": "C.UTF-8",
        }
        self.passphrase = self.secret("passphrase", PASSPHRASE)
        # The vault's usual place; and files of their own, so that each keeper holds one key.
        self.vault = home / "data/cldkctl/vault.age"
        self.for_agent, self.large = home / "agent.age", home / "large.age"

    def secret(self, name, text):
        path = self.home / name
        path.touch(mode=0o600)
        path.write_text(text)
        return path

    def cldkctl(self, *args, **more):
        more = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, **more}
        command = [str(self.binary), *map(str, args)]
        return subprocess.run(command, env=self.environment, check=True, text=True, **more).stdout

    def run(self):
        login = ("auth", "--no-unlock", "--token-stdin", "--base-url", self.url)
        self.cldkctl(*login, "--passphrase-file", self.passphrase, input=TOKEN)
        self.cost, argon2 = self.argon2()
        output = subprocess.run(argon2.split(), input=PASSPHRASE, text=True, check=True, stdout=subprocess.PIPE)
        self.key = self.secret("key", identity(bytes.fromhex(output.stdout)) + "\n")
        shutil.copy2(self.vault, self.for_agent)
        self.make_large()

        of_agent, of_large = ("--vault", self.for_agent, "--keeper", "agent"), ("--vault", self.large)
        unlock = ("--passphrase-file", self.passphrase, "unlock")
        try:
            for where in ((), of_agent, of_large):
                self.cldkctl(*where, *unlock)
            self.measure(argon2)
        finally:
            for where in ((), of_agent, of_large):
                self.cldkctl(*where, "lock")

    def argon2(self):
        """The cost of the vault's key in KiB, and the command that derives it."""
        stanza = rb"^-> cldkctl-argon2id v1 (\S{22}) (\d+) (\d+) (\d+)$"
        words = re.search(stanza, self.vault.read_bytes(), re.M).groups()
        salt, memory, iterations, lanes = (word.decode() for word in words)
        return int(memory), f"argon2 {salt} -id -v 13 -t {iterations} -k {memory} -p {lanes} -l 32 -r"

    def make_large(self):
        """A vault of many contexts: written by age to a key of its own, then given the passphrase."""
        recipient = subprocess.run(["age-keygen", "-y", self.key], check=True, text=True, stdout=subprocess.PIPE)
        opened = subprocess.run(["age", "-d", "-i", self.key, self.vault], check=True, stdout=subprocess.PIPE)
        contents = json.loads(opened.stdout)
        context = contents["contexts"][0]
        contents["contexts"] = [dict(context, name=f"context-{n:05}") for n in range(CONTEXTS)]
        contents["current_context"] = f"context-{CONTEXTS // 2:05}"
        # A vault of its own, or it would be taken for a newer copy of the first.
        contents["id"] = os.urandom(16).hex()
        contents["recipients"] = [{"recipient": recipient.stdout.strip()}]
        seal = ["age", "-r", recipient.stdout.strip(), "-o", self.large]
        subprocess.run(seal, check=True, input=json.dumps(contents).encode())
        self.large.chmod(0o600)
        new = ("vault", "passphrase", "--new-passphrase-file", self.passphrase)
        self.cldkctl("--vault", self.large, "--identity", self.key, *new)

    def measure(self, argon2):
        header = self.secret("header", f"Authorization: Bearer {self.cldkctl('auth', 'token', '--session').strip()}")
        cldkctl = self.binary
        commands = {
            "warm, kernel keyring": f"{cldkctl} auth token",
            "warm, agent": f"{cldkctl} --vault {self.for_agent} --keeper agent auth token",
            "age -d -i KEY": f"age -d -i {self.key} {self.vault}",
            "cold, passphrase file": f"{cldkctl} --passphrase-file {self.passphrase} auth token",
            # Without a shell there would be no passphrase on its standard input.
            "argon2, same cost": f"sh -c 'exec {argon2} < {self.passphrase}'",
            "api": f"{cldkctl} api {PROFILE}",
            "curl": f"curl -sf -H @{header} {self.url}{PROFILE}",
            "warm, 10,000 contexts": f"{cldkctl} --vault {self.large} auth token",
        }
        if shutil.which("gh"):
            # As gh keeps a token where there is no keyring: in plain text.
            folder = self.home / "config/gh"
            folder.mkdir(parents=True)
            (folder / "hosts.yml").write_text(f"github.com:\n    oauth_token: {TOKEN}\n    user: someone\n")
            commands["gh auth token"] = "gh auth token"

        # Each does what it is timed for.
        for name, command in commands.items():
            shown = subprocess.run(
                ["sh", "-c", command], env=self.environment, check=True, text=True, stdout=subprocess.PIPE
            ).stdout
            if "cldkctl" in command.split()[0] and "auth token" in command or name == "gh auth token":
                assert shown == TOKEN + "\n", (name, shown)
            elif name.startswith("age"):
                assert TOKEN in shown, name
            else:
                assert shown, name
        assert self.cldkctl("api", PROFILE) == subprocess.run(
            commands["curl"].split(), check=True, text=True, stdout=subprocess.PIPE
        ).stdout

        result = self.home / "result.json"
        hyperfine = ["hyperfine", "--shell=none", "--warmup=5", "--style=none", f"--export-json={result}"]
        for name, command in commands.items():
            hyperfine += ["--command-name", name, command]
        # What it prints is in the file as well.
        done = subprocess.run(
            hyperfine, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        if done.returncode != 0:
            sys.exit(done.stdout)
        self.report(json.loads(result.read_text())["results"])

    def report(self, results):
        median = {result["command"]: result["median"] for result in results}
        least = {result["command"]: result["min"] for result in results}
        print(f"{'':24}{'median':>10}{'mean':>10}{'± σ':>9}{'min':>10}{'runs':>7}   (milliseconds)")
        for result in results:
            times = (result[name] * 1000 for name in ("median", "mean", "stddev", "min"))
            median_ms, mean, deviation, least_ms = times
            runs = len(result["times"])
            print(f"{result['command']:24}{median_ms:10.2f}{mean:10.2f}{deviation:9.2f}{least_ms:10.2f}{runs:7}")

        print(f"\n{'ratio':44}{'medians':>9}{'minima':>9}{'goal':>8}")
        for one, other, goal in (
            ("warm, kernel keyring", "age -d -i KEY", "0.5"),
            ("warm, agent", "age -d -i KEY", "1.0"),
            ("warm, kernel keyring", "gh auth token", ""),
            ("cold, passphrase file", "argon2, same cost", "1.03"),
            ("api", "curl", "1.3"),
        ):
            if other in median:
                ratios = [times[one] / times[other] for times in (median, least)]
                print(f"{one + ' / ' + other:44}{ratios[0]:9.2f}{ratios[1]:9.2f}{goal:>8}")

        print(f"\n{'measure':44}{'':9}{'':9}{'goal':>8}")
        large = median["warm, 10,000 contexts"] * 1000
        print(f"{'10,000 contexts, milliseconds':44}{large:9.1f}{'':9}{'30':>8}")
        print(f"{'peak memory over the cost, MiB':44}{self.peak_over_cost():9.1f}{'':9}{'12':>8}")
        print(f"{'binary, MB':44}{self.binary.stat().st_size / MB:9.2f}{'':9}{'7':>8}")

    def peak_over_cost(self):
        """Of the cold command, in MiB, as the kernel counts it (getrusage(2), ru_maxrss)."""
        nothing = os.open(os.devnull, os.O_WRONLY)
        command = [str(self.binary), "--passphrase-file", str(self.passphrase), "auth", "token"]
        outputs = [(os.POSIX_SPAWN_DUP2, nothing, 1)]
        process = os.posix_spawn(command[0], command, self.environment, file_actions=outputs)
        _, status, usage = os.wait4(process, 0)
        assert status == 0
        return (usage.ru_maxrss - self.cost) * KIB / MIB


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
