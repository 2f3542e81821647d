"""Shopify's Admin API: GraphQL for orders, refunds and returns, REST for payouts; and the one command that there is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx

from adapters.files.exact_json import Number
from adapters.platforms.port import ConnectionSettings
from adapters.platforms.shopify.shapes import flat
from adapters.vendor.answers import Accepted, Answer, Declined, NotUnderstood, Unknown, VendorRefused, VendorTrouble
from adapters.vendor.http import Api

# Each version is served for a year, so a fixed one has to be moved on in time: `mappings.api.version` does that without a release.
DEFAULT_VERSION = "2026-04"
# Before it returns and dispositions had no dates, and a date of our own would be a guess.
FIRST_VERSION = "2025-07"
_VERSION = re.compile(r"20\d\d-(01|04|07|10)\Z")
# A query that one page of cannot hold is asked again so often; an order of 20,000 lines is none of a return's.
MOST_PAGES = 500
_SHOWN_CHARACTERS = 200


class Admin:
    """One shop. `ask` and `rest` raise VendorTrouble (try again), VendorRefused (a person must act) and NotUnderstood."""

    def __init__(self, connection: ConnectionSettings, http: httpx.Client, wait_turn: Callable[[], None]) -> None:
        credentials = connection.credentials
        self.version = connection.mappings.get("api", {}).get("version") or credentials.get("version") or DEFAULT_VERSION
        if self.version != "unstable" and not (_VERSION.match(self.version) and self.version >= FIRST_VERSION):
            raise ValueError(
                f"mappings.api.version: {self.version!r} is no version from {FIRST_VERSION} on; before it, returns have no dates"
            )
        shop = credentials.get("shop", "").removeprefix("https://").rstrip("/")
        self.host = connection.base_url or f"https://{shop if '.' in shop else f'{shop}.myshopify.com'}"
        headers = {"x-shopify-access-token": credentials.get("access_token", "")}
        self._api = Api("Shopify", http, self.host, headers, wait_turn)

    def ask(self, query: str, /, **variables: Any) -> dict[str, Any]:
        """The `data` of a GraphQL query, in the shape of `shapes.flat`."""
        return _as_object(flat(self._asked(query, variables)))

    def ask_whole(self, query: str, root: str, connection: str, /, **variables: Any) -> dict[str, Any] | None:
        """The object `root` of a query, its `connection` read to its end by `$after`; None where there is no such object."""
        whole: dict[str, Any] | None = None
        after: str | None = None
        for _ in range(MOST_PAGES):
            found = self._asked(query, {**variables, "after": after}).get(root)
            if found is None:
                return whole
            page = found[connection]
            if whole is None:
                whole = found
            else:
                whole[connection]["nodes"] += page["nodes"]
            after = _next_page(page)
            if after is None:
                whole[connection].pop("pageInfo", None)
                return _as_object(flat(whole))
        raise NotUnderstood(f"{connection} of {variables.get('id')} go on for more than {MOST_PAGES} pages")

    def pages(self, query: str, root: str, /, **variables: Any) -> Iterator[list[dict[str, Any]]]:
        """The nodes of a connection at the top of a query, page by page."""
        after: str | None = None
        while True:
            page = self._asked(query, {**variables, "after": after})[root]
            yield [_as_object(flat(node)) for node in page["nodes"]]
            after = _next_page(page)
            if after is None:
                return

    def rest(self, path: str, params: Mapping[str, str]) -> dict[str, Any] | None:
        """A document of the REST API; None where there is none."""
        answered = self._sent("GET", f"/admin/api/{self.version}/{path}", params=params)
        return None if answered is None else _as_object(answered)

    def command(self, mutation: str, what: str, reference: str, what_to_do: str, **variables: Any) -> Answer:
        """A mutation; its result has the name `what`. Raises VendorTrouble and VendorRefused where it is certain that nothing was done."""

        def read_answer(answered: Any) -> Answer:
            answered = answered if isinstance(answered, dict) else {}
            if answered.get("errors"):
                refusal = _refusal(answered)
                # Refused before anything was carried out, for the errors that say so; any other may have come in between.
                if isinstance(refusal, VendorRefused) or (isinstance(refusal, VendorTrouble) and "THROTTLED" in str(refusal)):
                    raise refusal
                return Unknown(str(refusal))
            result = (answered.get("data") or {}).get(what) if isinstance(answered.get("data"), dict) else None
            if not isinstance(result, dict):
                return Unknown(f"Shopify answered without {what}")
            wrong = [str(each.get("message")) for each in result.get("userErrors") or () if isinstance(each, dict)]
            if wrong:
                return Declined("refused", f"Shopify declined {what}: {'; '.join(wrong)[:_SHOWN_CHARACTERS]}", what_to_do)
            return Accepted(reference)

        path = f"/admin/api/{self.version}/graphql.json"
        content = {"query": " ".join(mutation.split()), "variables": variables}
        return self._api.command("POST", path, json=content, reference=reference, what_to_do=what_to_do, read_answer=read_answer)

    def _asked(self, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        path = f"/admin/api/{self.version}/graphql.json"
        answered = self._sent("POST", path, json={"query": " ".join(query.split()), "variables": variables})
        if answered is None:
            raise VendorRefused(f"{self.host}{path} is not there: check the shop's name, base_url and the API version")
        answered = _as_object(answered)
        if answered.get("errors"):
            raise _refusal(answered)
        return _as_object(answered.get("data"))

    def _sent(self, method: str, path: str, **content: Any) -> Any:
        try:
            return self._api.read(method, path, **content)
        except NotUnderstood as refused:
            # A shop that is frozen or locked (402, 423), or a request that it does not take: no fault of any delivery's.
            raise VendorRefused(str(refused)) from None


def _as_object(answered: Any) -> dict[str, Any]:
    if not isinstance(answered, dict):
        raise VendorTrouble("Shopify answered with JSON that is no object; the answer may be torn")
    return answered


def _next_page(page: Mapping[str, Any]) -> str | None:
    about = page.get("pageInfo") or {}
    return about.get("endCursor") if about.get("hasNextPage") else None


def _refusal(answered: dict[str, Any]) -> Exception:
    """GraphQL refuses with status 200: what the errors say decides who has to do something."""
    errors = answered["errors"] if isinstance(answered["errors"], list) else [{"message": answered["errors"]}]
    errors = [each if isinstance(each, dict) else {"message": each} for each in errors]
    codes = {str((each.get("extensions") or {}).get("code")).upper() for each in errors}
    said = "; ".join(str(each.get("message")) for each in errors)[:_SHOWN_CHARACTERS]
    if "THROTTLED" in codes or "throttled" in said.casefold():
        return VendorTrouble("Shopify asks to slow down (THROTTLED)", _restored_after_seconds(answered))
    if codes & {"ACCESS_DENIED", "UNAUTHORIZED", "FORBIDDEN", "SHOP_INACTIVE"}:
        return VendorRefused(f"Shopify refuses what was asked for: {said}; check the access token and its scopes")
    if codes & {"UNDEFINEDFIELD", "ARGUMENTLITERALSINCOMPATIBLE", "VARIABLEMISMATCH", "MAX_COST_EXCEEDED"}:
        return VendorRefused(f"Shopify does not understand what was asked for: {said}; check the API version in mappings.api.version")
    return VendorTrouble(f"Shopify could not answer: {said}")


def _restored_after_seconds(answered: dict[str, Any]) -> float | None:
    """How long until the bucket holds enough points for this query again."""
    cost = (answered.get("extensions") or {}).get("cost") or {}
    status = cost.get("throttleStatus") or {}
    try:
        lacking = _figure(cost["requestedQueryCost"]) - _figure(status["currentlyAvailable"])
        return max(lacking / _figure(status["restoreRate"]), 0.1)
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None


def _figure(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | Number):
        raise ValueError(value)
    return float(value)
