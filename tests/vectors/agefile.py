"""age v1 files with every random value chosen by the caller. For making test vectors only.

A file key, an ephemeral secret or a nonce used twice breaks age; here they are derived from a vector's name so
that the same run gives the same bytes. Never write a real vault with this.

Needs the PyPI package `cryptography` and the command `argon2`. Section numbers are those of vault-format.md.
"""

import base64
import hashlib
import hmac
import json
import subprocess
import unicodedata

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


def hkdf(ikm: bytes, salt: bytes, info: bytes) -> bytes:
    """HKDF-SHA-256 (RFC 5869), 32 bytes out, which is one block."""
    prk = hmac.new(salt or bytes(32), ikm, hashlib.sha256).digest()
    return hmac.new(prk, info + b"\x01", hashlib.sha256).digest()


def bech32(hrp: str, data: bytes) -> str:
    """BIP 173 over 32 bytes: 256 bits and 4 of padding are 52 groups of 5."""
    def polymod(values):
        c = 1
        for v in values:
            top = c >> 25
            c = (c & 0x1FFFFFF) << 5 ^ v
            for i, g in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
                c ^= g if top >> i & 1 else 0
        return c
    assert len(data) == 32
    n = int.from_bytes(data, "big") << 4
    groups = [n >> 5 * i & 31 for i in range(51, -1, -1)]
    expanded = [ord(c) >> 5 for c in hrp] + [0] + [ord(c) & 31 for c in hrp]
    check = polymod(expanded + groups + [0] * 6) ^ 1
    return hrp + "1" + "".join(BECH32[g] for g in groups + [check >> 5 * i & 31 for i in range(5, -1, -1)])


def argon2id(passphrase: str, salt22: str, memory: int, iterations: int, lanes: int) -> bytes:
    """Section 5: newline cut, NFC, UTF-8, Argon2id, 32 bytes."""
    if passphrase.endswith("\n"):
        passphrase = passphrase[:-2] if passphrase.endswith("\r\n") else passphrase[:-1]
    secret = unicodedata.normalize("NFC", passphrase).encode()
    out = subprocess.run(
        ["argon2", salt22, "-id", "-v", "13", "-t", str(iterations), "-k", str(memory), "-p", str(lanes), "-l", "32", "-r"],
        input=secret, capture_output=True, check=True).stdout
    return bytes.fromhex(out.decode().strip())


def public(secret: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def recipient(secret: bytes) -> str:
    return bech32("age", public(secret))


def identity(secret: bytes) -> str:
    return bech32("age-secret-key-", secret).upper()


class Seed:
    """Bytes that are fixed by a vector's name and the label of the value."""

    def __init__(self, name: str):
        self.name = name

    def bytes(self, label: str, n: int) -> bytes:
        return hashlib.shake_256(f"cldkctl test vector\n{self.name}\n{label}".encode()).digest(n)


def stanza(args: list[str], body: bytes = b"") -> str:
    text = b64(body)
    lines = [text[i:i + 64] for i in range(0, len(text), 64)]
    if not lines or len(lines[-1]) == 64:
        lines.append("")
    return "-> " + " ".join(args) + "\n" + "".join(line + "\n" for line in lines)


def x25519_stanza(file_key: bytes, to: bytes, ephemeral: bytes, trace: dict | None = None) -> str:
    share = public(ephemeral)
    shared = X25519PrivateKey.from_private_bytes(ephemeral).exchange(X25519PublicKey.from_public_bytes(to))
    wrap_key = hkdf(shared, share + to, b"age-encryption.org/v1/X25519")
    body = ChaCha20Poly1305(wrap_key).encrypt(bytes(12), file_key, None)
    if trace is not None:
        trace |= {"ephemeral secret": ephemeral, "ephemeral share": share, "shared secret": shared,
                  "wrap key": wrap_key, "stanza body": body}
    return stanza(["X25519", b64(share)], body)


def seal(file_key: bytes, stanzas: list[str], nonce: bytes, contents: bytes, trace: dict | None = None) -> bytes:
    header = "age-encryption.org/v1\n" + "".join(stanzas) + "---"
    mac_key = hkdf(file_key, b"", b"header")
    mac = hmac.new(mac_key, header.encode(), hashlib.sha256).digest()
    payload_key = hkdf(file_key, nonce, b"payload")
    aead, out = ChaCha20Poly1305(payload_key), []
    chunks = [contents[i:i + 65536] for i in range(0, len(contents), 65536)] or [b""]
    for i, chunk in enumerate(chunks):
        last = i == len(chunks) - 1
        out.append(aead.encrypt(i.to_bytes(11, "big") + bytes([last]), chunk, None))
    if trace is not None:
        trace |= {"file key": file_key, "header key": mac_key, "header MAC": mac, "payload nonce": nonce,
                  "payload key": payload_key}
    return f"{header} {b64(mac)}\n".encode() + nonce + b"".join(out)


def armor(data: bytes) -> bytes:
    text = base64.b64encode(data).decode()
    lines = [text[i:i + 64] for i in range(0, len(text), 64)]
    return ("-----BEGIN AGE ENCRYPTED FILE-----\n" + "".join(line + "\n" for line in lines)
            + "-----END AGE ENCRYPTED FILE-----\n").encode()


def to_json(value, indent: int | None = None) -> bytes:
    if indent is None:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return json.dumps(value, ensure_ascii=False, indent=indent).encode()
