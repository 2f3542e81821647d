"""Shopify writes the same things in two ways: here GraphQL's answers get the shape of REST documents and webhooks, and ids one form."""

from __future__ import annotations

import re
from typing import Any

from adapters.files.exact_json import Number

_HUMP = re.compile(r"(?<=[a-z0-9])([A-Z])")


def number_of(identity: object) -> str | None:
    """The digits of an id, every one of them: of `890…`, `"890…"` and `gid://shopify/Refund/890…`; None where there are none.

    A number with a fraction or an exponent is none: its last digits are lost.
    """
    if isinstance(identity, bool | Number) or not isinstance(identity, str | int):
        return None
    digits = str(identity).rpartition("/")[2].partition("?")[0].strip()
    return digits if digits.isascii() and digits.isdigit() else None


def id_of(holder: object) -> str | None:
    """The digits of a document's own id, by whichever name it has one."""
    if not isinstance(holder, dict):
        return None
    return number_of(holder.get("id")) or number_of(holder.get("admin_graphql_api_id"))


def gid(kind: str, number: str) -> str:
    return f"gid://shopify/{kind}/{number}"


def flat(answer: Any) -> Any:
    """A GraphQL answer as REST writes it: `shopMoney` is `shop_money`, and a connection is the list of its nodes."""
    if isinstance(answer, dict):
        if isinstance(answer.get("nodes"), list):
            return [flat(node) for node in answer["nodes"]]
        return {_HUMP.sub(lambda hump: f"_{hump[1].lower()}", name): flat(value) for name, value in answer.items()}
    return [flat(each) for each in answer] if isinstance(answer, list) else answer
