"""Money is released once, on every platform that can be told to pay: a lost answer, a slow API and a restart lead to one payment."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from adapters.platforms.happy_returns.platform import HappyReturns
from adapters.platforms.port import Releasing
from adapters.platforms.returngo.platform import ReturnGo
from adapters.platforms.reveni.platform import Reveni
from adapters.platforms.shopify.platform import Shopify
from adapters.sandbox.faults import Faults, Front, NoAnswer
from adapters.sandbox.port import SandboxRequest, SandboxResponse
from adapters.sandbox.returngo import ReturnGoSandbox
from adapters.sandbox.shopify.shop import Order, Return
from adapters.vendor.answers import Accepted, Answer, Declined, Unknown, VendorRefused, VendorTrouble
from tests.adapters.platforms import test_returngo as returngo
from tests.adapters.platforms import test_reveni as reveni
from tests.adapters.platforms.contract import SteppedClock
from tests.adapters.platforms.shop_rig import COAT, SHIRT, ShopRig, platform_of, shop_rig, units

RELEASED_BY = {"release": {"status": "Validated"}}


@pytest.mark.parametrize("platform", [HappyReturns, ReturnGo, Reveni, Shopify])
def test_every_platform_can_be_told(platform: type) -> None:
    assert issubclass(platform, Releasing)


def cut(front: Front, command: Callable[[SandboxRequest], bool], *, heard: bool) -> list[SandboxRequest]:
    """The line breaks at every command: behind the vendor's back (`heard`), or before it. Gives what was sent."""
    ask, sent = front.answer, list[SandboxRequest]()

    def answer(request: SandboxRequest) -> SandboxResponse:
        if not command(request):
            return ask(request)
        sent.append(request)
        if heard:
            ask(request)
        raise NoAnswer("the line was cut")

    front.answer = answer  # type: ignore[method-assign]  # only commands are cut
    return sent


def code(answer: Answer) -> str:
    assert isinstance(answer, Declined), answer
    assert answer.what_to_do
    return answer.code


class TestReturnGo:
    def ready(self, **mappings: dict[str, str]) -> tuple[ReturnGo, Front, ReturnGoSandbox, str]:
        sandbox = ReturnGoSandbox(SteppedClock())
        front = Front(sandbox)
        return returngo.platform_of(front, **mappings), front, sandbox, sandbox.rmas.create([returngo.SHIRT])

    def test_without_a_status_that_refunds_nothing_is_sent(self) -> None:
        platform, _, sandbox, rma = self.ready()
        answer = platform.release_refund(rma, "#1001")
        assert code(answer) == "not_supported"
        assert "mappings.release.status" in str(answer)
        assert sandbox.rmas.documents[rma]["rmaSummary"]["status"] == "Pending"

    def test_what_is_paid_or_asked_for_is_not_asked_for_again(self) -> None:
        platform, _, sandbox, rma = self.ready(**RELEASED_BY)
        paid = sandbox.rmas.refund(rma, "45.99", status="Requested")
        assert platform.release_refund(rma, "#1001") == Accepted(paid)
        sandbox.rmas.settle(paid)
        assert platform.release_refund(rma, "#1001") == Accepted(paid)
        assert sandbox.rmas.documents[rma]["rmaSummary"]["status"] == "Pending"
        sandbox.rmas.settle(paid, "Failed")
        assert platform.release_refund(rma, "#1001") == Accepted(rma)
        assert sandbox.rmas.documents[rma]["rmaSummary"]["status"] == "Validated"

    def test_a_lost_answer_is_one_payment(self) -> None:
        platform, front, _, rma = self.ready(**RELEASED_BY)
        sent = cut(front, lambda request: request.method == "PUT", heard=True)
        assert isinstance(platform.release_refund(rma, "#1001"), Unknown)
        assert platform.release_refund(rma, "#1001") == Accepted(rma)
        assert returngo.platform_of(front, **RELEASED_BY).release_refund(rma, "#1001") == Accepted(rma), "also after a restart"
        assert [request.path for request in sent] == [f"/rma/{rma}/status"]

    def test_what_the_api_does_not_show_yet_stays_unknown(self) -> None:
        platform, front, sandbox, rma = self.ready(**RELEASED_BY)
        sent = cut(front, lambda request: request.method == "PUT", heard=False)
        assert [type(platform.release_refund(rma, "#1001")) for _ in range(3)] == [Unknown] * 3
        assert len(sent) == 1
        sandbox.rmas.refund(rma, "45.99")
        assert isinstance(platform.release_refund(rma, "#1001"), Accepted)

    def test_what_is_over_is_declined(self) -> None:
        platform, _, sandbox, rma = self.ready(**RELEASED_BY)
        sandbox.rmas.cancel(rma)
        done = sandbox.rmas.create([returngo.SHIRT])
        sandbox.rmas.finish(done)
        assert [code(platform.release_refund(each, "#1001")) for each in (rma, done, "4711")] == ["ended", "ended", "unknown_return"]


