#!/usr/bin/env python3
"""Makes the vaults of this folder and vectors.json, the same bytes at every run.

Not run by CI: a vector that is committed never changes, or it would stop saying that old vaults still open. Add new
ones at the end of their group; `git diff --stat` after a run has to show additions only.

Each bad vault breaks one rule and is otherwise in order: made with the right key, its MAC recomputed where the rule
is not about the MAC, so that a reader which forgets the rule opens it. Section numbers are those of vault-format.md.
"""

import base64
import copy
import hashlib
import json
import pathlib
import sys

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

import agefile as a
import make_example
import more_vectors

HERE = pathlib.Path(__file__).resolve().parent
SMALL = (19456, 2, 1)
PASSPHRASE = "test vectors are no secret"
TAG = "cldkctl-argon2id"

MACHINE = hashlib.sha256(b"cldkctl test vectors: machine.key").digest()
STRANGER = hashlib.sha256(b"cldkctl test vectors: stranger.key").digest()

manifest = []


def write(name: str, data: bytes) -> None:
    (HERE / name).write_bytes(data)


def entry(file: str, why: str, code: int, contents=None, passphrase: str | None = PASSPHRASE, identity: str | None = None):
    line = {"file": file}
    if identity:
        line["identity"] = identity
    else:
        line["passphrase"] = passphrase
    line |= {"exit": code, "why": why}
    if code == 0:
        line["contents"] = file.removesuffix(".age") + ".json"
        write(line["contents"], a.to_json(contents, indent=2) + b"\n")
    manifest.append(line)


class Vault:
    """A vault in the making: an ordinary one until a vector changes something of it."""

    def __init__(self, name: str, passphrase: str | None = PASSPHRASE, cost=SMALL, salt: str | None = None,
                 others: list[bytes] = ()):
        self.seed = a.Seed(name)
        self.cost = cost
        self.salt = salt or a.b64(self.seed.bytes("salt", 16))
        self.file_key = self.seed.bytes("file key", 16)
        self.nonce = self.seed.bytes("nonce", 16)
        self.key = a.argon2id(passphrase, self.salt, *cost) if passphrase is not None else None
        self.kdf = a.stanza([TAG, "v1", self.salt, *map(str, cost)]) if self.key else None
        self.wraps = [a.x25519_stanza(self.file_key, a.public(key), self.seed.bytes(f"ephemeral {i}", 32))
                      for i, key in enumerate(([self.key] if self.key else []) + list(others))]
        recipients = [{"recipient": a.recipient(key), "label": "machine"} for key in others]
        if self.key:
            recipients.insert(0, {"recipient": a.recipient(self.key), "argon2id": {
                "salt": self.salt, "memory_kib": cost[0], "iterations": cost[1], "lanes": cost[2]}})
        self.contents = {
            "format": "cldkctl-vault", "version": 1, "id": self.seed.bytes("id", 16).hex(), "revision": 1,
            "current_context": "default",
            "contexts": [context("default")],
            "recipients": recipients,
        }

    def stanzas(self) -> list[str]:
        return ([self.kdf] if self.kdf else []) + self.wraps

    def sealed(self, stanzas: list[str] | None = None, plain: bytes | None = None) -> bytes:
        return a.seal(self.file_key, self.stanzas() if stanzas is None else stanzas, self.nonce,
                      a.to_json(self.contents) if plain is None else plain)


def context(name: str) -> dict:
    return {"name": name, "base_url": "https://ai.cloudeka.id", "token": f"token-of-{name}",
            "verified_at": "2025-01-02T03:04:05Z", "account": {}}


# --- Good vaults ------------------------------------------------------------------------------------------------------


def good(name: str, why: str, change=None, armored=False, seal=lambda v: v.sealed(), typed: str | None = None, **options):
    """`typed` is the passphrase as the manifest has it, when it differs from the one the vault was made with."""
    vault = Vault(name, **options)
    if change:
        change(vault.contents)
    data = seal(vault)
    write(name + ".age", a.armor(data) if armored else data)
    if options.get("passphrase", PASSPHRASE) is not None:
        entry(name + ".age", why, 0, vault.contents, passphrase=typed or options.get("passphrase", PASSPHRASE))
    return vault


