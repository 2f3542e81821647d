"""What vendors answer instead of an answer, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from adapters.vendor.answers import Accepted, Answer, Declined, NotUnderstood, Unknown, VendorRefused, VendorTrouble
from adapters.vendor.http import Api, retry_after


def api(answer: Callable[[httpx.Request], httpx.Response]) -> Api:
    return Api("Vendor", httpx.Client(transport=httpx.MockTransport(answer)), "https://vendor.test/v1/", {"x-key": "k"}, lambda: None)


def fails(error: Exception) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error

    return answer


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "120"}, 120.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "999999999"}, 86400.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 30.0),
        ({"retry-after": "2026-10-21T07:28:30Z", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(httpx.Response(429, headers=headers)) == seconds


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_technical_trouble_may_pass(status: int) -> None:
    with pytest.raises(VendorTrouble) as trouble:
        api(lambda request: httpx.Response(status, headers={"retry-after": "7"})).read("GET", "/a")
    assert trouble.value.retry_after_seconds == 7.0
    assert str(trouble.value) == f"Vendor answered GET /a with {status}"


def test_a_vendor_may_say_in_its_own_way_how_long_to_wait() -> None:
    http = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(429, json={"ErrorMessage": "size 12"})))
    own_way = Api("Vendor", http, "https://vendor.test", {}, lambda: None, lambda response: 12.0)
    with pytest.raises(VendorTrouble) as trouble:
        own_way.read("GET", "/a")
    assert trouble.value.retry_after_seconds == 12.0


@pytest.mark.parametrize(
    "error", [httpx.ReadTimeout("slow"), httpx.ConnectError("no route"), httpx.RemoteProtocolError("cut"), httpx.DecodingError("torn gzip")]
)
def test_no_answer_may_pass(error: Exception) -> None:
    with pytest.raises(VendorTrouble, match=type(error).__name__):
        api(fails(error)).read("GET", "/a")


@pytest.mark.parametrize("body", [b"", b'{"a": ', b"<html>", b"\xff", b'{"a": NaN}', b"[" * 100_000])
def test_torn_answers_may_pass(body: bytes) -> None:
    with pytest.raises(VendorTrouble, match="no JSON"):
        api(lambda request: httpx.Response(200, content=body)).read("GET", "/a")


@pytest.mark.parametrize("status", [401, 403])
def test_credentials_need_a_person(status: int) -> None:
    with pytest.raises(VendorRefused, match="check the credentials"):
        api(lambda request: httpx.Response(status)).read("GET", "/a")


def test_a_wrong_address_says_so() -> None:
    with pytest.raises(VendorTrouble, match="base_url"):
        api(lambda request: httpx.Response(301, headers={"location": "https://elsewhere.test"})).read("GET", "/a")


def test_what_is_not_there_is_nothing_and_what_is_refused_is_not_understood() -> None:
    assert api(lambda request: httpx.Response(404)).read("GET", "/a") is None
    assert api(lambda request: httpx.Response(204)).read("GET", "/a") is None
    with pytest.raises(NotUnderstood, match="refused GET /a with 400: no such id"):
        api(lambda request: httpx.Response(400, text="no such\n id")).read("GET", "/a")


def test_numbers_keep_their_digits() -> None:
    answer = api(lambda request: httpx.Response(200, content=b'{"id": 9007199254740993, "amount": 12.10}')).read("GET", "/a")
    assert (answer["id"], answer["amount"]) == (9007199254740993, "12.10")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (lambda request: httpx.Response(200, content=b"torn"), Accepted),
        (lambda request: httpx.Response(400), Declined),
        (lambda request: httpx.Response(409), Declined),
        (lambda request: httpx.Response(500), Unknown),
        (lambda request: httpx.Response(302), Unknown),
        (fails(httpx.ReadTimeout("slow")), Unknown),
        (fails(httpx.RemoteProtocolError("cut")), Unknown),
    ],
)
def test_commands_have_three_answers(answer: Callable[[httpx.Request], httpx.Response], expected: type[Answer]) -> None:
    assert isinstance(api(answer).command("PUT", "/a", json={}, reference="A", what_to_do="look"), expected)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (fails(httpx.ConnectError("no route")), VendorTrouble),
        (lambda request: httpx.Response(429), VendorTrouble),
        (lambda request: httpx.Response(403), VendorRefused),
    ],
)
def test_what_was_certainly_not_done_is_no_answer(answer: Callable[[httpx.Request], httpx.Response], error: type[Exception]) -> None:
    with pytest.raises(error):
        api(answer).command("PUT", "/a", json={}, reference="A", what_to_do="look")
