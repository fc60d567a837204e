"""The vectors that came after 0.1.0, and the class of each bad one. Called by make_vectors.py, which has the rest."""

import copy
import json

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

import agefile as a


def add(m) -> None:
    """Adds all of them to the manifest of `m`, the module make_vectors."""
    payloads(m)
    stanzas(m)
    armors(m)
    contents(m)
    headers_beside_contents(m)


def bad(m, name, why, change, **options):
    vault = m.Vault(name, **options)
    m.write(name + ".age", change(vault))
    m.entry(name + ".age", why, 6)


# --- The payload ------------------------------------------------------------------------------------------------------


def padded(vault, size: int) -> bytes:
    """The contents with a field that makes them `size` bytes long."""
    vault.contents["x_padding"] = ""
    vault.contents["x_padding"] = "x" * (size - len(a.to_json(vault.contents)))
    return a.to_json(vault.contents)


def payloads(m):
    for name, size, why in [("good-chunk-full", 65536, "One chunk, and it is full."),
                            ("good-chunks-two", 65537, "A full chunk, and one of a single byte."),
                            ("good-chunks-full", 2 * 65536, "Two chunks, both of them full.")]:
        m.good(name, f"3.1: {why}", seal=lambda v, size=size: v.sealed(plain=padded(v, size)))

    def chunks(vault, parts):
        """The vault with these chunks, whatever their sizes."""
        header_and_nonce = vault.sealed(plain=b"")[:-16]
        aead = ChaCha20Poly1305(a.hkdf(vault.file_key, vault.nonce, b"payload"))
        return header_and_nonce + b"".join(
            aead.encrypt(i.to_bytes(11, "big") + bytes([i == len(parts) - 1]), part, None) for i, part in enumerate(parts))

    bad(m, "file-last-chunk-empty", "3.1: a full chunk, and an empty one after it.", lambda v: chunks(v, [padded(v, 65536), b""]))
    bad(m, "file-chunk-short", "3.1: a chunk before the last that is not full.",
        lambda v: chunks(v, [padded(v, 70000)[:65535], padded(v, 70000)[65535:]]))
    bad(m, "file-chunks-swapped", "3.1: two full chunks, each in the other's place.", swapped)
    bad(m, "file-version-crlf", "6, step 3: the version line ends in CR LF.", lambda v: v.sealed().replace(b"org/v1\n", b"org/v1\r\n"))
    bad(m, "file-version-only", "6, step 3: the version line, with no line feed.", lambda v: v.sealed()[:21])
    bad(m, "file-age-v2-no-line-feed", "6, step 3: a newer version in a line that does not end.", lambda v: b"age-encryption.org/v2")
    bad(m, "file-age-v2-to-32", "6, step 3: a version that is not a number of 4.1.",
        lambda v: v.sealed().replace(b"org/v1\n", b"org/v4294967296\n"))
    bad(m, "file-age-v2-to-32-less-1", "6, step 3: the newest version that there can be.",
        lambda v: v.sealed().replace(b"org/v1\n", b"org/v4294967295\n"))
    bad(m, "file-age-v10-damaged", "6, step 3: of a newer age format nothing else is examined.", lambda v: b"age-encryption.org/v10\n\0\xff")


def swapped(vault) -> bytes:
    data = vault.sealed(plain=padded(vault, 2 * 65536 + 1))
    start = len(vault.sealed(plain=b"")) - 16
    chunk = 65536 + 16
    return data[:start] + data[start + chunk:start + 2 * chunk] + data[start:start + chunk] + data[start + 2 * chunk:]


# --- Stanzas ----------------------------------------------------------------------------------------------------------


