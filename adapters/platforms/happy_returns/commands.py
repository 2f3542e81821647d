"""What Happy Returns can be asked to do: approve a return, which pays, and hear what the warehouse found, which does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from adapters.platforms.happy_returns.client import MOST_CONTENTS, HappyReturnsClient
from adapters.platforms.happy_returns.posts import Post, Unit, read_post
from adapters.platforms.happy_returns.told import part_of
from adapters.platforms.tables import Tables
from adapters.vendor.answers import Accepted, Answer, Declined, Unknown
from domain.telling import write_instant

CONDITIONS: Final = frozenset({"damaged", "sellable", "missing", "wrong-item"})


class Content(NamedTuple):
    """One physical item as the warehouse found it. Without `item_id` it is one that nobody could identify, of `unidentified_type`."""

    item_id: str | None
    bag_barcode: str
    checked_in_at: datetime
    disposition: str
    unidentified_type: str | None = None


class Commands:
    """Remembers what it asked to be approved and got no answer for: that is never sent again, only asked about."""

    def __init__(self, client: HappyReturnsClient, tables: Tables, strip_suffix: bool) -> None:
        self._client, self._tables, self._strip_suffix = client, tables, strip_suffix
        self._unanswered: set[str] = set()

    def release_refund(self, return_id: str, order: str, conditions: Mapping[str, str]) -> Answer:
        """`return_id` as the ledger has it; `conditions` by line. Reads first what is approved: sent is only the rest.

        Raises VendorTrouble and VendorRefused only where it is certain that nothing was done.
        """
        if wrong := sorted(set(conditions.values()) - CONDITIONS):
            return Declined("condition", f"{wrong[0]!r} is no condition; they are {', '.join(sorted(CONDITIONS))}", "map the disposition")
        found: list[tuple[Unit, bool]] = []
        for document in self._client.returns_by("orderNumber", order):
            post = read_post(document, strip_suffix=self._strip_suffix)
            approved = self._approved(post)
            found += [
                (unit, approved or unit.approved_at is not None)
                for unit in post.units
                if return_id in (unit.return_id, part_of(unit.return_id, unit.order)) and unit.order is not None
                if unit.order.lstrip("#") == order.lstrip("#")
            ]
        waiting = [unit for unit, approved in found if not approved]
        self._unanswered -= {unit.item_id for unit, approved in found if approved and unit.item_id is not None}
        code = next((unit.express_code for unit, _ in found if unit.express_code is not None), None)
        if not found or code is None:
            return Declined("unknown_return", f"Happy Returns has no return {return_id} of order {order}", "look it up in its dashboard")
        if not waiting:
            return Accepted(code)
        if any(unit.item_id is None for unit in waiting):
            return Declined("no_item_id", f"items of return {return_id} have no id to approve them by", "approve it in the dashboard")
        if self._unanswered & {str(unit.item_id) for unit in waiting}:
            return Unknown(f"the approval of {code} was sent before, and Happy Returns does not show it yet")
        self._unanswered |= {str(unit.item_id) for unit in waiting}
        answer = self._approve(code, waiting, conditions)
        if not isinstance(answer, Unknown):
            self._unanswered -= {str(unit.item_id) for unit in waiting}
        return answer

    def tell_contents(self, contents: Sequence[Content]) -> Answer:
        """A thousand at a time. What follows one that was not accepted is not sent."""
        nameless = 0
        items: list[dict[str, Any]] = []
        for content in contents:
            item: dict[str, Any] = {
                "happyReturnsItemID": content.item_id or "unidentified",
                "returnBagBarcode": content.bag_barcode,
                "checkedInAt": write_instant(content.checked_in_at),
                "disposition": content.disposition,
            }
            if content.item_id is None:
                item |= {"unidentifiedItemType": content.unidentified_type or "other", "unidentifiedItemIndex": nameless}
                nameless += 1
            items.append(item)
        answer: Answer = Accepted("nothing to tell")
        for first in range(0, len(items), MOST_CONTENTS):
            batch = items[first : first + MOST_CONTENTS]
            answer = self._client.return_contents(batch, f"{len(batch)} items")
            if not isinstance(answer, Accepted):
                return answer
        return answer

    def _approve(self, code: str, waiting: Sequence[Unit], conditions: Mapping[str, str]) -> Answer:
        returning = []
        for unit in waiting:
            condition = conditions.get(unit.line)
            item: dict[str, Any] = {"happyReturnsItemID": unit.item_id, "approve": True}
            returning.append(item | ({"condition": condition} if condition is not None else {}))
        try:
            return self._client.approve(code, returning)
        except Exception:
            # Certain that nothing was done: it may be sent again.
            self._unanswered -= {str(unit.item_id) for unit in waiting}
            raise

    def _approved(self, post: Post) -> bool:
        words = [word for event in post.events for word in (str(event), event.event, event.type_id) if word]
        return any(self._tables.meaning("events", word) == "approved" for word in words)
