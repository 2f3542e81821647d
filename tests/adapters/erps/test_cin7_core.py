"""Cin7 Core against its simulator: what every ERP has to keep, in both kinds of prices."""

from __future__ import annotations

from collections.abc import Callable

from adapters.sandbox.faults import Front
from adapters.sandbox.port import SandboxRequest, SandboxResponse
from adapters.vendor.answers import Accepted
from domain.erp_facts import Kind
from tests.adapters.erps.cin7_rig import Cin7Rig
from tests.adapters.erps.contract import SHIRT, ErpContract, matched
from tests.adapters.erps.rig import Worker, credited, moved, work_of


class TestCin7CoreKeepsTheContract(ErpContract):
    def rig(self, front: Callable[..., Front] = Front) -> Cin7Rig:
        return Cin7Rig(front)


class TestCin7CoreWithTaxInItsPricesKeepsTheContract(ErpContract):
    """And with refusals inside 200, and a limit that answers 503."""

    def rig(self, front: Callable[..., Front] = Front) -> Cin7Rig:
        return Cin7Rig(front, inclusive=True, errors_in_200=True, limit_status=503)


class Lacking(Front):
    """A host that does not know some of the calls."""

    CALLS = ("product", "ref/location", "salecreditnotelist")

    def answer(self, request: SandboxRequest) -> SandboxResponse:
        if request.path.lower().endswith(self.CALLS):
            return SandboxResponse(404)
        return super().answer(request)


def test_a_host_without_its_reference_lists_is_worked_with_by_names_alone() -> None:
    rig = Cin7Rig(Lacking)
    rig.seed_order("#1001", [SHIRT])
    order = matched(rig)
    goods = [moved("SHIRT-M", 2, None, "Quarantine")]
    note = work_of(rig, "post_credit_note", order=order, money=[credited(order.lines[0], 2)], goods=goods)
    assert isinstance(Worker(rig).drive(note), Accepted)
    ways: list[tuple[Kind, str | None, str | None]] = [
        ("move", "Quarantine", "Damaged"),
        ("write_off", "Damaged", None),
        ("book_in", None, "Damaged"),
    ]
    for kind, source, target in ways:
        answer = Worker(rig).drive(work_of(rig, kind, order=order, goods=[moved("SHIRT-M", 1, source, target)]))
        assert isinstance(answer, Accepted), answer
    assert (rig.stock("SHIRT-M", "Quarantine"), rig.stock("SHIRT-M", "Damaged")) == (1, 1)
    told = [document for page in rig.erp.changes(None, rig.clock()) for document in page.documents]
    assert [document.number for document in told if document.kind == "credit_note"] == ["CR-00001"]