def stanzas(m):
    def many(count):
        return lambda v: v.sealed(v.stanzas() + [a.stanza([f"{i}-grease"]) for i in range(count - len(v.stanzas()))])

    m.good("good-256-stanzas", "3.2: as many stanzas as there may be.", seal=many(256))
    bad(m, "file-257-stanzas", "3.2: one more.", many(257))

    def malformed():
        return a.stanza(["X25519", "c2hvcnQ"], bytes(32))
    m.good("good-x25519-malformed-after", "6, step 7: the first stanza that fits ends the search.",
           seal=lambda v: v.sealed(v.stanzas() + [malformed()]))
    bad(m, "file-x25519-malformed-before", "6, step 7: a malformed stanza of the identity's type before the one that fits.",
        lambda v: v.sealed([v.kdf, malformed(), *v.wraps]))
    bad(m, "file-x25519-low-order", "6, step 7: an ephemeral share of low order before the stanza that fits.",
        lambda v: v.sealed([v.kdf, a.stanza(["X25519", a.b64(bytes(32))], bytes(32)), *v.wraps]))
    bad(m, "file-body-line-missing", "3.1: a body of full lines and no empty line after it, as early betas of age had it.",
        lambda v: v.sealed([*v.stanzas(), a.stanza(["x-grease"], bytes(48)).removesuffix("\n")]))
    bad(m, "file-no-stanza", "6, step 4: a header without stanzas.", lambda v: v.sealed([]))
    bad(m, "kdf-lanes-2-to-24", "4.1: RFC 9106 ends at 2^24 - 1 lanes.",
        lambda v: v.sealed([a.stanza([m.TAG, "v1", v.salt, str(8 << 24), "1", str(1 << 24)]), *v.wraps]))
    bad(m, "kdf-v2-to-32", "4.1: a version that is not a number.", lambda v: v.sealed([v.kdf.replace(" v1 ", " v4294967296 "), *v.wraps]))
    bad(m, "kdf-v2-altered", "6: a version of 1 that became 3: the key opens a stanza, so it was altered.",
        lambda v: v.sealed().replace(b"id v1 ", b"id v3 "))
    bad(m, "kdf-v2-above-ceiling", "4.4: a newer stanza in the form of 4.1 is held to the ceilings.",
        lambda v: v.sealed([a.stanza([m.TAG, "v2", v.salt, str((4 << 20) + 1), "1", "1"]), *v.wraps]))

    m.good("good-passphrase-byte-order-mark", "5: a byte order mark belongs to the passphrase.", passphrase="\ufeff" + m.PASSPHRASE)
    m.entry("good-passphrase-byte-order-mark.age", "5: and without it this is another one.", 5)
    m.entry("good-plain.age", "5: nor is one cut.", 5, passphrase="\ufeff" + m.PASSPHRASE)


# --- Armor ------------------------------------------------------------------------------------------------------------


def armors(m):
    name = "good-armored-after-blanks"
    vault = m.Vault(name)
    m.write(name + ".age", b" \t " + a.armor(vault.sealed()))
    m.entry(name + ".age", "3.3: spaces and tabs before the first line.", 0, vault.contents)
    name = "good-armored-no-last-line-feed"
    vault = m.Vault(name)
    m.write(name + ".age", a.armor(vault.sealed())[:-1] + b" \t")
    m.entry(name + ".age", "3.3: the last line need not end, and blanks may follow it.", 0, vault.contents)

    def unused_bits(vault):
        # So long that the last line ends in one `=`, before which four bits are unused.
        armored = a.armor(vault.sealed(plain=padded(vault, 600 + -(len(vault.sealed(plain=b"")) + 600 + 1) % 3)))
        at = armored.index(b"=\n")
        assert armored[at - 1:at + 1].endswith(b"=") and armored[at - 1:at] != b"="
        alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        return armored[:at - 1] + bytes([alphabet[alphabet.index(armored[at - 1]) + 1]]) + armored[at:]

    def lines(vault, change):
        body = a.armor(vault.sealed()).decode().splitlines()
        return "".join(line + "\n" for line in change(body)).encode()

    for name, why, change in [
            ("not-canonical", "unused bits that are set", unused_bits),
            ("padding-missing", "no padding", lambda v: a.armor(v.sealed(plain=padded(v, 601 + -len(v.sealed(plain=b"")) % 3))).replace(b"=", b"")),
            ("padding-within", "padding in a line that is not the last", lambda v: lines(v, lambda b: [b[0], b[1][:62] + "==", *b[2:]])),
            ("cr", "lines that end in CR alone", lambda v: a.armor(v.sealed()).replace(b"\n", b"\r")),
            ("cr-cr-lf", "lines that end in CR CR LF", lambda v: a.armor(v.sealed()).replace(b"\n", b"\r\r\n")),
            ("line-end-blank", "a blank at the end of a line", lambda v: lines(v, lambda b: [b[0], b[1] + " ", *b[2:]])),
            ("first-line-end-blank", "a blank at the end of the first line", lambda v: lines(v, lambda b: [b[0] + " ", *b[1:]])),
            ("short-line", "a line of less than 64 columns that is not the last", lambda v: lines(v, lambda b: [b[0], b[1][:60], b[1][60:] + b[2], *b[3:]])),
            ("empty", "nothing in it", lambda v: lines(v, lambda b: [b[0], b[-1]])),
            ("quoted", "quoted by mail", lambda v: lines(v, lambda b: ["> " + line for line in b])),
            ("indented", "each line indented", lambda v: lines(v, lambda b: ["    " + line for line in b])),
            ("greeting", "a greeting before it", lambda v: b"Here is my vault:\n\n" + a.armor(v.sealed())),
            ("signature", "a signature after it", lambda v: a.armor(v.sealed()) + b"-- \nSari\n"),
            ("byte-order-mark", "a byte order mark before it", lambda v: b"\xef\xbb\xbf" + a.armor(v.sealed())),
            ("blank-then-line", "a line of blanks before it", lambda v: b"  \r\n" + a.armor(v.sealed())),
            ("twice", "another armored file after it", lambda v: a.armor(v.sealed()) * 2),
            ("form-feed", "a form feed after it", lambda v: a.armor(v.sealed()) + b"\f\n")]:
        bad(m, "armor-" + name, f"3.3: {why}.", change)
    bad(m, "armor-text", "3.3: armor around something that is not an age file.", lambda v: a.armor(b"This is no vault.\n"))


