"""What we send to Cin7 Core and what its simulator answers, against the vendor's own OpenAPI file, where it is at hand."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from adapters.sandbox.faults import Front
from adapters.sandbox.port import SandboxRequest, SandboxResponse
from domain.erp_facts import Kind
from tests.adapters.erps.cin7_rig import WRITE_OFF, Cin7Rig
from tests.adapters.erps.contract import KINDS, Job, last
from tests.adapters.erps.rig import Worker

SPEC = Path(__file__).parents[4] / "shared" / "vendor" / "specs" / "cin7-core" / "cin7-core-v2-subset.openapi.json"
# Documented fields that this rendering of the vendor's blueprint leaves out of its examples.
NEWER = {
    "/stockadjustment": {"UpdateOnHand", "Comment"},
    "/sale/order": {"CombineAdditionalCharges"},
    "/sale": {"TaxInclusive", "SaleType"},
    "/sale/creditnote": {"SaleID", "CombineAdditionalCharges", "RestockLocation", "RestockLocationID", "CreditNotes"},
}
# The vendor lists a credit note's fields, and gives no example of the request: those of its answer are taken.
STANDS_FOR = {"/sale/creditnote": "sale_put_200_response_CreditNotes_inner", "/sale": "sale_post_200_response"}

pytestmark = pytest.mark.skipif(not SPEC.exists(), reason="the vendor's OpenAPI file is not here")


@cache
def spec() -> dict[str, Any]:
    told: dict[str, Any] = json.loads(SPEC.read_text())
    return told


class Noting(Front):
    """A front that remembers what went through it."""

    def __init__(self, *args: Any) -> None:
        self.seen: list[tuple[SandboxRequest, SandboxResponse]] = []
        super().__init__(*args)

    def answer(self, request: SandboxRequest) -> SandboxResponse:
        response = super().answer(request)
        self.seen.append((request, response))
        return response


def calls(kind: Kind) -> list[tuple[SandboxRequest, SandboxResponse]]:
    rig = Cin7Rig(Noting, accounts={**WRITE_OFF, "refund": "140"})
    job = Job(rig, kind)
    Worker(rig).drive(job.work)
    rig.erp.find(job.work)
    last(rig, None)
    assert isinstance(rig.front, Noting)
    return rig.front.seen


def schema(reference: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" in reference:
        return schema(spec()["components"]["schemas"][reference["$ref"].rsplit("/", 1)[-1]])
    return reference


def request_schema(path: str) -> Mapping[str, Any]:
    if path in STANDS_FOR:
        return schema({"$ref": STANDS_FOR[path]})
    return schema(spec()["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"])


def strangers(told: Any, known: Mapping[str, Any], where: str) -> Iterator[str]:
    """Names that the schema does not have. What it shows as empty, or as null, says nothing."""
    known = schema(known)
    if isinstance(told, list):
        for each in told:
            yield from strangers(each, known.get("items", {}), where)
    elif isinstance(told, dict):
        properties = known.get("properties")
        if not properties:
            return
        for name, value in told.items():
            if name not in properties:
                yield f"{where}/{name}"
            else:
                yield from strangers(value, properties[name], f"{where}/{name}")


@pytest.mark.parametrize("kind", KINDS)
def test_we_send_only_fields_that_are_documented(kind: Kind) -> None:
    sent = [
        (request.path.removeprefix("/ExternalApi/v2"), json.loads(request.body)) for request, _ in calls(kind) if request.method == "POST"
    ]
    assert sent
    for path, body in sent:
        allowed = NEWER.get(path, set())
        found = {one for one in strangers(body, request_schema(path), path) if one.rsplit("/", 1)[-1] not in allowed}
        assert not found


@pytest.mark.parametrize("kind", KINDS)
def test_we_call_only_paths_and_filters_that_are_documented(kind: Kind) -> None:
    documented = {(path.partition("?")[0].lower(), method.upper()): path for path, of in spec()["paths"].items() for method in of}
    for request, _ in calls(kind):
        path = request.path.removeprefix("/ExternalApi/v2").lower()
        assert (path, request.method) in documented
        whole = " ".join(known for known in spec()["paths"] if known.partition("?")[0].lower() == path)
        for name in request.query:
            assert f"{name}=" in whole, f"{path} has no {name}"


def test_the_simulator_answers_in_the_vendors_shapes() -> None:
    sale = "sale_Id__Combineadditionalcharges__Hideinventorymovements__Includetransactions__Countryformat__get_200_response"
    shapes = {
        "/sale": sale,
        "/saleList": "Pg__Lmt__Srch__Createdsince__Updatedsince__Etc1_200_response",
        "/ref/productavailability": "Productavailability_Pg__Lmt__Id__Name__Etc_200_response",
        "/stockTransferList": "stocktransferlist_Pg__Lmt__Sts__Srch__get_200_response",
        "/stockadjustmentList": "stockadjustmentlist_Pg__Lmt__Sts__get_200_response",
        "/inventoryWriteOffList": "inventorywriteofflist_Pg__Lmt__Sts__Srch__get_200_response",
        "/sale/payment": "salePayment_Saleid__get_200_response_inner",
    }
    checked = set()
    for kind in KINDS:
        for request, response in calls(kind):
            path = request.path.removeprefix("/ExternalApi/v2")
            if request.method != "GET" or path not in shapes:
                continue
            checked.add(path)
            told = json.loads(response.body)
            found = strangers(told[0] if isinstance(told, list) and told else told, {"$ref": f"/{shapes[path]}"}, path)
            assert set(found) == set()
    assert checked == set(shapes)
