#!/usr/bin/env python3
"""An independent reader of cldkctl vaults, written from vault-format.md and nothing else.

    read_vault.py VAULT < passphrase
    read_vault.py VAULT --passphrase-file FILE
    read_vault.py VAULT --identity FILE

Prints the contents as JSON. Exits 0, or 5 (wrong passphrase or identity), 6 (damaged, altered, not a vault, newer),
2 (wrong usage), 1 (anything else, such as a missing tool). Messages on stderr begin with what the file is (`wrong key`,
`damaged`, `newer` or `foreign`) and the section of vault-format.md that was not met.

Needs Python 3.11's standard library and the commands `argon2` and `age` (1.1 or later; rage will do). They do the
cryptography; this file does the format. Secrets go through pipes, never into an argument or a file.
"""

import argparse
import base64
import binascii
import collections
import datetime
import json
import math
import os
import re
import subprocess
import sys
import unicodedata

# Section 3.2
MAX_FILE = 64 << 20
MAX_HEADER = 64 << 10
MAX_STANZAS = 256
MAX_CONTENTS = 32 << 20
MAX_VALUES = 500_000
# Section 7.1
MAX_DEPTH = 64
# Section 4.4
CEILING = {"memory": 4 << 20, "iterations": 64, "lanes": 64}
# What the command `argon2` can take (section 5); the format has no such limit.
ARGON2_COMMAND_MAX = 127

KDF_TAG = "cldkctl-argon2id"
NUMBER = r"[1-9][0-9]{0,9}"
# Section 5
MAX_PASSPHRASE = 64 << 10


class Failure(Exception):
    """Ends the run: `code` is the exit status, and the message begins with a section where one applies."""

    def __init__(self, code: int, message: str):
        super().__init__(message)
        self.code = code


def bad(section: str, message: str, kind: str = "damaged") -> Failure:
    return Failure(6, f"{kind}: section {section}: {message}")


def wrong_key(section: str, message: str) -> Failure:
    return Failure(5, f"wrong key: section {section}: {message}")


def is_newer(version: str) -> bool:
    """Sections 4.1 and 6, step 3: `v` and a number above 1."""
    return re.fullmatch("v" + NUMBER, version) is not None and 1 < int(version[1:]) <= 0xFFFFFFFF


def need(condition: bool, section: str, message: str) -> None:
    if not condition:
        raise bad(section, message)


# --- Section 3: the file ----------------------------------------------------------------------------------------------

ARMOR_BEGIN = b"-----BEGIN AGE ENCRYPTED FILE-----"
ARMOR_END = b"-----END AGE ENCRYPTED FILE-----"


