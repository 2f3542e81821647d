"""Faults by seed: the same again for the same seed, and each what its name says."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from adapters.sandbox.faults import Faults, Front, NoAnswer
from adapters.sandbox.port import OutgoingWebhook, SandboxRequest, SandboxResponse
from adapters.sandbox.transport import SandboxTransport

GET = SandboxRequest("GET", "/count")


class Counter:
    """The smallest vendor: counts its requests, and sends a webhook for each."""

    def __init__(self) -> None:
        self.count = 0
        self.sent = 0

    def handle(self, request: SandboxRequest) -> SandboxResponse:
        self.count += 1
        return SandboxResponse.of({"count": self.count, "path": request.path, "query": dict(request.query), "body": request.json()})

    def refuse(self, status: int) -> SandboxResponse:
        return SandboxResponse.of({"vendor": "too many" if status == 429 else "broken"}, status)

    def take_webhooks(self) -> list[OutgoingWebhook]:
        new = [
            OutgoingWebhook("counted", {"X-Vendor-Signature": "abc", "x-topic": "t"}, b"body %d" % n) for n in range(self.sent, self.count)
        ]
        self.sent = self.count
        return new

    def state(self) -> dict[str, Any]:
        return {"count": self.count}

    def seed(self, told: Any) -> dict[str, Any]:
        self.count = told["count"]
        return {}


def outcomes(faults: Faults, calls: int = 60) -> list[object]:
    front = Front(Counter(), faults)
    seen: list[object] = []
    for _ in range(calls):
        try:
            answer = front.answer(GET)
            seen.append((answer.status, answer.body))
        except NoAnswer as silence:
            seen.append(str(silence))
        seen += [webhook.body for webhook in front.webhooks()]
    return seen


def test_a_seed_repeats_a_day_and_another_is_another_day() -> None:
    assert outcomes(Faults.at(1.0, 7)) == outcomes(Faults.at(1.0, 7))
    assert outcomes(Faults.at(1.0, 7)) != outcomes(Faults.at(1.0, 8))


def test_a_good_day_has_no_faults() -> None:
    front = Front(Counter(), Faults.at(0, 7))
    assert [front.answer(GET).status for _ in range(50)] == [200] * 50
    assert [webhook.body for webhook in front.webhooks()] == [b"body %d" % n for n in range(50)]


def test_the_vendor_never_saw_it_or_did_it_and_nobody_heard() -> None:
    for fault, seen in (("timeout_before", 0), ("timeout_after", 1)):
        counter = Counter()
        with pytest.raises(NoAnswer):
            Front(counter, Faults.read({fault: 1})).answer(GET)
        assert counter.count == seen


def test_calls_are_refused_in_the_vendors_own_shape() -> None:
    assert Front(Counter(), Faults(rate_limited=1.0)).answer(GET) == Counter().refuse(429)
    broken = Front(Counter(), Faults(server_error=1.0)).answer(GET)
    assert (broken.status in (500, 502, 503), broken.body) == (True, b'{"vendor": "broken"}')


def test_an_answer_breaks_off_and_what_was_asked_is_done() -> None:
    counter = Counter()
    front, whole = Front(counter, Faults(torn_answer=1.0)), Counter().handle(GET).body
    torn = [front.answer(GET).body for _ in range(20)]
    assert counter.count == 20
    assert any(len(body) < len(whole) for body in torn)


def test_an_api_may_be_older_than_its_webhook() -> None:
    front = Front(Counter(), Faults(stale=1.0))
    first = front.answer(GET)
    assert front.answer(GET) == first
    assert front.answer(SandboxRequest("POST", "/count")) != first
    front.set_faults(Faults())
    assert front.answer(GET) != first


@pytest.mark.parametrize(
    ("faults", "sent"),
    [
        (Faults(lost=1.0), []),
        (Faults(doubled=1.0), [b"body 0", b"body 0", b"body 1", b"body 1"]),
        (Faults(), [b"body 0", b"body 1"]),
    ],
)
def test_webhooks_go_astray(faults: Faults, sent: list[bytes]) -> None:
    front = Front(Counter(), faults)
    front.seed({"count": 2})
    assert [webhook.body for webhook in front.webhooks()] == sent
    assert front.webhooks() == []


def test_late_webhooks_come_in_the_end_and_shuffled_ones_in_another_order() -> None:
    front = Front(Counter(), Faults(late=1.0))
    front.seed({"count": 2})
    assert front.webhooks() == []
    front.set_faults(Faults(seed=3, reordered=1.0))
    front.seed({"count": 12})
    bodies = [webhook.body for webhook in front.webhooks()]
    assert bodies != sorted(bodies)
    assert set(bodies) == {b"body %d" % n for n in range(12)}


def test_a_wrong_signature_changes_nothing_else() -> None:
    front = Front(Counter(), Faults(wrong_signature=1.0))
    front.seed({"count": 1})
    assert front.webhooks() == [OutgoingWebhook("counted", {"X-Vendor-Signature": "cba", "x-topic": "t"}, b"body 0")]


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"gremlins": 1}, "'gremlins' is no fault"),
        ({"lost": 2}, "lost must be a chance from 0 to 1, not 2"),
        ({"level": True}, "level must be a chance from 0 to 1, not True"),
        ({"seed": "x"}, "seed must be a whole number"),
    ],
)
def test_faults_that_do_not_exist_are_refused(told: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Faults.read(told)


def test_a_client_meets_the_simulator_as_it_would_meet_the_vendor() -> None:
    with httpx.Client(transport=SandboxTransport(Counter(), prefix="/vendor"), base_url="https://sandbox.test/vendor") as client:
        answer = client.post("/count", params={"sort": "+a", "q": "b c"}, json={"n": 2**60}).json()
        assert answer == {"count": 1, "path": "/count", "query": {"sort": "+a", "q": "b c"}, "body": {"n": 2**60}}
    with httpx.Client(transport=SandboxTransport(Counter(), Faults(timeout_after=1.0))) as client, pytest.raises(httpx.ReadTimeout):
        client.get("https://sandbox.test/count")