# --- The contents -----------------------------------------------------------------------------------------------------


def contents(m):
    def changed(name, why, change):
        def sealed(vault):
            change(vault.contents)
            return vault.sealed()
        bad(m, "contents-" + name, why, sealed)

    def raw(name, why, change, code=6):
        """`change` gets the JSON, and gives what is sealed; of a good one that is what to expect as well."""
        name = ("contents-" if code else "good-") + name
        vault = m.Vault(name)
        plain = change(a.to_json(vault.contents))
        m.write(name + ".age", vault.sealed(plain=plain))
        line = {"file": name + ".age", "passphrase": m.PASSPHRASE, "exit": code, "why": why}
        if code == 0:
            m.write(name + ".json", plain)
            line["contents"] = name + ".json"
        m.manifest.append(line)

    def deep(levels):
        """A scalar within so many arrays and objects, the outermost object counted."""
        value = None
        for i in range(levels - 1):
            value = {"x": value} if i % 2 else [value]
        return value

    m.good("good-scalar-at-the-deepest", "7.1: a scalar in the 64th level.", lambda c: c.update(x_deep=deep(64)))
    changed("depth-65", "7.1: a 65th level.", lambda c: c.update(x_deep=deep(65)))
    changed("depth-65-account", "7.1: a 65th level in an account.", lambda c: c["contexts"][0].update(account={"x": deep(63)}))
    changed("depth-2000", "7.1: so many levels that a parser might run out of stack.", lambda c: c.update(x_deep=deep(900)))

    def times(c):
        c["contexts"] = [
            m.context(f"c{i}") | {"verified_at": time, "session": {"token": "t", "expires_at": time}} for i, time in enumerate((
                "0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999999999Z", "9999-12-30T22:00:01Z", "9999-12-31T00:00:00Z",
                "9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999999999Z"))]
        c["current_context"] = "c0"
    m.good("good-times", "7.3: times from the first to the last that there are.", times)
    for name, value, why in [
            ("year-0", "0000-01-01T00:00:00Z", "in the year 0"), ("year-10000", "10000-01-01T00:00:00Z", "in the year 10000"),
            ("hour-24", "9999-12-31T24:00:00Z", "at 24 o'clock"), ("month-13", "2025-13-01T00:00:00Z", "in a 13th month"),
            ("day-0", "2025-01-00T00:00:00Z", "on a day 0"), ("minute-60", "2025-01-01T00:60:00Z", "in a 61st minute"),
            ("fraction-10", "2025-01-01T00:00:00.0123456789Z", "with ten digits of a second"), ("fraction-0", "2025-01-01T00:00:00.Z", "with a point and no digits"),
            ("comma", "2025-01-01T00:00:00,5Z", "with a comma"), ("lower-t", "2025-01-01t00:00:00Z", "with a lower-case t"),
            ("lower-z", "2025-01-01T00:00:00z", "with a lower-case z"), ("zero-offset", "2025-01-01T00:00:00+00:00", "with an offset of zero"),
            ("year-1900", "1900-02-29T00:00:00Z", "on a day that this century's first year did not have")]:
        changed("verified-at-" + name, f"7.3: verified_at {why}.", lambda c, value=value: c["contexts"][0].update(verified_at=value))

    hosts = ["10.0.0.1", "10.0.0.1:8443", "[2001:db8::1]", "[2001:DB8::1]:65535", "[::ffff:127.0.0.1]/api", "256.1.1.1", "1.2.3.4.5", "127.1",
             "0x7f.1", "08.1.1.1", "1", "4294967296", "a.0x", "a.1", "1.2.3.4.", "xn--mnchen-3ya.example", "xn--a", "xn--", "XN--A.example",
             "a..b", ".", "-", "_._", "[:]", "[1.2]", "[::1::2]", "AI.Cloudeka.ID:443", "h/a/../b/.", "h/%2e%2E/x", "h/%", "h:00080",
             "a" * 300 + ".example"]
    plain = ["http://127.0.0.08", "http://127.000.000.001:80/x", "http://127.0.0.010"]

    def addresses(c):
        c["contexts"] = [m.context(f"c{i}") | {"base_url": url} for i, url in enumerate(["https://" + host for host in hosts] + plain)]
        c["current_context"] = "c0"
    m.good("good-hosts", "7.3: a host is known by its characters alone, whatever it means to somebody who calls it.", addresses)
    for name, value, why in [
            ("http-127-256", "http://127.0.0.256", "http to an octet above 255"), ("http-127-short", "http://127.1", "http to a short form of loopback"),
            ("http-1", "http://[::0001]", "http to loopback in another spelling"), ("http-capitals", "http://LOCALHOST", "http to localhost in capitals"),
            ("scheme-capitals", "HTTPS://ai.cloudeka.id", "a scheme in capitals"), ("port-empty", "https://h:", "an empty port"), ("port-0", "https://h:0", "port 0"),
            ("port-6-digits", "https://h:000443", "a port of six digits"), ("bracket", "https://[::1", "a bracket that does not close"),
            ("bracket-empty", "https://[]", "empty brackets"), ("bracket-zone", "https://[fe80::1%25eth0]", "a zone"), ("percent", "https://a%2eb", "a percent sign in the host"),
            ("umlaut", "https://m\u00fcnchen.example", "a host that is not ASCII"), ("segment-empty", "https://h/a//b", "an empty segment"),
            ("pipe", "https://h/a|b", "a character that no segment has"), ("2049", "https://h/" + "a" * 2039, "2,049 characters"), ("empty", "", "nothing")]:
        changed("base-url-" + name, f"7.3: base_url: {why}.", lambda c, value=value: c["contexts"][0].update(base_url=value))

    version = b'"version":1'
    digits = b"9" * 400
    for name, value, why in [
            ("2-to-64", b"18446744073709551616", "newer contents, by a number above 64 bits"), ("400-digits", digits, "newer contents, by a number beyond the doubles")]:
        raw("version-" + name, f"7.1: {why}.", lambda p, value=value: p.replace(version, b'"version":' + value))
    for name, value, why in [("2-fraction", b"2.0", "has a fraction"), ("2-exponent", b"2e0", "has an exponent"), ("minus-0", b"-0", "is minus zero"),
                             ("minus-2-to-64", b"-18446744073709551616", "is far below zero")]:
        raw("version-" + name, f"7.2: version {why}.", lambda p, value=value: p.replace(version, b'"version":' + value))
    raw("version-2-duplicates", "7.1: newer contents, in which fields of version 1 occur twice.",
        lambda p: p.replace(version, b'"version":2,"id":1,"id":2').replace(b'"account":{}', b'"account":{"n":1e400}'))
    raw("version-2-twice", "7.1: a newer version twice.", lambda p: p.replace(version, b'"version":2,"version":2'))
    raw("version-2-not-json", "7.1: what is not JSON is damaged, whatever it says of its version.", lambda p: p.replace(version, b'"version":2')[:-1])
    raw("version-2-lone-surrogate", "7.1: so is a string that is not Unicode.", lambda p: p.replace(version, b'"version":2,"x":"\\udc00"'))
    raw("version-2-depth-65", "7.1: so is what is nested deeper than 64.", lambda p: p.replace(version, b'"version":2,"x":' + b"[" * 64 + b"]" * 64))
    raw("version-2-of-another-format", "7.1: another format, whatever its version.", lambda p: p.replace(version, b'"version":2').replace(b"cldkctl-vault", b"other-vault"))
    raw("format-twice", "7.1: format twice.", lambda p: p.replace(b'"format":', b'"format":"other","format":'))
    raw("format-capitals", "7.1: names are compared exactly.", lambda p: p.replace(b'"format"', b'"Format"'))

    numbers = (b'-0,-0.0,0e999,1e-400,-1e-400,5e-324,2.5e-324,2.4e-324,1E+2,1.7976931348623157e308,1.7976931348623158e308,'
               b'18446744073709551615,18446744073709551616,-9223372036854775808,-9223372036854775809,123456789012345678901234567890,'
               b'0.1,0.30000000000000004,9007199254740993.0,2.2250738585072011e-308')
    raw("numbers", "7.5: numbers of others: underflow is no error, and minus zero is zero.",
        lambda p: p.replace(b'"account":{}', b'"account":{"n":[' + numbers + b"]}"), 0)
    raw("duplicates-unknown", "7.1: of a field that this page does not define, the last counts.",
        lambda p: p.replace(b'"account":{}', b'"account":{"a":1,"a":{"b":1,"b":2}},"x":"first","x":"last"'), 0)
    for name, number, why in [("minus-1e400", b"-1e400", "a number below the doubles"), ("1e308-rounded", b"1.7976931348623159e308", "a number that is rounded beyond the doubles"),
                              ("400-digits", digits, "an integer beyond the doubles"), ("lost", b'1,"n":1e400,"n":2', "a number beyond the doubles, in a field that does not count")]:
        raw("number-" + name, f"7.5: {why}.", lambda p, number=number: p.replace(b'"account":{}', b'"account":{"n":' + number + b"}"))
    for name, number, why in [("leading-zero", b"01", "a zero in front"), ("plus", b"+1", "a plus sign"), ("point", b".5", "nothing before its point"),
                              ("point-end", b"5.", "nothing after its point"), ("infinity", b"Infinity", "the name of infinity")]:
        raw("number-" + name, f"7.1: a number with {why} is not JSON.", lambda p, number=number: p.replace(b'"account":{}', b'"account":{"n":' + number + b"}"))
    for name, text, why in [("control", b'"a\tb"', "a control character"), ("escape", b'"\\x41"', "an escape that JSON does not have"),
                            ("quote", b"'a'", "single quotes")]:
        raw("string-" + name, f"7.1: a string with {why} is not JSON.", lambda p, text=text: p.replace(b'"account":{}', b'"account":{"s":' + text + b"}"))
    raw("trailing-comma", "7.1: a comma before a brace is not JSON.", lambda p: p[:-1] + b",}")
    raw("form-feed", "7.1: a form feed is not white space of JSON.", lambda p: p + b"\f")
    raw("duplicate-name", "7.1: a context's name twice.", lambda p: p.replace(b'"name":"default"', b'"name":"default","name":"default"'))
    raw("duplicate-defaults", "7.1: a default twice.", lambda p: p.replace(b'"account":{}', b'"account":{},"defaults":{"editor":"a","editor":"b"}'))
    raw("revision-2-to-64", "7.2: revision 2^64.", lambda p: p.replace(b'"revision":1', b'"revision":18446744073709551616'))

    def argon2id(name, why, **values):
        changed("argon2id-" + name, f"7.4: {why}.", lambda c: c["recipients"][0]["argon2id"].update(values))
    argon2id("lanes-2-to-24", "lanes beyond those of RFC 9106", lanes=1 << 24, memory_kib=8 << 24)
    argon2id("memory-2-to-32", "memory of 2^32 KiB", memory_kib=1 << 32)
    argon2id("iterations-fraction", "a fraction of an iteration", iterations=1.5)
    argon2id("lanes-true", "lanes as a boolean", lanes=True)
    m.good("good-recipient-65536", "7.4: characters are Unicode's, however many bytes they have.",
           lambda c: c["recipients"].append({"recipient": "\u00e4" * 65536}))
    changed("recipient-65537", "7.4: a recipient of 65,537 characters.", lambda c: c["recipients"].append({"recipient": "x" * 65537}))
    changed("recipient-c1-control", "7.4: a control character that is not ASCII.", lambda c: c["recipients"].append({"recipient": "age1\u0085"}))