def good_vaults():
    entry("worked-example.age", "Section 11's example, armored, with a decomposed passphrase and a newline after it.", 0,
          make_example.contents(a.argon2id(make_example.PASSPHRASE, make_example.SALT, *make_example.COST)),
          passphrase=make_example.PASSPHRASE)

    good("good-plain", "An ordinary vault: one context, one passphrase.")
    good("good-armored", "The same, armored.", armored=True)
    name = "good-armored-crlf"
    vault = Vault(name)
    write(name + ".age", a.armor(vault.sealed()).replace(b"\n", b"\r\n") + b" \t\r\n\r\n")
    entry(name + ".age", "3.3: armor with CRLF, and white space after it.", 0, vault.contents)

    good("good-passphrase-nfc", "5: sealed under the composed form, opened with the decomposed one that some systems type.",
         passphrase="na\u00efve caf\u00e9 \u1e9b\u0323 \ud55c", typed="nai\u0308ve cafe\u0301 \u017f\u0323\u0307 \u1112\u1161\u11ab")
    good("good-passphrase-newline", "5: one newline after the passphrase is cut.", typed=PASSPHRASE + "\n")
    good("good-passphrase-crlf", "5: so is one CR LF.", typed=PASSPHRASE + "\r\n")
    good("good-passphrase-blanks", "5: blanks around the passphrase belong to it.", passphrase=" \ttwo  blanks ")
    good("good-passphrase-127-bytes", "5: as long as the argon2 command can take.", passphrase="0123456789abcdef" * 7 + "0123456789abcde")
    good("good-four-lanes", "64 MiB, one iteration, four lanes.", cost=(65536, 1, 4))

    vault = good("good-two-recipients", "A passphrase and a machine key; opened by the passphrase.", others=[MACHINE])
    entry("good-two-recipients.age", "A passphrase and a machine key; opened by the machine key.", 0, vault.contents, identity="machine.key")
    vault = good("good-recipients-only", "", passphrase=None, others=[MACHINE])
    entry("good-recipients-only.age", "No KDF stanza: no passphrase opens it, the machine key does.", 0, vault.contents, identity="machine.key")
    entry("good-recipients-only.age", "4.3: no KDF stanza, so that no passphrase can be right.", 5)

    def unknown(contents):
        extra = {"null": None, "true": True, "large": 2**64 - 1, "small": -2**63, "double": 0.1, "text": "\u00e4 \U0001f511 \u0007 \"",
                 "array": [3, 1, 2, []], "object": {"token": 1, "name": None}}
        contents |= {"x_vault": extra}
        contents["contexts"][0] |= {"x_context": extra, "account": {"email": "someone@example.com", "projects": [{"id": 1}]},
                                    "session": {"token": "session", "expires_at": "2025-01-02T04:04:05Z", "x_session": extra},
                                    "defaults": {"project": "p-1", "x_defaults": extra}}
        contents["recipients"][0] |= {"x_recipient": extra}
        contents["recipients"][0]["argon2id"] |= {"x_argon2id": extra}
    good("good-unknown-fields", "7.5: fields that version 1 does not know, at every level, of every type.", unknown)

    def grease(vault):
        body = vault.seed.bytes
        return vault.sealed([
            a.stanza(["]q-grease"]), vault.wraps[0],
            a.stanza(["a-grease", "!~", "v1"], body("a", 48)),     # a full line, and the empty one that has to follow
            a.stanza(["cldkctl-argon2id-grease", "v1"], body("b", 97)),
            vault.kdf,
            a.stanza(["example.com/enigma", "x" * 100], body("c", 1))])
    good("good-grease", "4.2: stanzas of other tags are ignored, and the order of stanzas does not matter.", seal=grease)

    def three(contents):
        contents["contexts"] = [
            context("default") | {"session": {"token": "session-1", "expires_at": "2025-01-02T04:04:05.123456789Z"}},
            context("staging@jkt:2") | {"base_url": "http://127.0.0.1:8080/api/v1", "session": {"token": "session-2", "expires_at": "2025-01-02T04:04:05Z"}},
            context(".c_3-") | {"base_url": "https://staging.example.com:8443", "defaults": {"namespace": "n", "project": "p", "registry": "r", "organization": "o", "editor": "ed -s"}}]
        contents["current_context"] = "staging@jkt:2"
        contents["revision"] = 42
    good("good-three-contexts", "Three contexts, two of them with sessions, one with defaults.", three)

    def empty(contents):
        contents["contexts"] = []
        del contents["current_context"]
    good("good-empty", "No contexts, and so no current one.", empty)

    def bounds(contents):
        contents["revision"] = 2**53 - 1
        contents["contexts"] = [
            context("a" * 64) | {"token": "".join(map(chr, range(0x21, 0x7F))), "base_url": "http://[::1]:65535"},
            context("b") | {"token": "t" * 8192, "base_url": "http://localhost", "verified_at": "2024-02-29T23:59:59.5Z"},
            context("B") | {"base_url": "http://127.255.0.1"}]
        contents["current_context"] = "B"
    good("good-bounds", "Fields at their bounds; names that differ in case only.", bounds)
    good("good-no-current-context", "7.2: contexts, and none of them selected.", lambda c: c.pop("current_context"))
    good("good-json-dress", "7.1: white space around the object, escapes in names.",
         seal=lambda v: v.sealed(plain=b" \r\n\t" + a.to_json(v.contents, indent=1).replace(b'"format"', b'"\\u0066ormat"') + b"\n\n"))
    def nested(contents):
        value = []
        for _ in range(63):  # the object around it is the 64th
            value = [value]
        contents["x_nested"] = value[0]
    good("good-nested", "7.1: arrays in the object, 64 deep with it.", nested)
    good("good-header-65536-bytes", "3.2: a header of exactly 64 KiB.", seal=lambda v: padded_header(v, 65536))

    def others(contents):
        contents["recipients"] += [{"recipient": recipient} for recipient in (
            "age1future1qqqq", "something else entirely", "ssh-ed25519 AAAA", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB", "ssh-rsa !",
            "age1", a.recipient(STRANGER)[:-1] + "q",
            ssh_key("ssh-ed25519", (2).to_bytes(32, "little")),   # no point of the curve
            a.bech32("age", (9 | 1 << 255).to_bytes(32, "little")),
            ssh_key("ssh-rsa", mpint(3), mpint(MODULUS)), ssh_key("ssh-rsa", mpint(65537), mpint(1 << 5000 | 1)))]
    good("good-recipients-not-understood", "7.4: a reader need not understand a recipient; none of these opens to everybody.", others)
    good_credentials()


def credential(**fields) -> dict:
    return {"kind": "docker", "where": "registry.example", "username": "sari", "secret": "hunter2",
            "stored_at": "2025-01-02T03:04:05Z"} | fields


def good_credentials():
    def several(contents):
        extra = {"null": None, "large": 2**64 - 1, "array": [3, 1, 2, []], "object": {"secret": 1}}
        contents["credentials"] = [
            credential(), credential(username="ben"), credential(kind="git", where="https://git.example/team"),
            credential(kind="aws", where="https://s3.example", second_secret="session", expires_at="2025-01-02T04:04:05.5Z"),
            credential(kind="teleport-2", where="somewhere else, in \U0001f30d", x_credential=extra),
            credential(where="https://index.docker.io/v1/", secret="\u0000\u0007\r\n\"\\ \u00e4\u202e \U0001f511")]
        del contents["credentials"][2]["username"]
    good("good-credentials", "7.6: credentials of known and unknown kinds, with secrets of any characters.", several)

    def bounds(contents):
        contents["credentials"] = [
            credential(kind="a" * 64, where="\u00e4" * 2048, username="\U0001f511" * 2048, secret=""),
            credential(username="Sari"), credential(where="Registry.example"),
            credential(username="s\u00e4ri"), credential(username="sa\u0308ri")]
    good("good-credentials-bounds", "7.6: fields at their bounds; places and names that differ in case or composition only.", bounds)