def read_file(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise Failure(1, f"{path}: {error.strerror}") from None
    need(len(data) <= MAX_FILE, "3.2", "the file is larger than 64 MiB")
    return data


def remove_armor(data: bytes) -> bytes:
    text = data.lstrip(b" \t")
    if not text.startswith(ARMOR_BEGIN):
        return data
    lines = [line.removesuffix(b"\r") for line in text.rstrip(b" \t\r\n").split(b"\n")]
    need(lines[0] == ARMOR_BEGIN, "3.3", "the armor's first line goes on")
    need(lines[-1] == ARMOR_END, "3.3", "the armor does not end with its last line")
    body = lines[1:-1]
    need(bool(body), "3.3", "the armor is empty")
    need(all(len(line) == 64 for line in body[:-1]), "3.3", "a line of the armor is not of 64 columns")
    need(4 <= len(body[-1]) <= 64, "3.3", "the last line of the armor is not of 4 to 64 columns")
    text = b"".join(body)
    try:
        decoded = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise bad("3.3", f"the armor is not base64: {error}") from None
    need(base64.b64encode(decoded) == text, "3.3", "the armor is not canonical base64")
    return decoded


def unpadded_base64(text: str) -> bytes | None:
    """The bytes, or None if `text` is not canonical unpadded base64 (section 2)."""
    if not re.fullmatch(r"[A-Za-z0-9+/]*", text) or len(text) % 4 == 1:
        return None
    decoded = base64.b64decode(text + "=" * (-len(text) % 4))
    return decoded if base64.b64encode(decoded).decode().rstrip("=") == text else None


def parse_header(data: bytes) -> list[tuple[list[str], bytes]]:
    """The stanzas, each as its arguments (the tag first) and its body, by age's grammar."""
    position = 0

    def next_line() -> str:
        nonlocal position
        end = data.find(b"\n", position, MAX_HEADER)
        if end < 0:
            need(len(data) <= MAX_HEADER, "3.2", "the header is longer than 64 KiB")
            raise bad("6, step 4", "the header ends early")
        line = data[position:end]
        position = end + 1
        try:
            return line.decode("ascii")
        except UnicodeDecodeError:
            raise bad("6, step 4", "the header has bytes that are not ASCII") from None

    if not data.startswith(b"age-encryption.org/"):
        if ARMOR_BEGIN in data:
            raise bad("3.3", "there is an armored file inside, and something else around it")
        raise bad("6, step 3", "this is no age file", "foreign")
    version = next_line()
    if is_newer(version.removeprefix("age-encryption.org/")):
        raise bad("6, step 3", "this is a newer version of the age format than v1", "newer")
    need(version == "age-encryption.org/v1", "6, step 3", "the version line is malformed")

    stanzas = []
    while True:
        line = next_line()
        if line.startswith("--- "):
            mac = unpadded_base64(line[4:])
            need(mac is not None and len(mac) == 32, "6, step 4", "the MAC is not 32 bytes in base64")
            break
        need(line.startswith("-> "), "6, step 4", "a line of the header begins neither a stanza nor the MAC")
        args = line[3:].split(" ")
        need(all(re.fullmatch(r"[!-~]+", arg) for arg in args), "6, step 4", "a stanza has malformed arguments")
        text = ""
        while True:
            line = next_line()
            need(len(line) <= 64, "6, step 4", "a line of a stanza's body is too long")
            text += line
            if len(line) < 64:
                break
        body = unpadded_base64(text)
        need(body is not None, "6, step 4", "a stanza's body is not canonical base64")
        stanzas.append((args, body))

    need(bool(stanzas), "6, step 4", "the header has no stanza")
    need(len(stanzas) <= MAX_STANZAS, "3.2", "the header has more than 256 stanzas")
    if any(args[0] == "scrypt" for args, _ in stanzas):
        need(len(stanzas) == 1, "3.1", "there are other stanzas beside one of scrypt")
        raise bad("3.1", "this age file is encrypted with a passphrase of age's own (scrypt): not a vault", "foreign")
    return stanzas


# --- Section 4: the KDF stanza ----------------------------------------------------------------------------------------


def check_salt(salt: str, section: str) -> None:
    decoded = unpadded_base64(salt)
    need(len(salt) == 22 and decoded is not None and len(decoded) == 16, section,
         "the salt is not 16 bytes in 22 characters of canonical base64")


def check_cost(memory: int, iterations: int, lanes: int, section: str) -> None:
    for name, value in ("memory", memory), ("iterations", iterations):
        need(1 <= value <= 0xFFFFFFFF, section, f"{name} is not within 1 and 2^32 - 1")
    need(1 <= lanes < 1 << 24, section, "lanes is not within 1 and 2^24 - 1")
    need(memory >= 8 * lanes, section, "memory is less than 8 KiB for each lane")


def kdf_parameters(stanzas) -> tuple[bool, tuple[str, int, int, int]]:
    """Whether the stanza says that it is of a newer version, and what it says in the form of this one."""
    found = [stanza for stanza in stanzas if stanza[0][0] == KDF_TAG]
    if not found:
        raise wrong_key("4.3", "no passphrase opens this file: it has no KDF stanza")
    need(len(found) == 1, "4.2", "there is more than one KDF stanza")
    args, body = found[0]
    need(len(args) >= 2, "4.1", "the KDF stanza has no version")
    newer = is_newer(args[1])
    need(newer or args[1] == "v1", "4.1", "the KDF stanza's version is malformed")
    try:
        salt, *cost = form_of_v1(args, body)
    except Failure:
        if newer:
            raise bad("4.1", f"the KDF stanza is of the newer version {args[1]}", "newer") from None
        raise
    for (name, ceiling), value in zip(CEILING.items(), cost):
        need(value <= ceiling, "4.4", f"{name} {value} is above the ceiling of {ceiling}")
    return newer, (salt, *cost)


def form_of_v1(args: list[str], body: bytes) -> tuple[str, int, int, int]:
    need(len(args) == 6, "4.1", "the KDF stanza does not have exactly five arguments")
    check_salt(args[2], "4.1")
    need(all(re.fullmatch(NUMBER, arg) for arg in args[3:]), "4.1", "a number of the KDF stanza is malformed")
    memory, iterations, lanes = map(int, args[3:])
    check_cost(memory, iterations, lanes, "4.1")
    need(not body, "4.1", "the KDF stanza has a body")
    return args[2], memory, iterations, lanes


# --- Section 5: from passphrase to identity ---------------------------------------------------------------------------


def normalised(passphrase: bytes) -> bytes:
    if len(passphrase) > MAX_PASSPHRASE:
        raise Failure(2, "section 5: the passphrase has more than 65,536 bytes")
    try:
        text = passphrase.decode("utf-8")
    except UnicodeDecodeError:
        raise Failure(2, "section 5: the passphrase is not UTF-8") from None
    if text.endswith("\r\n"):
        text = text[:-2]
    elif text.endswith("\n"):
        text = text[:-1]
    if not text:
        raise Failure(2, "section 5: the passphrase is empty")
    return unicodedata.normalize("NFC", text).encode("utf-8")


def run(command: list[str], **options) -> subprocess.CompletedProcess:
    try:
        return subprocess.run(command, capture_output=True, **options)
    except FileNotFoundError:
        raise Failure(1, f"the command {command[0]} is not installed") from None


def derive(passphrase: bytes, salt: str, memory: int, iterations: int, lanes: int) -> bytes:
    secret = normalised(passphrase)
    if len(secret) > ARGON2_COMMAND_MAX:
        raise Failure(1, f"the passphrase has {len(secret)} bytes; the argon2 command takes {ARGON2_COMMAND_MAX} at most"
                         " (a limit of that command, not of the vault)")
    argon2 = run(["argon2", salt, "-id", "-v", "13", "-t", str(iterations), "-k", str(memory), "-p", str(lanes),
                  "-l", "32", "-r"], input=secret)
    hexadecimal = argon2.stdout.strip()
    if argon2.returncode != 0 or not re.fullmatch(rb"[0-9a-f]{64}", hexadecimal):
        raise Failure(1, f"argon2 failed: {argon2.stderr.decode(errors='replace').strip()}")
    return bytes.fromhex(hexadecimal.decode())


BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def polymod(values: list[int]) -> int:
    """The checksum of BIP 173."""
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for i, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            if top >> i & 1:
                check ^= generator
    return check


def bech32_identity(key: bytes) -> str:
    """BIP 173 over the 32 bytes of the key: 52 groups of five bits, the last padded, and six of checksum."""
    hrp = "age-secret-key-"
    number = int.from_bytes(key, "big") << 4
    groups = [number >> 5 * i & 31 for i in range(51, -1, -1)]
    expanded = [ord(c) >> 5 for c in hrp] + [0] + [ord(c) & 31 for c in hrp]
    check = polymod(expanded + groups + [0] * 6) ^ 1
    groups += [check >> 5 * i & 31 for i in range(5, -1, -1)]
    return (hrp + "1" + "".join(BECH32[group] for group in groups)).upper()


# --- Section 6, steps 7 to 9: age does them ---------------------------------------------------------------------------

# age up to 1.2, age from 1.3, the error both wrap, and rage. Anything else age says is a fault of the file: by
# step 7 its identity, its input and the grammar of the header have been seen to be in order.
NO_MATCH = re.compile(
    r"no identity matched any of the recipients"
    r"|identity did not match any of the recipients"
    r"|incorrect identity for recipient block"
    r"|no matching keys found", re.IGNORECASE)


def decrypt(vault: bytes, identity_path: str, **options) -> bytes:
    age = run(["age", "-d", "-i", identity_path], input=vault, env=os.environ | {"LC_ALL": "C"}, **options)
    if age.returncode == 0:
        return age.stdout
    said = age.stderr.decode(errors="replace")
    if age.returncode < 0:
        raise Failure(1, f"age was ended by signal {-age.returncode}")
    if NO_MATCH.search(said):
        raise wrong_key("6, step 7", "the passphrase or identity opens no stanza, or the header was altered")
    first = next((line for line in said.splitlines() if line.strip()), "nothing")
    raise bad("6, steps 7 to 9", f"age refuses the file: {first}")


def decrypt_with_text(vault: bytes, identity: str) -> bytes:
    """The identity goes through a pipe that age opens by its number, the vault through age's standard input."""
    read_end, write_end = os.pipe()
    try:
        with os.fdopen(write_end, "wb") as pipe:
            pipe.write(identity.encode() + b"\n")  # at most 64 KiB: what a pipe holds
        return decrypt(vault, f"/dev/fd/{read_end}", pass_fds=(read_end,))
    finally:
        os.close(read_end)


def decrypt_with_altered_version(vault: bytes, identity: str) -> bytes:
    """A newer version derives another key, so if this one's fits, the version was altered: section 6."""
    try:
        decrypt_with_text(vault, identity)
    except Failure as failure:
        if failure.code == 5:
            raise bad("6", "the KDF stanza is of a newer version, or the passphrase is wrong", "newer") from None
        raise
    raise bad("6", "the version of the KDF stanza was altered")


def decrypt_with_file(vault: bytes, path: str) -> bytes:
    # Told here rather than by age, whose message about it would be taken for a fault of the vault.
    try:
        with open(path, "rb") as file:
            text = file.read(1 << 16)
    except OSError as error:
        raise Failure(1, f"{path}: {error.strerror}") from None
    if not re.search(rb"PRIVATE KEY-----|^age-encryption\.org/|" + ARMOR_BEGIN, text):
        try:
            lines = [line.removesuffix("\r") for line in text.decode("utf-8").split("\n")]
        except UnicodeDecodeError:
            raise Failure(2, f"section 6: {path} is not UTF-8") from None
        found = [line for line in lines if line and not line.startswith("#")]
        if not found or not all(map(is_identity, found)):
            raise wrong_key("6", f"{path} is not a file of age identities")
        if any(line.upper().startswith("AGE-PLUGIN-") for line in found):
            raise Failure(1, f"{path}: this reader has no plugins")
        # age takes them in upper case only.
        return decrypt_with_text(vault, "\n".join(found).upper())
    return decrypt(vault, path)


def is_identity(line: str) -> bool:
    match = re.fullmatch(rf"(AGE-SECRET-KEY-|AGE-PLUGIN-[A-Z0-9+._-]+-)1([{BECH32.upper()}]{{6,}})", line.upper())
    if not match or line not in (line.upper(), line.lower()):
        return False
    hrp, groups = match[1].lower(), [BECH32.index(c) for c in match[2].lower()]
    if polymod([ord(c) >> 5 for c in hrp] + [0] + [ord(c) & 31 for c in hrp] + groups) != 1:
        return False
    return not hrp.startswith("age-secret-key-") or len(groups) == 58 and groups[51] & 15 == 0


# --- Section 7: the contents ------------------------------------------------------------------------------------------

KNOWN = {
    "vault": {"format", "version", "id", "revision", "current_context", "contexts", "recipients", "credentials"},
    "context": {"name", "base_url", "token", "verified_at", "account", "session", "defaults"},
    "session": {"token", "expires_at"},
    "defaults": {"namespace", "project", "registry", "organization", "editor"},
    "recipient": {"recipient", "label", "argon2id"},
    "credential": {"kind", "where", "username", "secret", "second_secret", "stored_at", "expires_at"},
    "argon2id": {"salt", "memory_kib", "iterations", "lanes"},
}


class Object(dict):
    """A JSON object that remembers which names occurred more than once; the last of them counts."""

    def __init__(self, pairs):
        super().__init__(pairs)
        self.pairs = pairs
        self.repeated = {name for name, times in collections.Counter(name for name, _ in pairs).items() if times > 1}


class LargeInteger(float):
    """An integer that is kept as a double, since it is not from -2^63 to 2^64 - 1."""


def depth_of(text: str) -> int:
    """How deep arrays and objects are nested, if it is JSON."""
    depth = deepest = 0
    for mark in re.findall(r"""[\[\]{}]""", re.sub(r'"(?:[^"\\]|\\.)*"', "", text, flags=re.S)):
        depth += 1 if mark in "[{" else -1
        deepest = max(depth, deepest)
    return deepest


def parse_json(data: bytes):
    need(len(data) <= MAX_CONTENTS, "3.2", "the contents are larger than 32 MiB")

    def integer(text: str):
        value = int(text) if len(text) <= 20 else None
        return value if value is not None and -(1 << 63) <= value < 1 << 64 else LargeInteger(text)

    def no_constant(text: str):
        raise ValueError(f"{text} is not JSON")

    try:
        text = data.decode("utf-8")
        if text.startswith("\ufeff"):
            raise ValueError("there is a byte order mark")
        if depth_of(text) > MAX_DEPTH:
            raise ValueError("nested deeper than 64")
        value = json.loads(text, object_pairs_hook=Object, parse_float=float, parse_int=integer,
                           parse_constant=no_constant)
        # Lone surrogates come through json.loads, and do not come through this.
        for one in values_in(value):
            for text in [one] if isinstance(one, str) else one if isinstance(one, dict) else []:
                text.encode("utf-8")
    except ValueError as error:
        raise bad("7.1", f"the contents are not JSON: {type(error).__name__}: {describe(error)}") from None
    need(isinstance(value, dict), "7.1", "the contents are not a JSON object")
    need(sum(1 for _ in values_in(value)) <= MAX_VALUES, "3.2", "the contents have more than 500,000 values")
    return value


def values_in(value):
    """It and all values below, those of names that occur again among them."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        yield value
        if isinstance(value, dict):
            waiting += (one for _, one in value.pairs)
        elif isinstance(value, list):
            waiting += value


def describe(error: Exception) -> str:
    """What is wrong and where, with nothing of the contents themselves in it."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos}"
    if isinstance(error, UnicodeError):
        return f"{error.reason} at {error.start}"
    return str(error)


MISSING = object()


def field(parent: Object, name: str, kind: type, where: str, section: str, required: bool = True):
    value = parent.get(name, MISSING)
    if value is MISSING:
        need(not required, section, f"{where} has no {name}")
        return None
    # bool is a subclass of int in Python, and not an integer here.
    need(isinstance(value, kind) and not isinstance(value, bool), section, f"{where}: {name} is of the wrong type")
    return value


def known_once(parent: Object, kind: str, where: str, only: str | None = None) -> None:
    twice = parent.repeated & ({only} if only else KNOWN[kind])
    need(not twice, "7.1", f"{where} has {', '.join(sorted(twice))} twice")


def check_token(token: str, where: str) -> None:
    need(re.fullmatch(r"[!-~]{1,8192}", token) is not None, "7.3",
         f"{where}: the token is not of 1 to 8192 visible ASCII characters")


def check_time(text: str, where: str) -> None:
    match = re.fullmatch(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]{1,9})?Z", text)
    need(match is not None, "7.3", f"{where} is not a time in UTC as in RFC 3339")
    try:
        datetime.datetime(*map(int, match.groups()))
    except ValueError:
        raise bad("7.3", f"{where} is no existing date and time") from None


