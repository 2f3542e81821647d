"""Cin7 Core's HTTP API v2: two keys in the headers, errors in lists, in objects and inside 200, a limit that answers in three statuses."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple

import httpx

from adapters.files.exact_json import dumps, loads
from adapters.vendor.answers import NotUnderstood, VendorRefused, VendorTrouble
from adapters.vendor.http import retry_after
from adapters.vendor.shapes import Document, count, listed

BASE_URL: Final = "https://inventory.dearsystems.com/ExternalApi/v2"
PAGE_ROWS: Final = 1000
# A host that gives fewer rows than asked for gives at least so many, unless there are no more.
_FEWEST_ROWS: Final = 100
MOST_PAGES: Final = 2_000
# A way of several calls would seldom come to its end on a bad day if each read had one try only.
_MOST_READS: Final = 2
# The whole account rests so long where no header says how long. Calls run out of the minute one by one, so that one of them is soon let in.
LIMIT_SECONDS: Final = 9.0
_SHOWN_CHARACTERS: Final = 300
_LIMIT = re.compile(r"calls per \d+ seconds|api limit", re.IGNORECASE)
# The request never left us.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.ProxyError)


class _Passing(VendorTrouble):
    """Trouble that may be gone at the next try."""


class Done(NamedTuple):
    """It was done. `content` is the answer's JSON, None where there is none."""

    content: Any


class Refusal(NamedTuple):
    """It was not done; Cin7's own words say why."""

    message: str


class Uncertain(NamedTuple):
    """It was sent, and nobody knows what became of it."""

    reason: str


Written = Done | Refusal | Uncertain


class Client:
    """Calls of one account. `wrote`: has anything been written, or may it have been, since it was last set to False?"""

    def __init__(self, http: httpx.Client, base_url: str, account_id: str, application_key: str, wait_turn: Callable[[str], None]) -> None:
        self._http, self._base_url, self._wait_turn = http, base_url.rstrip("/"), wait_turn
        self._headers = {"accept": "application/json", "api-auth-accountid": account_id, "api-auth-applicationkey": application_key}
        self.wrote = False

    def read(self, path: str, **params: str) -> Any:
        """The answer's JSON, numbers with a fraction as `exact_json.Number`.

        Raises VendorTrouble, VendorRefused, and NotUnderstood with Cin7's words where it refuses the request itself.
        """
        asked = f"GET {path}"
        for _ in range(_MOST_READS - 1):
            with suppress(_Passing):
                return self._read(path, params, asked)
        return self._read(path, params, asked)

    def _read(self, path: str, params: Mapping[str, str], asked: str) -> Any:
        try:
            response = self._send("GET", path, params, None)
        except (httpx.HTTPError, httpx.InvalidURL) as failure:
            # A host that does not answer has taken its time already; whether it is there at all shows the next try.
            kind = VendorTrouble if isinstance(failure, httpx.ConnectError | httpx.InvalidURL) else _Passing
            raise kind(f"Cin7 did not answer {asked}: {type(failure).__name__}") from failure
        self._refused(response, asked)
        if response.status_code == 204:
            return None
        content = _content(response)
        said = complaint(content)
        if response.status_code >= 500 or response.is_redirect or (response.is_success and content is _TORN):
            raise _Passing(f"Cin7 answered {asked} with {response.status_code} and no JSON that could be read: check its base_url")
        if not response.is_success or said is not None:
            raise NotUnderstood(f"Cin7 refused {asked} with {response.status_code}: {said or _shown(response.text)}")
        return content

    def rows(self, path: str, *names: str, **params: str) -> Iterator[Document]:
        """Every row of a list, page by page; `names` are the list's names in the answer."""
        seen, first = 0, None
        for page in range(1, MOST_PAGES):
            content = self.read(path, Page=str(page), Limit=str(PAGE_ROWS), **params)
            rows = [row for row in listed(content, *names) if isinstance(row, Mapping)]
            # A list that knows no pages gives the same rows again.
            if not rows or rows[0] == first:
                return
            first, seen = rows[0], seen + len(rows)
            yield from rows
            total = count(content.get("Total")) if isinstance(content, Mapping) else None
            if seen >= total if total is not None else len(rows) < _FEWEST_ROWS:
                return
        raise VendorTrouble(f"Cin7's list {path} does not end after {MOST_PAGES} pages")

    def write(self, method: str, path: str, content: Mapping[str, Any] | None = None, **params: str) -> Written:
        """Raises VendorTrouble and VendorRefused only where it is certain that this call did nothing."""
        asked = f"{method} {path}"
        try:
            response = self._send(method, path, params, content)
        except _NOT_SENT as failure:
            raise VendorTrouble(f"Cin7 cannot be reached for {asked}: {type(failure).__name__}") from failure
        except (httpx.HTTPError, httpx.InvalidURL) as failure:
            return self._uncertain(f"Cin7 did not answer {asked}: {type(failure).__name__}")
        self._refused(response, asked)
        if response.status_code >= 500 or response.is_redirect:
            return self._uncertain(f"Cin7 answered {asked} with {response.status_code}")
        answered = None if response.status_code == 204 else _content(response)
        said = complaint(answered)
        if not response.is_success or said is not None:
            return Refusal(said or _shown(response.text))
        if answered is _TORN:
            return self._uncertain(f"Cin7 answered {asked} with what is no JSON")
        self.wrote = True
        return Done(answered)

    def _uncertain(self, reason: str) -> Uncertain:
        self.wrote = True
        return Uncertain(reason)

    def _send(self, method: str, path: str, params: Mapping[str, str], content: Mapping[str, Any] | None) -> httpx.Response:
        self._wait_turn("")
        body = None if content is None else dumps(content).encode()
        headers = self._headers if body is None else {**self._headers, "content-type": "application/json"}
        return self._http.request(method, f"{self._base_url}/{path}", params=params or None, content=body, headers=headers)

    def _refused(self, response: httpx.Response, asked: str) -> None:
        status = response.status_code
        if status in (401, 403):
            raise VendorRefused(
                f"Cin7 refused {asked} with {status}: check account_id and application_key of this ERP, and that the key is active"
            )
        if status == 429 or (status in (200, 400, 503) and _LIMIT.search(complaint(_content(response)) or "")):
            raise VendorTrouble(f"Cin7's limit of calls is reached ({asked})", _wait_said(response))
        if status in (408, 425):
            raise VendorTrouble(f"Cin7 answered {asked} with {status}", retry_after(response))


_TORN: Final = object()


def complaint(content: Any) -> str | None:
    """What an error of Cin7 says, in a list or an object, whatever the status; None where it is none."""
    first = content[0] if isinstance(content, list) and content else content
    if not isinstance(first, Mapping):
        return None
    found = {str(name).lower(): value for name, value in first.items()}
    said = found.get("exception")
    if said is None and "errorcode" in found:
        said = found.get("message", found["errorcode"])
    return _shown(str(said)) if said not in (None, "") else None


def _content(response: httpx.Response) -> Any:
    try:
        return loads(response.content.decode())
    except (ValueError, RecursionError):
        return _TORN


def _wait_said(response: httpx.Response) -> float:
    """`Retry-After` comes as `60 Seconds`."""
    digits = re.match(r"\s*(\d{1,5})\s*[a-z]+", response.headers.get("retry-after", ""), re.IGNORECASE)
    said = float(digits[1]) if digits else retry_after(response)
    return LIMIT_SECONDS if said is None else said


def _shown(text: str) -> str:
    return " ".join(text.split())[:_SHOWN_CHARACTERS] or "nothing more"