def bad_credentials(raw, bad):
    def one(name, why, **fields):
        bad("credential-" + name, f"7.6: {why}.", lambda c: c.update(credentials=[credential(**fields)]))
    bad("credentials-null", "7.1: null is not absence.", lambda c: c.update(credentials=None))
    bad("credentials-object", "7.2: credentials by name.", lambda c: c.update(credentials={"docker": credential()}))
    bad("credential-null", "7.6: a credential that is null.", lambda c: c.update(credentials=[None]))
    for name in ("kind", "where", "secret", "stored_at"):
        def without(contents, name=name):
            contents["credentials"] = [credential()]
            del contents["credentials"][0][name]
        bad(f"credential-{name.replace('_', '-')}-missing", f"7.6: a credential without {name}.", without)
    one("kind-empty", "a kind that is empty", kind="")
    one("kind-65", "a kind of 65 characters", kind="a" * 65)
    one("kind-capital", "a kind with a capital", kind="Docker")
    one("kind-newline", "a kind with a newline after it", kind="docker\n")
    one("where-empty", "where is empty", where="")
    one("where-2049", "where has 2049 characters", where="a" * 2049)
    one("where-control", "where has a control character", where="registry.example\u0085")
    one("where-newline", "where has a newline after it", where="registry.example\n")
    one("username-2049", "a user name of 2049 characters", username="a" * 2049)
    one("username-control", "a user name with a control character", username="sa\u0000ri")
    one("username-null", "a user name that is null", username=None)
    one("secret-null", "a secret that is null", secret=None)
    one("secret-number", "a secret that is a number", secret=1)
    one("second-secret-null", "a second secret that is null", second_secret=None)
    one("stored-at-offset", "stored_at not in UTC", stored_at="2025-01-02T03:04:05+07:00")
    one("expires-at-null", "expires_at that is null", expires_at=None)
    one("expires-at-date", "expires_at without a time of day", expires_at="2025-01-02")
    bad("credential-twice", "7.6: two credentials for one place and user.", lambda c: c.update(credentials=[credential(), credential(secret="other")]))
    def no_name_twice(contents):
        contents["credentials"] = [credential(username=""), credential()]
        del contents["credentials"][1]["username"]
    bad("credential-twice-no-name", "7.6: an absent user name is the same as an empty one.", no_name_twice)
    raw("duplicate-secret", "7.1: a credential's secret twice.",
        lambda p: p[:-1] + b',"credentials":[' + a.to_json(credential())[:-1] + b',"secret":"another"}]}')


def padded_header(vault: Vault, size: int) -> bytes:
    """The vault with one long stanza, so that the header has `size` bytes."""
    def header_size(stanzas):
        return len("age-encryption.org/v1\n") + sum(map(len, stanzas)) + len("--- \n") + 43
    body = bytes(48 * 900)
    bare = header_size(vault.stanzas() + [a.stanza(["pad-grease", ""], body)])
    return vault.sealed(vault.stanzas() + [a.stanza(["pad-grease", "x" * (size - bare)], body)])


# --- The wrong key ----------------------------------------------------------------------------------------------------


def wrong_keys():
    entry("good-plain.age", "Another passphrase.", 5, passphrase="test vectors are a secret")
    entry("good-plain.age", "5: only one newline is cut.", 5, passphrase=PASSPHRASE + "\n\n")
    entry("good-plain.age", "5: blanks are not cut.", 5, passphrase=PASSPHRASE + " ")
    entry("good-plain.age", "5: NFC is not a change of case.", 5, passphrase=PASSPHRASE.title())
    entry("good-two-recipients.age", "An identity that is not among the recipients.", 5, identity="stranger.key")
    entry("good-plain.age", "An identity, where only a passphrase opens.", 5, identity="machine.key")

    def altered(name, why, change, code=5):
        vault = Vault(name)
        data = change(vault, vault.sealed())
        write(name + ".age", data)
        entry(name + ".age", why, code)

    def flip_body(vault, data):
        wrapped = vault.wraps[0].splitlines()[1]
        return data.replace(wrapped.encode(), (("B" if wrapped[0] == "A" else "A") + wrapped[1:]).encode())
    altered("wrong-x25519-body", "6, step 7: an altered body cannot be told from a wrong passphrase.", flip_body)
    altered("wrong-salt", "6, step 7: another salt gives another key, before the MAC can be checked.",
            lambda v, d: d.replace(v.salt.encode(), (("B" if v.salt[0] == "A" else "A") + v.salt[1:]).encode()))
    altered("wrong-cost", "6, step 7: so does another cost.", lambda v, d: d.replace(b" 19456 2 1\n", b" 19456 3 1\n"))
    altered("wrong-kdf-removed", "4.3: the KDF stanza cut out of the header: no passphrase opens it.",
            lambda v, d: d.replace(v.kdf.encode(), b""))
    altered("wrong-tag-case", "4.1: the tag's case matters, so this has no KDF stanza.",
            lambda v, d: v.sealed([v.kdf.replace("argon2id", "Argon2id")] + v.wraps))


# --- The file ---------------------------------------------------------------------------------------------------------


