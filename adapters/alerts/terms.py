"""Who is told of what, where, and when not: as the operator set it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Literal

from domain.policy import GapKind


@dataclass(frozen=True, slots=True)
class Mail:
    """The server that takes our mail. Its answer is believed; what happens to the mail afterwards is its own affair."""

    host: str
    port: int
    sender: str
    security: Literal["starttls", "tls", "none"]
    user: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Channel:
    """`to` are mail addresses; `url` is an incoming webhook's, a secret in itself; `secret` signs (whsec_…)."""

    name: str
    kind: Literal["email", "slack", "teams", "webhook"]
    to: tuple[str, ...] = ()
    url: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Rule:
    """Open gaps of these kinds and owners (none named: all), open for `older_than`; with `over`, only money of its currencies above it."""

    name: str
    channels: tuple[str, ...]
    kinds: tuple[GapKind, ...] = ()
    owners: tuple[str, ...] = ()
    older_than: timedelta = timedelta()
    over_minor: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Digest:
    """Each day at that time, what is open of an owner (None: of everybody)."""

    channels: tuple[str, ...]
    at: time
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    channels: Mapping[str, Channel]
    rules: tuple[Rule, ...] = ()
    digests: tuple[Digest, ...] = ()
    mail: Mail | None = None
    quiet: tuple[time, time] | None = None
    zone: tzinfo = UTC
    link: str | None = None

    def is_quiet(self, now: datetime) -> bool:
        """Quiet hours may go over midnight."""
        if self.quiet is None:
            return False
        (begin, end), at = self.quiet, now.astimezone(self.zone).time()
        return begin <= at < end if begin <= end else at >= begin or at < end