class TestReveni:
    def ready(self) -> tuple[reveni.ReveniRig, Reveni, str]:
        of = reveni.rig()
        assert of.sandbox is not None
        return of, reveni.platform_of(of.front), of.sandbox.create([{"sku": "SHIRT-M", "quantity": 2}, {"sku": "COAT-38"}])

    def test_what_nobody_decided_on_is_accepted(self) -> None:
        of, platform, return_id = self.ready()
        assert of.sandbox is not None
        of.sandbox.documents[return_id]["return_items"][1] |= {"status": "rejected", "reject_reason": "defect"}
        assert platform.release_refund(return_id, "#1001") == Accepted(return_id)
        assert [item["status"] for item in of.sandbox.documents[return_id]["return_items"]] == ["accepted", "rejected"]
        assert platform.release_refund(return_id, "#1001") == Accepted(return_id)

    def test_what_is_paid_or_on_its_way_is_left_alone(self) -> None:
        of, platform, return_id = self.ready()
        assert of.sandbox is not None
        paid = of.sandbox.pay_instantly(return_id, "45.99", status="pending")
        sent = cut(of.front, lambda request: request.method == "POST", heard=True)
        assert platform.release_refund(return_id, "#1001") == Accepted(paid)
        assert sent == []

    @pytest.mark.parametrize("heard", [True, False])
    def test_a_lost_answer_is_one_payment(self, heard: bool) -> None:
        of, platform, return_id = self.ready()
        sent = cut(of.front, lambda request: request.path.endswith("/partial_validate"), heard=heard)
        assert isinstance(platform.release_refund(return_id, "#1001"), Unknown)
        assert isinstance(platform.release_refund(return_id, "#1001"), Accepted if heard else Unknown)
        assert len(sent) == 1

    def test_what_cannot_be_released_is_declined(self) -> None:
        of, platform, return_id = self.ready()
        assert of.sandbox is not None
        bare, empty, gone = (of.sandbox.create([{"sku": "SHIRT-M"}]) for _ in range(3))
        of.sandbox.validate(return_id, {"*": "defect"})
        of.sandbox.documents[bare]["return_items"][0].pop("id")
        of.sandbox.documents[empty]["return_items"] = []
        of.sandbox.cancel(gone)
        codes = [code(platform.release_refund(each, "#1001")) for each in (return_id, bare, empty, gone, "nobody")]
        assert codes == ["decided_otherwise", "no_item_id", "unknown_item", "ended", "unknown_return"]


def is_mutation(request: SandboxRequest) -> bool:
    return b"mutation" in request.body


