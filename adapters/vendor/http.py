"""One vendor's HTTP API: every way of not answering becomes one of the port's errors, and commands get one of three answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from adapters.files.exact_json import loads
from adapters.vendor.answers import Accepted, Answer, Declined, NotUnderstood, Unknown, VendorRefused, VendorTrouble

_AGAIN_LATER = (408, 425, 429)
# The request never left us.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.ProxyError)
_SHOWN_CHARACTERS = 200
_LONGEST_WAIT_SECONDS = 86_400.0


class Api:
    """`vendor` is its name in messages; `headers` authenticate. `wait_turn` is called before each request.

    `wait_said` reads from an answer how many seconds the vendor asks to wait, where it says so in its own way; `Retry-After` is known.
    """

    def __init__(
        self,
        vendor: str,
        http: httpx.Client,
        base_url: str,
        headers: Mapping[str, str],
        wait_turn: Callable[[], None],
        wait_said: Callable[[httpx.Response], float | None] = lambda response: None,
    ) -> None:
        self._vendor = vendor
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._headers = {"accept": "application/json", **headers}
        self._wait_turn = wait_turn
        self._wait_said = wait_said

    def read(self, method: str, path: str, *, params: Mapping[str, str] | None = None, json: Any = None, absent: int = 404) -> Any:
        """The answer's JSON, numbers with a fraction as `exact_json.Number`; None for 204 and for the status `absent`.

        Raises VendorTrouble, VendorRefused, and NotUnderstood where the vendor refuses the request itself.
        """
        asked = f"{method} {path}"
        try:
            response = self._send(method, path, params, json)
        except (httpx.HTTPError, httpx.InvalidURL) as failure:
            raise VendorTrouble(f"{self._vendor} did not answer {asked}: {_named(failure)}") from failure
        self._refused(response, asked)
        if response.status_code in (204, absent):
            return None
        if not response.is_success:
            raise NotUnderstood(f"{self._vendor} refused {asked} with {response.status_code}: {_said(response)}")
        try:
            return loads(response.content.decode())
        except (ValueError, RecursionError) as torn:
            raise VendorTrouble(f"{self._vendor} answered {asked} with what is no JSON; the answer may be torn") from torn

    def command(
        self, method: str, path: str, *, json: Any, reference: str, what_to_do: str, read_answer: Callable[[Any], Answer] | None = None
    ) -> Answer:
        """Ask for something to be done. `what_to_do` is what a person can do where it is declined.

        `read_answer` makes the answer of the JSON of a success, for a vendor that says there what became of it (GraphQL); what is no JSON
        leaves it unknown.

        Raises VendorTrouble and VendorRefused only where it is certain that nothing was done.
        """
        asked = f"{method} {path}"
        try:
            response = self._send(method, path, None, json)
        except _NOT_SENT as failure:
            raise VendorTrouble(f"{self._vendor} cannot be reached for {asked}: {_named(failure)}") from failure
        except (httpx.HTTPError, httpx.InvalidURL) as failure:
            return Unknown(f"{self._vendor} did not answer {asked}: {_named(failure)}")
        if response.status_code >= 500 or response.is_redirect:
            return Unknown(f"{self._vendor} answered {asked} with {response.status_code}")
        self._refused(response, asked)
        if response.is_success and read_answer is not None:
            try:
                return read_answer(loads(response.content.decode()))
            except (ValueError, RecursionError):
                return Unknown(f"{self._vendor} answered {asked} with what is no JSON; the answer may be torn")
        if response.is_success:
            return Accepted(reference)
        return Declined(str(response.status_code), f"{self._vendor} declined {asked}: {_said(response)}", what_to_do)

    def _send(self, method: str, path: str, params: Mapping[str, str] | None, json: Any) -> httpx.Response:
        self._wait_turn()
        return self._http.request(method, self._base_url + path, params=params, json=json, headers=self._headers)

    def _refused(self, response: httpx.Response, asked: str) -> None:
        status = response.status_code
        if status in (401, 403):
            raise VendorRefused(f"{self._vendor} refused {asked} with {status}: check the credentials of this connection, and their rights")
        if status in _AGAIN_LATER or status >= 500:
            said = self._wait_said(response)
            raise VendorTrouble(f"{self._vendor} answered {asked} with {status}", retry_after(response) if said is None else said)
        if response.is_redirect:
            raise VendorTrouble(f"{self._vendor} answered {asked} with {status}, which leads elsewhere: check the connection's base_url")


def retry_after(response: httpx.Response) -> float | None:
    """Seconds to wait, of a `Retry-After` in seconds (whole or not) or as a date; None where there is none that makes sense."""
    said = response.headers.get("retry-after", "").strip()
    try:
        wait_seconds = float(said)
    except ValueError:
        until, since = _date(said), _date(response.headers.get("date", ""))
        if until is None:
            return None
        # By the vendor's own clock, where it shows it: ours may differ.
        wait_seconds = (until - (since or datetime.now(UTC))).total_seconds()
    return min(max(wait_seconds, 0.0), _LONGEST_WAIT_SECONDS) if wait_seconds == wait_seconds else None


def _date(text: str) -> datetime | None:
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            at = read(text)
        except (ValueError, TypeError):
            continue
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    return None


def _named(failure: Exception) -> str:
    return f"{type(failure).__name__} {failure}".strip()[:_SHOWN_CHARACTERS]


def _said(response: httpx.Response) -> str:
    return " ".join(response.text.split())[:_SHOWN_CHARACTERS] or "nothing more"