def bad_files():
    def bad(name, why, change, **options):
        vault = Vault(name, **options)
        write(name + ".age", change(vault, vault.sealed()))
        entry(name + ".age", why, 6)

    def end_of_header(data):
        return data.index(b"\n--- ") + 1 + 4 + 43 + 1

    def flip(data, at):
        return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]

    def flip_mac(vault, data):
        at = data.index(b"\n--- ") + 5
        return data[:at] + (b"B" if data[at:at + 1] == b"A" else b"A") + data[at + 1:]

    bad("file-empty", "3: no bytes at all.", lambda v, d: b"")
    bad("file-text", "3: not an age file.", lambda v, d: b"This is no vault.\n")
    bad("file-json", "3: the contents, not encrypted.", lambda v, d: a.to_json(v.contents))
    bad("file-age-v2", "6, step 3: a newer age format.", lambda v, d: d.replace(b"org/v1\n", b"org/v2\n"))
    bad("file-age-v0", "6, step 3: no such version of age.", lambda v, d: d.replace(b"org/v1\n", b"org/v0\n"))
    bad("file-age-w1", "6, step 3: a bit of the version line flipped.", lambda v, d: d.replace(b"org/v1\n", b"org/w1\n"))
    bad("file-stanza-malformed", "6, step 4: a bit of a stanza's first line flipped.", lambda v, d: d.replace(b"-> X", b"-. X"))
    bad("file-leading-newline", "3.3: something before the age file.", lambda v, d: b"\n" + d)
    bad("file-crlf", "6, step 4: the binary header's lines end in LF.",
        lambda v, d: d[:end_of_header(d)].replace(b"\n", b"\r\n") + d[end_of_header(d):])
    bad("file-truncated-version", "Ends in the version line.", lambda v, d: d[:12])
    bad("file-truncated-header", "Ends in a stanza.", lambda v, d: d[:d.index(b"-> X25519") + 30])
    bad("file-truncated-mac", "Ends in the MAC.", lambda v, d: d[:end_of_header(d) - 5])
    bad("file-no-nonce", "Ends with the header.", lambda v, d: d[:end_of_header(d)])
    bad("file-truncated-nonce", "Ends in the nonce.", lambda v, d: d[:end_of_header(d) + 8])
    bad("file-no-payload", "Ends with the nonce.", lambda v, d: d[:end_of_header(d) + 16])
    bad("file-truncated-payload", "Ends in the payload.", lambda v, d: d[:-40])
    bad("file-last-byte-missing", "Lacks its last byte.", lambda v, d: d[:-1])
    bad("file-trailing-byte", "Has a byte after its end.", lambda v, d: d + b"\n")
    bad("file-trailing-vault", "Has itself after its end.", lambda v, d: d + d)
    bad("file-mac-altered", "Another MAC.", flip_mac)
    bad("file-mac-not-canonical", "A MAC whose base64 has unused bits set.",
        lambda v, d: d[:end_of_header(d) - 2] + bytes([d[end_of_header(d) - 2] + 1]) + d[end_of_header(d) - 1:])
    bad("file-nonce-altered", "A bit of the nonce flipped.", lambda v, d: flip(d, end_of_header(d)))
    bad("file-payload-altered", "A bit of the payload flipped.", lambda v, d: flip(d, end_of_header(d) + 16 + 100))
    bad("file-tag-altered", "A bit of the payload's tag flipped.", lambda v, d: flip(d, len(d) - 1))
    bad("file-stanza-added", "A stanza inserted without the file key: the MAC fails.",
        lambda v, d: d.replace(b"\n-> X25519", b"\n" + a.stanza(["x-grease"]).encode() + b"-> X25519"))
    bad("file-stanzas-swapped", "The order of stanzas changed without the file key: the MAC fails.",
        lambda v, d: d.replace("".join(v.stanzas()).encode(), "".join(reversed(v.stanzas())).encode()))
    bad("file-not-final-chunk", "The payload's only chunk is not marked as the final one.", not_final)
    bad("file-x25519-body-33-bytes", "6, step 7: an X25519 stanza whose body is not of 32 bytes.",
        lambda v, d: v.sealed([v.kdf, v.wraps[0].splitlines()[0] + "\n" + a.b64(bytes(33)) + "\n"]))
    bad("file-header-65537-bytes", "3.2: a header of one byte more than 64 KiB.", lambda v, d: padded_header(v, 65537))
    bad("file-scrypt", "3.1: what `age -p` makes is no vault, whatever is in it.", lambda v, d: scrypt(v))

    bad("armor-truncated", "3.3: no last line.", lambda v, d: a.armor(d).replace(b"-----END AGE ENCRYPTED FILE-----\n", b""))
    bad("armor-trailing", "3.3: something after the armor.", lambda v, d: a.armor(d) + b"x\n")
    bad("armor-leading-newline", "3.3: something before the armor.", lambda v, d: b"\n" + a.armor(d))
    bad("armor-long-line", "3.3: a line of more than 64 columns.", lambda v, d: a.armor(d).replace(b"\n", b"\0", 1).replace(b"\n", b"", 1).replace(b"\0", b"\n"))
    bad("armor-blank-line", "3.3: an empty line within.", lambda v, d: a.armor(d).replace(b"-----\n", b"-----\n\n", 1))
    bad("armor-not-base64", "3.3: a character that is not base64's.", lambda v, d: a.armor(d).replace(b"\nYWdl", b"\nYWd*"))
    bad("armor-other-label", "3.3: another label.", lambda v, d: a.armor(d).replace(b"AGE ENCRYPTED FILE", b"CLDKCTL VAULT"))


def not_final(vault: Vault, data: bytes) -> bytes:
    start = data.index(b"\n--- ") + 1 + 4 + 43 + 1 + 16
    key = a.hkdf(vault.file_key, vault.nonce, b"payload")
    return data[:start] + ChaCha20Poly1305(key).encrypt(bytes(12), a.to_json(vault.contents), None)


def scrypt(vault: Vault) -> bytes:
    salt = vault.seed.bytes("scrypt", 16)
    wrap_key = hashlib.scrypt(PASSPHRASE.encode(), salt=b"age-encryption.org/v1/scrypt" + salt, n=1 << 10, r=8, p=1, dklen=32)
    body = ChaCha20Poly1305(wrap_key).encrypt(bytes(12), vault.file_key, None)
    return vault.sealed([a.stanza(["scrypt", a.b64(salt), "10"], body)])


# --- The KDF stanza ---------------------------------------------------------------------------------------------------