# --- Header and contents that differ ----------------------------------------------------------------------------------


def headers_beside_contents(m):
    """Section 9 keeps them from being saved. They are read as any other."""
    def of_contents(name, why, change):
        m.good("good-argon2id-" + name, f"4.3: {why}: this does not matter to a reader.", lambda c: change(c["recipients"][0]))
    of_contents("other-salt", "the contents have another salt than the stanza", lambda r: r["argon2id"].update(salt="A" * 22))
    of_contents("other-cost", "the contents have another cost", lambda r: r["argon2id"].update(iterations=3))
    of_contents("most-lanes", "the contents have the most lanes that there are", lambda r: r["argon2id"].update(lanes=(1 << 24) - 1, memory_kib=(1 << 32) - 1))
    of_contents("other-recipient", "the contents have another recipient for the passphrase", lambda r: r.update(recipient=a.recipient(m.STRANGER)))
    of_contents("missing", "the contents have no argon2id", lambda r: r.pop("argon2id"))

    def of_header(name, why, change, code=6):
        name = "kdf-beside-identity-" + name
        vault = m.Vault(name, others=[m.MACHINE])
        m.write(name + ".age", vault.sealed(change(vault)))
        m.entry(name + ".age", f"4.2: {why}.", code)
        m.entry(name + ".age", "4.3: another identity does not need the stanza.", 0, vault.contents, identity="machine.key")
    of_header("malformed", "a stanza that is malformed", lambda v: [v.kdf.replace("19456", "019456"), *v.wraps])
    of_header("twice", "a stanza that is there twice", lambda v: [v.kdf, v.kdf, *v.wraps])
    of_header("missing", "no stanza", lambda v: v.wraps, code=5)
    of_header("v2", "a stanza of a newer version in the form of 4.1, which this version's key opens", lambda v: [v.kdf.replace(" v1 ", " v2 "), *v.wraps])
    of_header("above-ceiling", "a stanza above the ceiling", lambda v: [a.stanza([m.TAG, "v1", v.salt, "19456", "65", "1"]), *v.wraps])
    of_header("other", "a stanza of another salt, so that the passphrase derives another key", lambda v: [v.kdf.replace(v.salt, "A" * 22), *v.wraps], code=5)


