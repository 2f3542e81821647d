"""How Happy Returns signs what it sends. The header is published, the recipe is not: it is configuration with a likely default."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final, NamedTuple

from adapters.platforms.happy_returns.mapping import DEFAULTS

_ALGORITHMS: Final = ("sha1", "sha256", "sha384", "sha512")
_ENCODINGS: Final = ("hex", "base64")


class Recipe(NamedTuple):
    """`header` in lower case. HMAC of the raw body with the connection's webhook_secret, written as `prefix` and the encoded digest."""

    header: str
    algorithm: str
    encoding: str
    prefix: str

    @classmethod
    def of(cls, connection: str, set_by_operator: Mapping[str, str]) -> Recipe:
        """Raises ValueError with the key."""
        where = f"connections.{connection}.mappings.signature"
        told = DEFAULTS["signature"] | dict(set_by_operator)
        if unknown := sorted(set(told) - set(cls._fields)):
            raise ValueError(f"{where}.{unknown[0]}: is no part of the recipe; it has {', '.join(cls._fields)}")
        algorithm = told["algorithm"].lower().replace("-", "").removeprefix("hmac")
        if algorithm not in _ALGORITHMS:
            raise ValueError(f"{where}.algorithm: {told['algorithm']!r} must be one of {', '.join(_ALGORITHMS)}")
        if told["encoding"] not in _ENCODINGS:
            raise ValueError(f"{where}.encoding: {told['encoding']!r} must be hex or base64")
        if not told["header"].strip():
            raise ValueError(f"{where}.header: must name a header")
        return cls(told["header"].strip().lower(), algorithm, told["encoding"], told["prefix"])

    def sign(self, secret: str, body: bytes) -> str:
        digest = hmac.new(secret.encode(), body, getattr(hashlib, self.algorithm)).digest()
        return self.prefix + (digest.hex() if self.encoding == "hex" else base64.b64encode(digest).decode())

    def fits(self, secret: str, body: bytes, headers: Mapping[str, str]) -> bool:
        """In constant time; False where there is no signature, or none that could be one."""
        given = headers.get(self.header, "").strip()
        if not given.startswith(self.prefix):
            return False
        written = given.removeprefix(self.prefix)
        try:
            digest = bytes.fromhex(written) if self.encoding == "hex" else base64.b64decode(written, validate=True)
        except (ValueError, binascii.Error):
            return False
        return hmac.compare_digest(digest, hmac.new(secret.encode(), body, getattr(hashlib, self.algorithm)).digest())