def bad_stanzas():
    def bad(name, why, args=None, body=b"", salt=None, cost=SMALL, stanzas=None):
        """`args` makes the stanza's arguments from the salt; the key is that of `salt` and `cost`."""
        vault = Vault(name, salt=salt, cost=cost)
        if args:
            vault.kdf = a.stanza([TAG, *args(vault.salt)], body)
        write(name + ".age", vault.sealed(stanzas(vault) if stanzas else None))
        entry(name + ".age", why, 6)

    def seeded(name):
        return a.b64(a.Seed(name).bytes("salt", 16))

    name = "kdf-v2"
    vault = Vault(name, others=[MACHINE])
    vault.kdf = a.stanza([TAG, "v2", "argon2id+x", "what", "ever"], b"a body")
    write(name + ".age", vault.sealed())
    entry(name + ".age", "4.1: a newer stanza, which has arguments of its own.", 6)
    entry(name + ".age", "4.3: another identity does not need the stanza.", 0, vault.contents, identity="machine.key")

    bad("kdf-v0", "4.1: no such version.", lambda s: ["v0", s, "19456", "2", "1"])
    bad("kdf-v01", "4.1: a version with a leading zero.", lambda s: ["v01", s, "19456", "2", "1"])
    bad("kdf-v1-capital", "4.1: the version's case matters.", lambda s: ["V1", s, "19456", "2", "1"])
    bad("kdf-no-version", "4.1: no version.", lambda s: [s, "19456", "2", "1"])
    bad("kdf-no-arguments", "4.1: nothing but the tag.", lambda s: [])
    bad("kdf-argument-missing", "4.1: no lanes.", lambda s: ["v1", s, "19456", "2"])
    bad("kdf-argument-extra", "4.1: one argument too many.", lambda s: ["v1", s, "19456", "2", "1", "0"])
    bad("kdf-body", "4.1: a body that is not empty.", lambda s: ["v1", s, "19456", "2", "1"], body=b"\0")
    bad("kdf-twice", "4.2: the same stanza twice.", stanzas=lambda v: [v.kdf, v.kdf] + v.wraps)
    bad("kdf-twice-other-salt", "4.2: two stanzas, the second for another salt.",
        stanzas=lambda v: [v.kdf] + v.wraps + [v.kdf.replace(v.salt, seeded("another"))])
    bad("kdf-twice-v2", "4.2: two stanzas, one of a newer version.",
        stanzas=lambda v: [v.kdf] + v.wraps + [a.stanza([TAG, "v2"])])
    bad("kdf-v3-in-the-form-of-v1", "6: a newer version that derives as this one does, so its version was altered.", lambda s: ["v3", s, "19456", "2", "1"])
    entry("kdf-v3-in-the-form-of-v1.age", "6: the wrong passphrase, or a newer version.", 6, passphrase="test vectors are a secret")

    bad("kdf-salt-21", "4.1: a salt of 21 characters.", salt=seeded("kdf-salt-21")[:21])
    bad("kdf-salt-23", "4.1: a salt of 23 characters.", salt=seeded("kdf-salt-23") + "A")
    bad("kdf-salt-padded", "4.1: a salt with padding.", salt=seeded("kdf-salt-padded") + "==")
    bad("kdf-salt-not-canonical", "4.1: a salt whose unused bits are set.", salt=seeded("kdf-salt-not-canonical")[:21] + "B")
    bad("kdf-salt-url-safe", "4.1: a salt of the URL-safe alphabet.", salt="-_" + seeded("kdf-salt-url-safe")[2:])

    bad("kdf-memory-leading-zero", "4.1: a leading zero.", lambda s: ["v1", s, "019456", "2", "1"])
    bad("kdf-iterations-plus", "4.1: a sign.", lambda s: ["v1", s, "19456", "+2", "1"])
    bad("kdf-iterations-negative", "4.1: a negative number.", lambda s: ["v1", s, "19456", "-2", "1"])
    bad("kdf-iterations-word", "4.1: a word.", lambda s: ["v1", s, "19456", "two", "1"])
    bad("kdf-iterations-hex", "4.1: a number in hexadecimal.", lambda s: ["v1", s, "19456", "0x2", "1"])
    bad("kdf-iterations-fraction", "4.1: a fraction.", lambda s: ["v1", s, "19456", "2.0", "1"])
    bad("kdf-memory-zero", "4.1: no memory.", lambda s: ["v1", s, "0", "2", "1"])
    bad("kdf-iterations-zero", "4.1: no iterations.", lambda s: ["v1", s, "19456", "0", "1"])
    bad("kdf-lanes-zero", "4.1: no lanes.", lambda s: ["v1", s, "19456", "2", "0"])
    bad("kdf-memory-below-lanes", "4.1: less than 8 KiB of memory for each lane.", lambda s: ["v1", s, "31", "2", "4"])
    bad("kdf-iterations-2-to-32", "4.1: a number of more than 32 bits.", lambda s: ["v1", s, "19456", "4294967296", "1"])
    bad("kdf-iterations-wraps", "4.1: a number that is 2 modulo 2^32.", lambda s: ["v1", s, "19456", "4294967298", "1"])
    bad("kdf-memory-wraps", "4.1: a number that is 19456 modulo 2^64.", lambda s: ["v1", s, str(2**64 + 19456), "2", "1"])
    bad("kdf-iterations-2-to-32-less-1", "4.4: the largest number there is, far above the ceiling.", lambda s: ["v1", s, "19456", "4294967295", "1"])
    bad("kdf-memory-64-gib", "4.4: 64 GiB.", lambda s: ["v1", s, str(64 << 20), "2", "1"])
    bad("kdf-memory-above-ceiling", "4.4: 1 KiB above the ceiling.", lambda s: ["v1", s, str((4 << 20) + 1), "1", "1"])
    bad("kdf-iterations-above-ceiling", "4.4: 65 iterations, under the right key.", cost=(8, 65, 1))
    bad("kdf-lanes-above-ceiling", "4.4: 65 lanes, under the right key.", cost=(520, 1, 65))


# --- The contents -----------------------------------------------------------------------------------------------------