HOST = r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])"
LOOPBACK = r"(?:localhost|127(?:\.(?P<a>[0-9]{1,3})\.(?P<b>[0-9]{1,3})\.(?P<c>[0-9]{1,3}))|\[::1\])"
PATH = r"(?:/[A-Za-z0-9._~%!$&'()*+,;=:@-]+)*"
BASE_URL = re.compile(rf"(?:https://{HOST}|http://{LOOPBACK})(?::(?P<port>[0-9]{{1,5}}))?{PATH}")


def check_base_url(url: str, where: str) -> None:
    match = BASE_URL.fullmatch(url) if len(url) <= 2048 else None
    need(match is not None, "7.3", f"{where}: base_url is not an https URL (or http to loopback) in its plain form")
    for octet in match.group("a", "b", "c"):
        need(octet is None or int(octet) <= 255, "7.3", f"{where}: base_url has no such address")
    port = match.group("port")
    need(port is None or 1 <= int(port) <= 65535, "7.3", f"{where}: base_url has no such port")


def check_context(context, where: str) -> str:
    need(isinstance(context, dict), "7.3", f"{where} is not an object")
    known_once(context, "context", where)
    name = field(context, "name", str, where, "7.3")
    need(re.fullmatch(r"[A-Za-z0-9._@:][A-Za-z0-9._@:-]{0,63}", name) is not None, "7.3", f"{where}: malformed name")
    check_base_url(field(context, "base_url", str, where, "7.3"), where)
    check_token(field(context, "token", str, where, "7.3"), where)
    check_time(field(context, "verified_at", str, where, "7.3"), f"{where}: verified_at")
    field(context, "account", dict, where, "7.3")
    session = field(context, "session", dict, where, "7.3", required=False)
    if session is not None:
        known_once(session, "session", f"{where}: session")
        check_token(field(session, "token", str, f"{where}: session", "7.3"), f"{where}: session")
        check_time(field(session, "expires_at", str, f"{where}: session", "7.3"), f"{where}: session: expires_at")
    defaults = field(context, "defaults", dict, where, "7.3", required=False)
    if defaults is not None:
        known_once(defaults, "defaults", f"{where}: defaults")
        for key in KNOWN["defaults"]:
            field(defaults, key, str, f"{where}: defaults", "7.3", required=False)
    return name


