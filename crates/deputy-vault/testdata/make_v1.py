"""Makes v1.json: sealed values by an implementation of the format that shares no code with ours.

Needs the package `cryptography`. The file must open for ever: never make it again for version 1;
a new version of the format gets a file of its own beside it.
"""

import hashlib
import hmac
import json
import struct

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def fixed(label, length):
    """Bytes that look random and are the same each time."""
    return hashlib.shake_256(label.encode()).digest(length)


def items(*parts):
    return b"".join(struct.pack(">Q", len(part)) + part for part in parts)


def owner(user):
    return b"" if user is None else str(user).encode()


def wrap(root, user, key_id, key, nonce):
    root_id = hmac.new(root, b"deputy/root-key-id/v1", hashlib.sha256).digest()[:16]
    aad = items(b"deputy/udk/v1", root_id, owner(user), key_id)
    return root_id, b"\x01" + root_id + nonce + AESGCM(root).encrypt(nonce, key, aad)


def seal(key_id, key, place, plain, salt, nonce):
    keys = HKDF(SHA512(), 64, salt, b"deputy/record/v1" + key_id).derive(key)
    header = b"\x01\x01" + key_id + salt + keys[32:]
    fields = [place[name].encode() for name in ("table", "row", "column", "purpose")]
    aad = items(b"deputy/record/v1", header, owner(place["user"]), *fields)
    return header + nonce + AESGCM(keys[:32]).encrypt(nonce, plain, aad)


def main():
    root = fixed("root key", 32)
    out = {"root_key": root.hex(), "keys": [], "records": []}
    places = [
        (1, "oauth_tokens", "google", "access_token", "google", "ya29.an-access-token"),
        (1, "oauth_tokens", "google", "refresh_token", "google", "1//a-refresh-token"),
        (9223372036854775807, "user_mcp_servers", "Записки", "secret", "env", "значение: ✓"),
        (1, "oauth_tokens", "", "", "", ""),
        (None, "installation_secrets", "oauth-state", "value", "signing", "\0" * 32),
    ]
    for user in dict.fromkeys(place[0] for place in places):
        key_id, key = fixed(f"key id {user}", 16), fixed(f"key {user}", 32)
        root_id, wrapped = wrap(root, user, key_id, key, fixed(f"wrap nonce {user}", 12))
        out["root_id"] = root_id.hex()
        out["keys"].append({"user": user, "key_id": key_id.hex(), "wrapped": wrapped.hex()})
    for number, (user, table, row, column, purpose, plain) in enumerate(places):
        place = {"user": user, "table": table, "row": row, "column": column, "purpose": purpose}
        key_id, key = fixed(f"key id {user}", 16), fixed(f"key {user}", 32)
        salt, nonce = fixed(f"salt {number}", 32), fixed(f"nonce {number}", 12)
        sealed = seal(key_id, key, place, plain.encode(), salt, nonce)
        out["records"].append({**place, "plain": plain, "sealed": sealed.hex()})
    print(json.dumps(out, indent=2, ensure_ascii=False))


main()
