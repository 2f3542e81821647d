"""Faults by seed: what the world does to calls and webhooks, the same again for the same seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from random import Random
from threading import Lock
from typing import Any

from adapters.sandbox.port import OutgoingWebhook, SandboxRequest, SandboxResponse, Simulator


class NoAnswer(Exception):
    """The caller hears nothing, and cannot know whether the request arrived: a time-out."""


@dataclass(frozen=True, slots=True)
class Faults:
    """Chances from 0 to 1. A call meets at most one fault of its kind; a webhook may meet several."""

    seed: int = 0
    # Calls to the API.
    rate_limited: float = 0.0
    server_error: float = 0.0
    timeout_before: float = 0.0  # the vendor never saw the request
    timeout_after: float = 0.0  # the vendor did what was asked, and nobody heard
    torn_answer: float = 0.0  # done as well, and the answer breaks off
    stale: float = 0.0  # a GET is answered as it was answered before: the API is older than its webhook
    # Webhooks.
    lost: float = 0.0
    doubled: float = 0.0
    late: float = 0.0  # waits for a later sending, again and again by the same chance
    reordered: float = 0.0  # a sending is shuffled
    torn_body: float = 0.0
    wrong_signature: float = 0.0

    @classmethod
    def at(cls, level: float, seed: int) -> Faults:
        """The usual mixture: level 0 is a good day, level 1 a day on which three calls in ten fail and most webhooks go astray."""
        failing = ("rate_limited", "server_error", "timeout_before", "timeout_after", "torn_answer")
        often = ("lost", "doubled", "late", "reordered")
        seldom = ("stale", "torn_body", "wrong_signature")
        chances = dict.fromkeys(failing, 0.06 * level) | dict.fromkeys(often, 0.3 * level) | dict.fromkeys(seldom, 0.1 * level)
        return cls(seed, **chances)

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Faults:
        """From JSON: `{"level": 0.5, "seed": 7}`, or chances by name, or both. Raises ValueError with a sentence."""
        chances = {name: told[name] for name in told if name not in ("level", "seed")}
        known = {chance.name for chance in fields(cls)} - {"seed"}
        if unknown := sorted(set(chances) - known):
            raise ValueError(f"{unknown[0]!r} is no fault; these are: level, seed, {', '.join(sorted(known))}")
        seed, level = told.get("seed", 0), told.get("level", 0)
        if not isinstance(seed, int):
            raise ValueError(f"seed must be a whole number, not {seed!r}")
        for name, chance in {**chances, "level": level}.items():
            if isinstance(chance, bool) or not isinstance(chance, int | float) or not 0 <= chance <= 1:
                raise ValueError(f"{name} must be a chance from 0 to 1, not {chance!r}")
        return cls(**(asdict(cls.at(float(level), seed)) | chances))

    def told(self) -> dict[str, Any]:
        return asdict(self)


class Front:
    """Stands before a simulator: one caller at a time, and the faults that were asked for."""

    def __init__(self, simulator: Simulator, faults: Faults | None = None) -> None:
        self.simulator = simulator
        self._lock = Lock()
        self._late: list[OutgoingWebhook] = []
        self._answered: dict[tuple[str, ...], SandboxResponse] = {}
        self.set_faults(faults or Faults())

    @property
    def faults(self) -> Faults:
        return self._faults

    def set_faults(self, faults: Faults) -> None:
        self._faults = faults
        # Two sources of chance: how many webhooks there are does not change what happens to calls.
        self._calls, self._posts = Random(f"{faults.seed}/calls"), Random(f"{faults.seed}/webhooks")

    def answer(self, request: SandboxRequest) -> SandboxResponse:
        """Raises NoAnswer where the caller would wait in vain."""
        with self._lock:
            fault = self._draw()
            if fault == "timeout_before":
                raise NoAnswer(fault)
            if fault == "rate_limited":
                return self.simulator.refuse(429)
            if fault == "server_error":
                return self.simulator.refuse(self._calls.choice((500, 502, 503)))
            asked = (request.path, *(f"{name}={value}" for name, value in sorted(request.query.items())))
            if fault == "stale" and request.method == "GET" and asked in self._answered:
                return self._answered[asked]
            response = self.simulator.handle(request)
            if self._faults.stale and request.method == "GET" and response.status == 200:
                self._answered[asked] = response
            if fault == "timeout_after":
                raise NoAnswer(fault)
            if fault == "torn_answer":
                return replace(response, body=response.body[: self._calls.randrange(len(response.body) + 1)])
            return response

    def webhooks(self) -> list[OutgoingWebhook]:
        """What is to be sent now: some of it lost, doubled, kept for later, torn, or signed with another secret."""
        with self._lock:
            faults, rng = self._faults, self._posts
            waiting = self._late + self.simulator.take_webhooks()
            self._late = []
            sending: list[OutgoingWebhook] = []
            for webhook in waiting:
                if rng.random() < faults.lost:
                    continue
                if rng.random() < faults.late:
                    self._late.append(webhook)
                    continue
                sending.append(self._marred(webhook))
                if rng.random() < faults.doubled:
                    sending.append(webhook)
            if rng.random() < faults.reordered:
                rng.shuffle(sending)
            return sending

    def state(self) -> dict[str, Any]:
        with self._lock:
            return self.simulator.state()

    def seed(self, told: Mapping[str, Any]) -> dict[str, Any]:
        with self._lock:
            return self.simulator.seed(told)

    def _draw(self) -> str | None:
        chance = self._calls.random()
        for name in ("rate_limited", "server_error", "timeout_before", "timeout_after", "torn_answer", "stale"):
            chance -= getattr(self._faults, name)
            if chance < 0:
                return name
        return None

    def _marred(self, webhook: OutgoingWebhook) -> OutgoingWebhook:
        rng = self._posts
        if rng.random() < self._faults.torn_body:
            webhook = replace(webhook, body=webhook.body[: rng.randrange(len(webhook.body) + 1)])
        if rng.random() < self._faults.wrong_signature:
            signed = {name for name in webhook.headers if "signature" in name.lower() or "hmac" in name.lower()}
            webhook = replace(webhook, headers={name: text[::-1] if name in signed else text for name, text in webhook.headers.items()})
        return webhook
