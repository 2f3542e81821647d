"""Raw bodies hold names and addresses: they are kept encrypted, with a key from the configuration or from the data directory."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

KEY_FILE: Final = "inbox.key"
_KEY_BYTES = 32


class SealError(Exception):
    """A key that is none, or a body that was encrypted with another one. The message says what to do."""


class Seal:
    """Encrypts with the first key, opens what any of them has encrypted: so keys can be changed. Threads may share it."""

    def __init__(self, keys: str) -> None:
        """`keys`: one or several, with commas or spaces between, each of 32 bytes in base64. Raises SealError."""
        from cryptography.fernet import Fernet, InvalidToken, MultiFernet  # most commands have no use for it

        self._wrong_key = InvalidToken
        self._fernet = MultiFernet([Fernet(_checked(key)) for key in keys.replace(",", " ").split()] or [Fernet(_checked(""))])

    def close(self, body: bytes) -> bytes:
        return self._fernet.encrypt(body)

    def open(self, sealed: bytes) -> bytes:
        """Raises SealError where none of the keys fits."""
        try:
            return self._fernet.decrypt(sealed)
        except self._wrong_key:
            raise SealError(
                "The body cannot be decrypted with the keys at hand: it came when another one was in force. Give all processes the same "
                "RETURNS_LEDGER_INBOX_KEY; older keys follow the newest, with commas between."
            ) from None


def load_seal(configured: str | None, data_dir: Path) -> Seal:
    """With the configured key, or else the one in the data directory, made there at the first use. Raises SealError."""
    return Seal(configured if configured is not None else _kept_key(data_dir / KEY_FILE))


def _kept_key(place: Path) -> str:
    try:
        if not place.exists():
            _make(place)
        return place.read_text().strip()
    except OSError as failure:
        raise SealError(
            f"The inbox's key in {place} cannot be used: {failure.strerror}. Make the directory ours, or set RETURNS_LEDGER_INBOX_KEY."
        ) from None


def _make(place: Path) -> None:
    """Complete under another name first: of several processes the fastest one's key counts, and none reads half of it."""
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_name(f"{place.name}.{secrets.token_hex(6)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.urlsafe_b64encode(secrets.token_bytes(_KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, place)
    finally:
        draft.unlink()


def _checked(key: str) -> bytes:
    try:
        known = base64.b64decode(key.replace("+", "-").replace("/", "_"), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        known = b""
    if len(known) != _KEY_BYTES:
        raise SealError("The inbox's key must be 32 bytes in base64; `openssl rand -base64 32` makes one.")
    return base64.urlsafe_b64encode(known)