class TestShopify:
    def ready(self, **order: object) -> tuple[ShopRig, Shopify, Order, Return]:
        rig = shop_rig()
        made = rig.shop.order([SHIRT, COAT], **order)  # type: ignore[arg-type]
        back = rig.shop.request_return(made, units(made, 1, 1))
        rig.shop.approve(back)
        return rig, platform_of(rig.front), made, back

    def test_it_is_refunded_as_shopify_suggests(self) -> None:
        _, platform, order, back = self.ready(taxes_included=True)
        assert platform.release_refund(str(back.id), order.name) == Accepted(str(back.id))
        [refund] = order.refunds
        assert (refund.shop_return, sum(payment.amount for payment in refund.transactions)) == (back, 23_040)
        assert platform.release_refund(str(back.id), order.name) == Accepted(str(refund.id))
        assert len(order.refunds) == 1

    @pytest.mark.parametrize("heard", [True, False])
    def test_a_lost_answer_is_one_payment(self, heard: bool) -> None:
        rig, platform, order, back = self.ready()
        sent = cut(rig.front, is_mutation, heard=heard)
        assert isinstance(platform.release_refund(str(back.id), order.name), Unknown)
        assert isinstance(platform.release_refund(str(back.id), order.name), Accepted if heard else Unknown)
        assert (len(sent), len(order.refunds)) == (1, int(heard))

    def test_after_a_restart_shopify_itself_makes_one_of_two(self) -> None:
        """An API older than what was done shows no refund yet: the units cannot be processed twice."""
        rig, platform, order, back = self.ready()
        ask, shown = rig.front.answer, dict[bytes, SandboxResponse]()

        def stale(request: SandboxRequest) -> SandboxResponse:
            return ask(request) if is_mutation(request) else shown.setdefault(request.body, ask(request))

        rig.front.answer = stale  # type: ignore[method-assign]  # as it was at first, for ever
        assert isinstance(platform.release_refund(str(back.id), order.name), Accepted)
        assert code(platform_of(rig.front).release_refund(str(back.id), order.name)) == "refused"
        assert len(order.refunds) == 1

    def test_a_torn_answer_is_unknown(self) -> None:
        rig, platform, order, back = self.ready()
        ask = rig.front.answer

        def torn(request: SandboxRequest) -> SandboxResponse:
            answered = ask(request)
            return SandboxResponse(200, answered.headers, answered.body[:30]) if is_mutation(request) else answered

        rig.front.answer = torn  # type: ignore[method-assign]  # only the command's answer is torn
        assert isinstance(platform.release_refund(str(back.id), order.name), Unknown)
        assert isinstance(platform.release_refund(str(back.id), order.name), Accepted)
        assert len(order.refunds) == 1

    def test_without_the_right_to_write_nothing_is_done(self) -> None:
        rig, platform, order, back = self.ready()
        assert rig.sandbox is not None
        rig.sandbox._scopes.remove("write_returns")
        with pytest.raises(VendorRefused, match="scopes"):
            platform.release_refund(str(back.id), order.name)
        rig.front.set_faults(Faults(rate_limited=1.0))
        with pytest.raises(VendorTrouble):
            platform.release_refund(str(back.id), order.name)
        assert order.refunds == []

    def test_what_cannot_be_released_is_declined(self) -> None:
        rig, platform, order, back = self.ready()
        shop = rig.shop
        requested = shop.request_return(order, units(order, 1))
        swapped = shop.request_return(order, units(order, 1), exchange=[{"sku": "SHIRT-L"}])
        processed = shop.request_return(order, units(order, 1))
        for each in (swapped, processed):
            shop.approve(each)
        shop.process(processed, refund=False)
        numbers = [str(each.id) for each in (requested, swapped, processed)]
        codes = [code(platform.release_refund(each, order.name)) for each in (*numbers, "4711", "order-1")]
        assert codes == ["ended", "exchange", "processed_already", "unknown_return", "not_supported"]
        shop.refund(order, units(order, 2, 1))
        assert code(platform.release_refund(str(back.id), order.name)) == "refunded_already"
