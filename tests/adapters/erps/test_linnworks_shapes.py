"""What is sent to Linnworks, and what its simulator answers, has the shapes of the vendor's own OpenAPI files. Only where they are."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from adapters.erps import linnworks
from adapters.erps.port import OVER_CREDIT, WOULD_PAY_AGAIN
from domain.erp_facts import Kind
from tests.adapters.erps.contract import KINDS, SHIRT, Job, code, last, matched
from tests.adapters.erps.linnworks_rig import LinnworksRig
from tests.adapters.erps.openapi_shapes import Swagger
from tests.adapters.erps.rig import Worker, credited, moved, work_of
from tests.adapters.erps.test_linnworks_money import reshaping

SPECS = Path(__file__).parents[4] / "shared" / "vendor" / "specs" / "linnworks"
pytestmark = pytest.mark.skipif(not SPECS.is_dir(), reason="the vendor's OpenAPI files are not here")


@pytest.mark.parametrize("kind", KINDS)
def test_an_instruction_s_calls_have_the_vendor_s_shapes(kind: Kind) -> None:
    rig = LinnworksRig()
    job = Job(rig, kind)
    Worker(rig).drive(job.work)
    rig.erp.find(job.work)
    assert faults(rig) == []


def test_reading_has_the_vendor_s_shapes() -> None:
    rig = LinnworksRig()
    rig.sandbox.seed({"kits": [{"sku": "BOX", "parts": [{"sku": "SOCKS", "quantity": 2}, {"sku": "SHIRT-M"}]}]})
    rig.sandbox.seed({"orders": [{"reference": "#1001", "lines": [{"sku": "BOX", "quantity": 2, "net": "50.00", "tax": "10.00"}]}]})
    matched(rig)
    rig.note_by_hand("#1001", "BOX", 1)
    rig.by_hand(**{"return": {"order": "#1001", "sku": "BOX", "units": 1, "location": rig.main}})
    rig.by_hand(resend={"order": "#1001", "sku": "BOX"})
    matched(rig)
    last(rig, None)
    rig.erp.levels(["SOCKS", "BOX"])
    rig.erp.check()
    assert faults(rig) == []


def test_refusals_have_the_vendor_s_shapes() -> None:
    rig = LinnworksRig()
    rig.seed_order("#1001", [SHIRT])
    order = matched(rig)
    rig.sandbox.seed({"by_hand": [{"refund": {"order": "#1001", "sku": "SHIRT-M", "units": 3}}]})
    assert code(Worker(rig).drive(work_of(rig, "post_credit_note", order=order, money=[credited(order.lines[0], 1)]))) == OVER_CREDIT
    assert faults(rig) == []


def test_what_is_taken_back_has_the_vendor_s_shapes() -> None:
    def paying(method: str, answer: Any) -> Any:
        for line in answer.get("RefundLines", []) if isinstance(answer, dict) else []:
            line["Internal"] = False
        for line in answer.get("Items", []) if method.endswith("CreateRMABooking") else []:
            line["RefundAmount"] = 46.0
        return answer

    rig = LinnworksRig(reshaping(paying))
    rig.seed_order("#1001", [SHIRT])
    order = matched(rig)
    assert code(Worker(rig).drive(work_of(rig, "post_credit_note", order=order, money=[credited(order.lines[0], 1)]))) == WOULD_PAY_AGAIN
    assert code(Worker(rig).drive(work_of(rig, "book_in", order=order, goods=[moved("SHIRT-M", 1, None, rig.main)]))) == WOULD_PAY_AGAIN
    assert rig.leftovers() == []
    assert {"ReturnsRefunds/DeleteRefund", "ReturnsRefunds/DeleteRMA"} <= set(rig.sandbox.calls)
    assert faults(rig) == []


def test_every_method_that_is_called_is_documented() -> None:
    room = "".join(path.read_text() for path in sorted(Path(linnworks.__file__).parent.glob("*.py")))
    called = set(re.findall(r'"((?:Auth|Orders|ProcessedOrders|ReturnsRefunds|Inventory|Stock)/\w+)"', room))
    known = {path.removeprefix("/api/") for one in specs() for _, path in one.paths}
    assert len(called) > 20
    assert called <= known


def specs() -> list[Swagger]:
    return [Swagger(path) for path in sorted(SPECS.glob("*.json")) if '"swagger"' in path.read_text()[:200]]


def faults(rig: LinnworksRig) -> list[str]:
    files = specs()
    found: list[str] = []
    assert rig.answers
    for answer in rig.answers:
        request = answer.request
        path = request.url.path.removeprefix("/linnworks")
        described = [(one, one.paths[request.method, path]) for one in files if (request.method, path) in one.paths]
        if not described:
            found.append(f"{request.method} {path} is not documented")
            continue
        swagger, operation = described[0]
        query = dict(parse_qsl(request.url.query.decode(), keep_blank_values=True))
        body = json.loads(request.content) if request.content else None
        found += [f"{path}: {fault}" for fault in swagger.request_faults(operation, query, body)]
        found += [f"{path}: {fault}" for fault in swagger.answer_faults(operation, answer.status_code, json.loads(answer.content))]
    return sorted(set(found))