# --- Classes ----------------------------------------------------------------------------------------------------------

NEWER = """
    file-age-v2 file-age-v2-to-32-less-1 file-age-v10-damaged kdf-v2
    contents-version-2 contents-version-3 contents-version-2-to-64 contents-version-400-digits contents-version-2-duplicates
    """.split()
FOREIGN = """
    file-empty file-text file-json file-leading-newline file-truncated-version file-scrypt armor-other-label armor-text
    contents-format-missing contents-format-other contents-format-null contents-format-capitals contents-other-json
    contents-version-2-of-another-format
    """.split()


def classes(manifest: list[dict]) -> bytes:
    """What section 2 says of each attempt that fails, in the order of the manifest."""
    lines = []
    for entry in manifest:
        if entry["exit"]:
            name = entry["file"].removesuffix(".age")
            # With its own passphrase it is known to be altered.
            perhaps = name == "kdf-v3-in-the-form-of-v1" and entry["passphrase"] != "test vectors are no secret"
            kind = "newer" if name in NEWER or perhaps else "foreign" if name in FOREIGN else "damaged"
            line = {key: entry[key] for key in ("file", "passphrase", "identity") if key in entry}
            lines.append(a.to_json(line | {"class": "wrong key" if entry["exit"] == 5 else kind}))
    return b"[\n" + b",\n".join(lines) + b"\n]\n"