def bad_contents():
    def raw(name, why, plain):
        vault = Vault("contents-" + name)
        write(f"contents-{name}.age", vault.sealed(plain=plain(a.to_json(vault.contents))))
        entry(f"contents-{name}.age", why, 6)

    def bad(name, why, change):
        def changed(plain):
            contents = json.loads(plain)
            change(contents)
            return a.to_json(contents)
        raw(name, why, changed)

    def put(*path_and_value):
        *path, last, value = path_and_value
        def change(contents):
            for step in path:
                contents = contents[step]
            contents[last] = value
        return change

    def drop(*path):
        *path, last = path
        def change(contents):
            for step in path:
                contents = contents[step]
            del contents[last]
        return change

    raw("not-json", "7.1: an age file of something else.", lambda p: b"Dear diary, today I sealed a vault.\n")
    raw("other-json", "7.1: an age file of other JSON.", lambda p: b'{"name":"cldkctl","version":1}')
    raw("empty", "7.1: no contents.", lambda p: b"")
    raw("array", "7.1: not an object.", lambda p: b"[" + p + b"]")
    raw("truncated-json", "7.1: the object does not end.", lambda p: p[:-1])
    raw("trailing-bytes", "7.1: something after the object.", lambda p: p + b"\n0")
    raw("trailing-nul", "7.1: a zero byte after the object.", lambda p: p + b"\0")
    raw("two-objects", "7.1: the object twice.", lambda p: p + p)
    raw("byte-order-mark", "7.1: a byte order mark.", lambda p: b"\xef\xbb\xbf" + p)
    raw("utf-16", "7.1: not UTF-8.", lambda p: p.decode().encode("utf-16"))
    raw("latin-1", "7.1: a string that is not UTF-8.", lambda p: p.replace(b'"account":{}', b'"account":{"name":"Andr\xe9"}'))
    raw("lone-surrogate", "7.1: a string that is not Unicode.", lambda p: p.replace(b'"account":{}', b'"account":{"name":"\\ud83d"}'))
    raw("nan", "7.1: NaN is not JSON.", lambda p: p.replace(b'"account":{}', b'"account":{"n":NaN}'))
    raw("number-too-large", "7.5: a number beyond the doubles.", lambda p: p.replace(b'"account":{}', b'"account":{"n":1e400}'))
    raw("comment", "7.1: comments are not JSON.", lambda p: b"/* */" + p)
    raw("duplicate-version", "7.1: version twice.", lambda p: p.replace(b'"version":1', b'"version":1,"version":1'))
    raw("duplicate-token", "7.1: a context's token twice.", lambda p: p.replace(b'"account":{}', b'"account":{},"token":"another"'))
    raw("duplicate-escaped", "7.1: revision twice, once with an escape in its name.", lambda p: p.replace(b'"revision":1', b'"revision":1,"\\u0072evision":2'))
    raw("duplicate-argon2id", "7.1: the salt of argon2id twice.", lambda p: p.replace(b'"memory_kib"', b'"salt":"AAECAwQFBgcICQoLDA0ODw","memory_kib"'))

    bad("format-missing", "7.1: no format.", drop("format"))
    bad("format-other", "7.1: the format of something else.", put("format", "cldkctl-vaults"))
    bad("format-null", "7.1: format is null.", put("format", None))
    bad("version-2", "7.1: newer contents.", put("version", 2))
    def newer(contents):
        keep = contents["format"]
        contents.clear()
        contents |= {"format": keep, "version": 3, "sealed": []}
    bad("version-3", "7.1: newer contents that have nothing else of version 1.", newer)
    bad("version-0", "7.2: there was no version 0.", put("version", 0))
    bad("version-string", "7.2: version is a string.", put("version", "1"))
    bad("version-true", "7.2: version is a boolean.", put("version", True))
    raw("version-fraction", "7.2: version has a fraction.", lambda p: p.replace(b'"version":1', b'"version":1.0'))
    bad("version-missing", "7.2: no version.", drop("version"))
    bad("id-missing", "7.2: no id.", drop("id"))
    bad("id-capitals", "7.2: an id in capitals.", put("id", "ABCDEF0123456789ABCDEF0123456789"))
    bad("id-short", "7.2: an id of 31 digits.", put("id", "0" * 31))
    bad("id-newline", "7.2: an id with a newline after it.", put("id", "0" * 32 + "\n"))
    bad("revision-missing", "7.2: no revision.", drop("revision"))
    bad("revision-0", "7.2: revision 0.", put("revision", 0))
    bad("revision-negative", "7.2: revision -1.", put("revision", -1))
    bad("revision-2-to-53", "7.2: revision 2^53.", put("revision", 2**53))
    raw("revision-exponent", "7.1: revision with an exponent.", lambda p: p.replace(b'"revision":1', b'"revision":1e0'))
    bad("revision-string", "7.2: revision is a string.", put("revision", "1"))
    bad("current-context-unknown", "7.2: current_context names none.", put("current_context", "other"))
    bad("current-context-null", "7.1: null is not absence.", put("current_context", None))
    bad("current-context-of-none", "7.2: current_context without contexts.", put("contexts", []))
    bad("contexts-missing", "7.2: no contexts.", lambda c: (c.pop("contexts"), c.pop("current_context")))
    bad("contexts-object", "7.2: contexts by name.", lambda c: c.update(contexts={"default": c["contexts"][0]}))
    bad("context-null", "7.3: a context that is null.", lambda c: c["contexts"].append(None))
    bad("context-duplicate", "7.3: two contexts of one name.", lambda c: c["contexts"].append(context("default")))

    for name, value, why in [("empty", "", "that is empty"), ("65", "a" * 65, "of 65 characters"), ("dash", "-default", "that begins with a dash"),
                             ("space", "my context", "with a space"), ("slash", "a/b", "with a slash"), ("newline", "default\n", "with a newline after it"),
                             ("umlaut", "\u00e4", "with a letter that is not ASCII"), ("number", 1, "that is a number")]:
        bad("name-" + name, f"7.3: a name {why}.", lambda c, value=value: (put("contexts", 0, "name", value)(c), put("current_context", value)(c)))
    for name, value, why in [("empty", "", "that is empty"), ("8193", "t" * 8193, "of 8193 characters"), ("control", "to\u0007ken", "with a control character"),
                             ("space", "to ken", "with a space"), ("newline", "token\n", "with a newline after it"), ("delete", "to\u007fken", "with DEL"),
                             ("umlaut", "t\u00f6ken", "with a letter that is not ASCII"), ("null", None, "that is null")]:
        bad("token-" + name, f"7.3: a token {why}.", put("contexts", 0, "token", value))
    bad("token-missing", "7.3: no token.", drop("contexts", 0, "token"))
    for name, value, why in [
            ("http", "http://ai.cloudeka.id", "http off loopback"), ("http-lookalike", "http://localhost.example.com", "http to a host that begins like loopback"),
            ("http-127-lookalike", "http://127.0.0.1.example.com", "http to a host that begins like a loopback address"),
            ("http-lan", "http://192.168.0.1", "http to a local network"), ("http-user", "http://127.0.0.1@example.com", "http with loopback as user information"),
            ("user", "https://user:pass@ai.cloudeka.id", "user information"), ("query", "https://ai.cloudeka.id/?a=b", "a query"),
            ("fragment", "https://ai.cloudeka.id#a", "a fragment"), ("slash", "https://ai.cloudeka.id/", "a slash at its end"),
            ("path-slash", "https://ai.cloudeka.id/api/", "a slash at the end of its path"), ("no-host", "https://", "no host"), ("no-scheme", "ai.cloudeka.id", "no scheme"),
            ("ftp", "ftp://ai.cloudeka.id", "another scheme"), ("port", "https://ai.cloudeka.id:65536", "a port that is none"),
            ("newline", "https://ai.cloudeka.id\n", "a newline after it"), ("backslash", "https://ai.cloudeka.id\\@example.com", "a backslash")]:
        bad("base-url-" + name, f"7.3: base_url: {why}.", put("contexts", 0, "base_url", value))
    for name, value, why in [("offset", "2025-01-02T03:04:05+07:00", "not in UTC"), ("no-zone", "2025-01-02T03:04:05", "without a zone"), ("date", "2025-01-02", "without a time of day"),
                             ("no-such-day", "2025-02-29T03:04:05Z", "on a day that does not exist"), ("leap-second", "2016-12-31T23:59:60Z", "in a leap second"),
                             ("space", "2025-01-02 03:04:05Z", "with a space for the T"), ("number", 1735787045, "as a number")]:
        bad("verified-at-" + name, f"7.3: verified_at {why}.", put("contexts", 0, "verified_at", value))
    bad("verified-at-missing", "7.3: no verified_at.", drop("contexts", 0, "verified_at"))
    bad("account-missing", "7.3: no account.", drop("contexts", 0, "account"))
    bad("account-array", "7.3: account is an array.", put("contexts", 0, "account", []))
    bad("session-null", "7.1: null is not absence.", put("contexts", 0, "session", None))
    bad("session-no-token", "7.3: a session without token.", put("contexts", 0, "session", {"expires_at": "2025-01-02T03:04:05Z"}))
    bad("session-no-expiry", "7.3: a session without expiry.", put("contexts", 0, "session", {"token": "t"}))
    bad("session-token-control", "7.3: a session token with a control character.", put("contexts", 0, "session", {"token": "t\u001b[0m", "expires_at": "2025-01-02T03:04:05Z"}))
    bad("defaults-number", "7.3: a default that is no string.", put("contexts", 0, "defaults", {"project": 1}))
    bad("defaults-null", "7.1: a default that is null.", put("contexts", 0, "defaults", {"editor": None}))
    bad("defaults-array", "7.3: defaults are an array.", put("contexts", 0, "defaults", []))

    bad("recipients-missing", "7.2: no recipients field.", drop("recipients"))
    bad("recipients-empty", "7.2: no recipient.", put("recipients", []))
    bad("recipients-strings", "7.4: recipients as strings.", lambda c: c.update(recipients=[c["recipients"][0]["recipient"]]))
    bad("recipient-missing", "7.4: a recipient without recipient.", drop("recipients", 0, "recipient"))
    bad("recipient-empty", "7.4: an empty recipient.", put("recipients", 0, "recipient", ""))
    bad("recipient-newline", "7.4: two recipients in one string.", lambda c: put("recipients", 0, "recipient", c["recipients"][0]["recipient"] + "\n" + a.recipient(STRANGER))(c))
    bad("label-number", "7.4: a label that is no string.", put("recipients", 0, "label", 1))
    bad("argon2id-twice", "7.4: two recipients with argon2id.",
        lambda c: c["recipients"].append(copy.deepcopy(c["recipients"][0]) | {"recipient": a.recipient(STRANGER)}))
    bad("argon2id-null", "7.1: null is not absence.", put("recipients", 0, "argon2id", None))
    bad("argon2id-salt", "7.4: a salt of 21 characters.", put("recipients", 0, "argon2id", "salt", "A" * 21))
    bad("argon2id-salt-not-canonical", "7.4: a salt whose unused bits are set.", put("recipients", 0, "argon2id", "salt", "A" * 21 + "B"))
    bad("argon2id-lanes-0", "7.4: no lanes.", put("recipients", 0, "argon2id", "lanes", 0))
    bad("argon2id-memory-string", "7.4: memory as a string.", put("recipients", 0, "argon2id", "memory_kib", "19456"))
    bad("argon2id-memory-below-lanes", "7.4: less than 8 KiB of memory for each lane.", put("recipients", 0, "argon2id", "memory_kib", 7))
    bad("argon2id-iterations-missing", "7.4: no iterations.", drop("recipients", 0, "argon2id", "iterations"))

    for name, why, recipient in open_to_all():
        bad("recipient-" + name, f"7.4: {why}.", lambda c, recipient=recipient: c["recipients"].append({"recipient": recipient}))
    bad("recipient-argon2id-low-order", "7.4: the recipient with argon2id is a point of low order.",
        put("recipients", 0, "recipient", a.bech32("age", bytes(32))))
    bad_credentials(raw, bad)