# Section 7.4: public keys that take no secret to decrypt with. RFC 7748 gives the curve, RFC 8032 its Edwards form.
P = 2**255 - 19
A24 = 121666


def low_order(u: int, z: int) -> bool:
    """Whether doubling u:z three times gives the neutral element, be it on the curve or on its twist."""
    for _ in range(3):
        plus, minus = (u + z) ** 2 % P, (u - z) ** 2 % P
        u, z = plus * minus % P, (plus - minus) * (minus + A24 * (plus - minus)) % P
    return z == 0


def is_square(value: int) -> bool:
    return pow(value, (P - 1) // 2, P) in (0, 1)


def x25519_point(text: str) -> int | None:
    """The u of an age recipient, or None if it is no such thing."""
    # BIP 173: in lower or upper case, not mixed.
    if not re.fullmatch(rf"age1[{BECH32}]{{58}}|AGE1[{BECH32.upper()}]{{58}}", text):
        return None
    text = text.lower()
    groups = [BECH32.index(c) for c in text[4:]]
    expanded = [ord(c) >> 5 for c in "age"] + [0] + [ord(c) & 31 for c in "age"]
    if polymod(expanded + groups) != 1 or groups[51] & 15:
        return None
    number = 0
    for group in groups[:52]:
        number = number << 5 | group
    data = (number >> 4).to_bytes(32, "big")
    return int.from_bytes(data, "little") & ((1 << 255) - 1)


def ssh_fields(text: str, kind: str) -> list[bytes]:
    """The fields of an SSH public key behind the first, its type, as far as they can be read."""
    match = re.match(rf"{kind} ([A-Za-z0-9+/]+)", text)
    if not match:
        return []
    # Of base64 that no bytes have, age reads the 68 characters of an Ed25519 key, and no RSA key.
    word = match[1] if kind == "ssh-rsa" else match[1][:68]
    if len(word) % 4 == 1:
        return []
    blob, fields = base64.b64decode(word + "=" * (-len(word) % 4)), []
    while len(blob) >= 4 and len(blob) >= (end := 4 + int.from_bytes(blob[:4], "big")):
        fields.append(blob[4:end])
        blob = blob[end:]
    return fields[1:] if fields[:1] == [kind.encode()] else []


def opens_to_all(recipient: str) -> bool:
    u = x25519_point(recipient)
    if u is not None:
        return low_order(u, 1)
    match ssh_fields(recipient, "ssh-ed25519"):
        case [key, *_] if len(key) == 32:
            y = int.from_bytes(key, "little") & ((1 << 255) - 1)
            # x^2 = (y^2 - 1) / (d y^2 + 1), d = -121665 / 121666: without a root there is no such point.
            on_curve = is_square((y * y - 1) * (-121665 * y * y + 121666) * 121666)
            return on_curve and low_order(1 + y, 1 - y)
    match ssh_fields(recipient, "ssh-rsa"):
        # A number of nothing but zeros is none, RFC 4251; one of no bytes at all is 0.
        case [exponent, modulus, *_] if all(any(number) or not number for number in (exponent, modulus)):
            e, n = int.from_bytes(exponent, "big"), int.from_bytes(modulus, "big")
            return n.bit_length() < 2048 or e % 2 == 0 or n % 2 == 0 or e == 1
    return False


def check_recipient(recipient, where: str) -> bool:
    """Whether it has `argon2id`."""
    need(isinstance(recipient, dict), "7.4", f"{where} is not an object")
    known_once(recipient, "recipient", where)
    text = field(recipient, "recipient", str, where, "7.4")
    need(1 <= len(text) <= 65536 and not any(unicodedata.category(c) == "Cc" for c in text), "7.4",
         f"{where}: recipient is empty, too long or has control characters")
    need(not opens_to_all(text.strip()), "7.4", f"{where}: anybody can decrypt what is encrypted to this key")
    field(recipient, "label", str, where, "7.4", required=False)
    argon2id = field(recipient, "argon2id", dict, where, "7.4", required=False)
    if argon2id is None:
        return False
    known_once(argon2id, "argon2id", f"{where}: argon2id")
    check_salt(field(argon2id, "salt", str, f"{where}: argon2id", "7.4"), "7.4")
    check_cost(*(field(argon2id, name, int, f"{where}: argon2id", "7.4")
                 for name in ("memory_kib", "iterations", "lanes")), "7.4")
    return True


def check_credential(credential, where: str) -> tuple[str, str, str]:
    """Its kind, its place and its user name."""
    need(isinstance(credential, dict), "7.6", f"{where} is not an object")
    known_once(credential, "credential", where)
    kind = field(credential, "kind", str, where, "7.6")
    need(re.fullmatch(r"[a-z0-9-]{1,64}", kind) is not None, "7.6", f"{where}: malformed kind")
    place = field(credential, "where", str, where, "7.6")
    username = field(credential, "username", str, where, "7.6", required=False) or ""
    for text, least in ((place, 1), (username, 0)):
        need(least <= len(text) <= 2048 and not any(unicodedata.category(c) == "Cc" for c in text), "7.6",
             f"{where}: where or username is empty, too long or has control characters")
    for name, required in (("secret", True), ("second_secret", False)):
        secret = field(credential, name, str, where, "7.6", required)
        need(secret is None or len(secret.encode()) <= 1 << 20, "7.6", f"{where}: {name} has more than 1,048,576 bytes")
    check_time(field(credential, "stored_at", str, where, "7.6"), f"{where}: stored_at")
    expires = field(credential, "expires_at", str, where, "7.6", required=False)
    if expires is not None:
        check_time(expires, f"{where}: expires_at")
    return kind, place, username


def check_contents(vault: Object) -> None:
    need("format" not in vault.repeated, "7.1", "the vault has format twice")
    if vault.get("format") != "cldkctl-vault":
        raise bad("7.1", "the contents are not a vault's", "foreign")
    known_once(vault, "vault", "the vault", only="version")
    version = vault.get("version")
    if isinstance(version, (int, LargeInteger)) and not isinstance(version, bool) and version > 1:
        raise bad("7.1", "the contents are of a newer version", "newer")
    need(field(vault, "version", int, "the vault", "7.2") == 1, "7.2", "version is not 1")
    known_once(vault, "vault", "the vault")
    need(not any(isinstance(one, float) and math.isinf(one) for one in values_in(vault)), "7.5",
         "a number is beyond a double")
    identifier = field(vault, "id", str, "the vault", "7.2")
    need(re.fullmatch(r"[0-9a-f]{32}", identifier) is not None, "7.2", "id is not of 32 lower-case hexadecimal digits")
    revision = field(vault, "revision", int, "the vault", "7.2")
    need(1 <= revision < 1 << 53, "7.2", "revision is not within 1 and 2^53 - 1")

    contexts = field(vault, "contexts", list, "the vault", "7.2")
    names = [check_context(context, f"context {i}") for i, context in enumerate(contexts, 1)]
    need(len(set(names)) == len(names), "7.3", "two contexts have the same name")
    current = field(vault, "current_context", str, "the vault", "7.2", required=False)
    need(current is None or current in names, "7.2", "current_context names no context")

    recipients = field(vault, "recipients", list, "the vault", "7.2")
    need(bool(recipients), "7.2", "there is no recipient")
    with_argon2id = [check_recipient(recipient, f"recipient {i}") for i, recipient in enumerate(recipients, 1)]
    need(sum(with_argon2id) <= 1, "7.4", "more than one recipient has argon2id")

    credentials = field(vault, "credentials", list, "the vault", "7.2", required=False) or []
    keys = [check_credential(credential, f"credential {i}") for i, credential in enumerate(credentials, 1)]
    need(len(set(keys)) == len(keys), "7.6", "two credentials are for the same place and user")


# --- The command ------------------------------------------------------------------------------------------------------


def open_vault(path: str, passphrase: bytes | None, identity_file: str | None) -> Object:
    """Section 6, in its order. One of `passphrase` and `identity_file` is given."""
    vault = remove_armor(read_file(path))
    stanzas = parse_header(vault)
    if passphrase is not None:
        newer, parameters = kdf_parameters(stanzas)
        identity = bech32_identity(derive(passphrase, *parameters))
        plain = decrypt_with_altered_version(vault, identity) if newer else decrypt_with_text(vault, identity)
    else:
        plain = decrypt_with_file(vault, identity_file)
    contents = parse_json(plain)
    check_contents(contents)
    return contents


def main() -> int:
    parser = argparse.ArgumentParser(description="Read a cldkctl vault with age and argon2.")
    parser.add_argument("vault")
    key = parser.add_mutually_exclusive_group()
    key.add_argument("--passphrase-file", metavar="FILE", help="instead of the passphrase on standard input")
    key.add_argument("--identity", metavar="FILE", help="an age identity that opens the vault instead of a passphrase")
    args = parser.parse_args()
    try:
        passphrase = None
        if args.identity is None:
            try:
                if args.passphrase_file is None:
                    passphrase = sys.stdin.buffer.read()
                else:
                    with open(args.passphrase_file, "rb") as file:
                        passphrase = file.read()
            except OSError as error:
                raise Failure(1, f"{args.passphrase_file}: {error.strerror}") from None
        contents = open_vault(args.vault, passphrase, args.identity)
    except Failure as failure:
        print(f"read_vault: {args.vault}: {failure}", file=sys.stderr)
        return failure.code
    sys.stdout.buffer.write(json.dumps(contents, ensure_ascii=False, indent=2).encode() + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
