#!/usr/bin/env python3
"""Makes worked-example.age, the vault of vault-format.md section 11, and prints every value on the way."""

import hashlib
import pathlib
import unicodedata

import agefile as a

PASSPHRASE = "correct horse battery sta\u0308ple\n"  # a decomposed ä, as some keyboards and file systems give it
SALT = a.b64(bytes(range(16)))
COST = (19456, 2, 1)


def contents(key: bytes) -> dict:
    return {
        "format": "cldkctl-vault",
        "version": 1,
        "id": "000102030405060708090a0b0c0d0e0f",
        "revision": 1,
        "current_context": "default",
        "contexts": [{
            "name": "default",
            "base_url": "https://ai.cloudeka.id",
            "token": "example-token-not-a-secret",
            "verified_at": "2025-01-02T03:04:05Z",
            "account": {},
        }],
        "recipients": [{
            "recipient": a.recipient(key),
            "argon2id": {"salt": SALT, "memory_kib": COST[0], "iterations": COST[1], "lanes": COST[2]},
        }],
    }


def main():
    seed = a.Seed("worked example")
    key = a.argon2id(PASSPHRASE, SALT, *COST)
    plain = a.to_json(contents(key))
    trace = {}
    file_key = seed.bytes("file key", 16)
    stanzas = [a.stanza(["cldkctl-argon2id", "v1", SALT, *map(str, COST)]),
               a.x25519_stanza(file_key, a.public(key), seed.bytes("ephemeral", 32), trace)]
    sealed = a.seal(file_key, stanzas, seed.bytes("nonce", 16), plain, trace)
    pathlib.Path(__file__).with_name("worked-example.age").write_bytes(a.armor(sealed))

    print("passphrase:", unicodedata.normalize("NFC", PASSPHRASE.rstrip("\n")).encode().hex())
    print("key:", key.hex())
    print("identity:", a.identity(key))
    print("recipient:", a.public(key).hex(), a.recipient(key))
    for name, value in trace.items():
        print(f"{name}: {value.hex()}")
    header = sealed.index(b"\n--- ") + 1 + 4 + 43 + 1
    print(sealed[:header].decode())
    print("payload:", sealed[header:].hex())
    print(len(plain), "bytes of contents, SHA-256", hashlib.sha256(plain).hexdigest())
    print(plain.decode())
    print(len(sealed), "bytes of vault")
    print(a.armor(sealed).decode())


if __name__ == "__main__":
    main()