def ssh_key(kind: str, *fields: bytes) -> str:
    blob = b"".join(len(field).to_bytes(4, "big") + field for field in (kind.encode(), *fields))
    return f"{kind} {base64.b64encode(blob).decode()}"


def mpint(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


# A modulus of 2,048 bits. That its factors are not primes is of no concern here.
MODULUS = int.from_bytes(hashlib.shake_256(b"cldkctl test vectors: modulus").digest(256), "big") | 1 << 2047 | 1


def open_to_all():
    """Public keys that take no secret to decrypt with, as (name, why, recipient)."""
    p = 2**255 - 19
    # RFC 7748's curve and its twist: the u of all points whose order divides 8, in each encoding.
    low = [0, 1, p - 1, 325606250916557431795983626356110631294008115727848805560023387167927233504,
           39382357235489614581723060781553021112529911719440698176882885853963445705823, p, p + 1]
    for i, u in enumerate(low, 1):
        for name, why, top in ("", "", 0), ("-top-bit", " with its unused bit set", 1 << 255):
            yield (f"x25519-low-order-{i}{name}", f"an X25519 point of low order{why}",
                   a.bech32("age", (u | top).to_bytes(32, "little")))
    # RFC 8032's curve: the y of all points whose order divides 8, in each encoding.
    eighths = []
    d = -121665 * pow(121666, -1, p) % p
    root = pow(2, (p - 1) // 4, p)  # of -1
    # An order of 8 means that doubling gives y = 0: y^2 = -x^2, and so d y^4 + 2 y^2 - 1 = 0.
    for sign in 1, -1:
        square = (-1 + sign * sqrt(1 + d, p, root)) * pow(d, -1, p) % p
        if (y := sqrt(square, p, root)) is not None:
            eighths += [y, p - y]
    for i, y in enumerate([0, 1, p - 1, *sorted(eighths), p, p + 1], 1):
        for name, why, top in ("", "", 0), ("-sign", " with its sign bit set", 1 << 255):
            yield (f"ed25519-small-order-{i}{name}", f"an Ed25519 point of small order{why}",
                   ssh_key("ssh-ed25519", (y | top).to_bytes(32, "little")))
    yield "ed25519-small-order-bare", "such a point, without padding and with a comment", ssh_key("ssh-ed25519", bytes(32)).rstrip("=") + " nobody@nowhere"
    yield "rsa-exponent-1", "an RSA key with the exponent 1", ssh_key("ssh-rsa", mpint(1), mpint(MODULUS))
    yield "rsa-exponent-even", "an RSA key with an even exponent", ssh_key("ssh-rsa", mpint(65536), mpint(MODULUS))
    yield "rsa-modulus-even", "an RSA key with an even modulus", ssh_key("ssh-rsa", mpint(65537), mpint(MODULUS - 1))
    yield "rsa-modulus-2047-bits", "an RSA key of 2,047 bits", ssh_key("ssh-rsa", mpint(65537), mpint(MODULUS >> 1 | 1))
    yield "rsa-modulus-15", "an RSA key that a child can break", ssh_key("ssh-rsa", mpint(3), mpint(15))
    yield "rsa-exponent-empty", "an RSA key with the exponent 0, of no bytes", ssh_key("ssh-rsa", b"", mpint(MODULUS))
    yield "x25519-low-order-capitals", "an X25519 point of low order in capitals", a.bech32("age", bytes(32)).upper()


def sqrt(square: int, p: int, root: int) -> int | None:
    """Modulo p, which is 5 modulo 8."""
    for guess in pow(square, (p + 3) // 8, p), pow(square, (p + 3) // 8, p) * root % p:
        if guess * guess % p == square % p:
            return guess
    return None


# --- Vaults that the binary made --------------------------------------------------------------------------------------


def made_by_the_binary():
    """Their files are random and were made once, as README.md says; here they are only listed."""
    def made(name, why, code=0, **key):
        line = {"file": name + ".age", **key, "exit": code, "why": why}
        manifest.append(line | ({"contents": name + ".json"} if code == 0 else {}))

    by_passphrase = {"passphrase": PASSPHRASE}
    for kind in "ed25519", "rsa":
        key = {"identity": f"ssh-{kind}.key"}
        made(f"made-ssh-{kind}", f"A passphrase and an ssh-{kind} key; opened by the passphrase.", **by_passphrase)
        made(f"made-ssh-{kind}", f"A passphrase and an ssh-{kind} key; opened by the SSH key.", **key)
        made(f"made-ssh-{kind}", f"A passphrase and an ssh-{kind} key; an age identity that is not among the recipients.", 5, identity="stranger.key")
    made("made-ssh-rsa", "An SSH key that is not among the recipients.", 5, identity="ssh-ed25519.key")
    made("made-ssh-ed25519-only", "No KDF stanza; the ssh-ed25519 key opens it.", identity="ssh-ed25519.key")
    made("made-ssh-ed25519-only", "4.3: no KDF stanza, so that no passphrase can be right.", 5, **by_passphrase)
    made("made-plugin", "A passphrase and a recipient of a plugin, which reading does not take.", **by_passphrase)
    made("made-plugin", "A recipient of a plugin, and an identity that is not among the recipients.", 5, identity="machine.key")


def main():
    make_example.main()
    for name, key in ("machine.key", MACHINE), ("stranger.key", STRANGER):
        write(name, f"# A test identity that everybody knows. Never encrypt to it.\n# public key: {a.recipient(key)}\n{a.identity(key)}\n".encode())
    good_vaults()
    wrong_keys()
    bad_files()
    bad_stanzas()
    bad_contents()
    more_vectors.add(sys.modules[__name__])
    made_by_the_binary()
    write("classes.json", more_vectors.classes(manifest))
    write("vectors.json", b"[\n" + b",\n".join(a.to_json(e) for e in manifest) + b"\n]\n")
    print(len(manifest), "entries")


if __name__ == "__main__":
    main()
