"""Rows on both sides of the door: bad ones of every sort with what is said of them, and those on the edge that are facts all the same."""

from typing import Any

from tests.examples import CONTRACT_EXAMPLES

LINE = CONTRACT_EXAMPLES["Initiated"]["lines"][0]
ABSENT = object()
Row = dict[str, Any]


def row(name: str, **other: Any) -> Row:
    """The example of a fact, with some fields told otherwise."""
    told = {**CONTRACT_EXAMPLES[name], **other}
    return {field: value for field, value in told.items() if value is not ABSENT}


def received(**other: Any) -> Row:
    return row("Received", **other)


def units(quantity: Any) -> Row:
    return received(lines=[{"line": "1", "quantity": quantity}])


def initiated(**other: Any) -> Row:
    return row("Initiated", **other)


def announced(*lines: Row) -> Row:
    return initiated(lines=list(lines))


def line(**other: Any) -> Row:
    return {field: value for field, value in {**LINE, **other}.items() if value is not ABSENT}


def refunded(**other: Any) -> Row:
    return row("Refunded", **other)


def paid(**amount: Any) -> Row:
    return refunded(amount=amount)


# Every sort of bad row: the row, the field that is named, and what is said of it.
BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    # Which fact, whose, when
    "no fact": (received(fact=ABSENT), "fact", "is missing; it must be one of Initiated, ScannedAtReturnBar, Received"),
    "an unknown fact": (received(fact="Refund"), "fact", "'Refund' is not known; it must be one of Initiated"),
    "a fact in small letters": (received(fact="received"), "fact", "'received' is not known"),
    "a fact that is a number": (received(fact=3), "fact", "'3' is not known"),
    "no merchant": (received(merchant=ABSENT), "merchant", "is missing"),
    "an empty merchant": (received(merchant=" "), "merchant", "must be printable text that is not empty"),
    "a merchant too long": (received(merchant="m" * 121), "merchant", "must be at most 120 characters"),
    "no platform": (received(platform=ABSENT), "platform", "is missing"),
    "a platform in capitals": (received(platform="ReturnGO"), "platform", "must be a lower-case name such as returngo, not 'ReturnGO'"),
    "no return": (received(**{"return": ABSENT}), "return", "is missing"),
    "a return that is null": (received(**{"return": None}), "return", "is missing"),
    "a return that is a number": (received(**{"return": 1001}), "return", "must be text, not 1001"),
    "a return with a tab": (received(**{"return": "RMA\t1"}), "return", "must be printable text"),
    "a return of half a character": (received(**{"return": "\ud83d"}), "return", "must be text"),
    "an empty source_id": (received(source_id=""), "source_id", "must be printable text that is not empty"),
    "a by that is no text": (received(by={"name": "Anna"}), "by", "must be text"),
    "no instant": (received(occurred_at=ABSENT), "occurred_at", "is missing; write when it happened"),
    "an instant that is null": (received(occurred_at=None), "occurred_at", "is missing"),
    "an instant without offset": (received(occurred_at="2026-10-07T08:15:30"), "occurred_at", "is not an instant with its offset"),
    "a day": (received(occurred_at="2026-10-07"), "occurred_at", 'write it as "2026-10-02T09:30:00+01:00"'),
    "a day that does not exist": (received(occurred_at="2026-02-30T08:00:00Z"), "occurred_at", "is no date and time that exists"),
    "a second too many": (received(occurred_at="2026-06-30T23:59:60Z"), "occurred_at", "is no date and time that exists"),
    "before the first day": (received(occurred_at="0001-01-01T00:00:00+01:00"), "occurred_at", "is no date and time that exists"),
    "seconds since 1970": (received(occurred_at=1791000000), "occurred_at", "must be an instant with its offset"),
    # Which fields
    "a misspelt field": (received(locaton="Dock 4"), "locaton", "is not a field of Received; check the spelling (it has location, lines"),
    "a field of another fact": (row("Cancelled", refund="RF-1"), "refund", "is not a field of Cancelled"),
    "a misspelt field of a line": (announced(line(price="1")), "lines[0].price", "is not a known field; check the spelling"),
    "a missing field": (initiated(order=ABSENT), "order", "is missing"),
    "a missing field of a line": (announced(line(), line(line="2", sku=ABSENT)), "lines[1].sku", "is missing"),
    "two things wrong": (refunded(refund=7, method="cash"), "refund", "must be text, not 7 (and 1 more)"),
    # Which words
    "an unknown resolution": (initiated(resolution="refunds"), "resolution", "must be 'refund', 'exchange' or 'store_credit'"),
    "an unknown method": (refunded(method="cash"), "method", "must be 'original_payment', 'store_credit', 'gift_card'"),
    "an unknown status": (row("ExchangeOrdered", status="open"), "status", "must be 'draft', 'authorised' or 'dispatched', not 'open'"),
    "a kit that is a number": (announced(line(kit=1)), "lines[0].kit", "must be a name, or true or false, not 1"),
    # Which lines
    "lines that are no list": (received(lines="all"), "lines", "must be a list, not 'all'"),
    "a line that is no object": (received(lines=["1"]), "lines[0]", "must be an object, not '1'"),
    "no lines announced": (announced(), "lines", "must name at least one line"),
    "nothing received": (received(lines=[]), "lines", "must name at least one line; leave the field out to mean all of them"),
    "nothing wanted in exchange": (initiated(exchange=[]), "exchange", "leave the field out where there is none"),
    "inspected, but not what": (row("Inspected", lines=None), "lines", "must be a list, not None"),
    "a line that stands twice": (announced(line(), line()), "lines", "line '1' stands twice; lines are unique within a return"),
    "a quantity of 0": (units(0), "lines[0].quantity", "must be a whole number from 1 to 1000000, not 0"),
    "a quantity below 0": (units(-1), "lines[0].quantity", "must be a whole number"),
    "a quantity as text": (units("2"), "lines[0].quantity", "must be a whole number"),
    "half a unit": (units(0.5), "lines[0].quantity", "must be a whole number"),
    "a quantity that is true": (units(True), "lines[0].quantity", "must be a whole number"),
    "a quantity beyond all": (units(10**6 + 1), "lines[0].quantity", "must be a whole number"),
    # Which money
    "no currency": (refunded(currency=ABSENT), "currency", "is missing; give its three capital letters, such as GBP"),
    "an unknown currency": (refunded(currency="GBX"), "currency", "'GBX' is not a currency of ISO 4217"),
    "a currency in small letters": (initiated(currency="gbp"), "currency", "'gbp' is not a currency of ISO 4217"),
    "no amount": (refunded(amount=ABSENT), "amount", "is missing"),
    "an amount that is no object": (refunded(amount="12.00"), "amount", "must be an object, not '12.00'"),
    "an amount without total": (paid(items="12.00"), "amount.total", "is missing"),
    "a number": (paid(total=12), "amount.total", 'must be a decimal string such as "45.99", not a number'),
    "a total below 0": (paid(total="-1.00"), "amount.total", "must not be negative; only fees may be"),
    "tax below 0": (paid(total="1.00", tax="-0.01"), "amount.tax", "must not be negative; only fees may be"),
    "a digit too many": (paid(total="1.234"), "amount.total", "'1.234' has 3 digits after the point; GBP has 2"),
    "pence of yen": (refunded(currency="JPY", amount={"total": "12.50"}), "amount.total", "has 2 digits after the point; JPY has 0"),
    "a sum that does not add up": (
        paid(items="10.00", tax="2.00", shipping="3.00", fees="-1.00", total="15.00"),
        "amount",
        "items + tax + shipping + fees are 14.00, but total is 15.00; mend one, or leave out what is not known",
    ),
    "an unknown part": (paid(total="1.00", discount="1.00"), "amount.discount", "is not a known field"),
    "more than there is": (paid(total="10000000000000"), "amount.total", "is larger than any refund can be"),
    "a line's items as a number": (announced(line(items=118)), "lines[0].items", "must be a decimal string"),
}

# Rows on the edge that are facts all the same.
GOOD: dict[str, dict[str, Any]] = {
    "null optional fields": initiated(
        exchange=None, erp=None, source_id=None, by=None, lines=[line(order_line=None, reason=None, kit=None)]
    ),
    "lines that are null": received(lines=None, location=None),
    "nothing was paid": paid(total="0"),
    "fees ate all of it": paid(items="5.00", tax="0", shipping="0.00", fees="-5", total="0"),
    "minus nothing": paid(items="-0.00", total="0.00"),
    "parts that don't add up, one unknown": paid(items="10.00", tax="2.00", total="99.00"),
    "yen": refunded(currency="JPY", amount={"items": "1250", "tax": "125", "total": "1375"}),
    "dinars": refunded(currency="KWD", amount={"total": "1.234"}),
    "as much as there is": paid(total="9999999999999.99"),
    "a million units": units(1_000_000),
    "names of people's systems": received(
        merchant="Müller/Söhne & Co. 50% off?#", platform="own-portal.v2", **{"return": "#1001/ä 🎁\\%2F"}
    ),
    "the longest names": received(merchant="ü" * 120, platform="p" * 60, **{"return": "🎁" * 200}),
    "a nanosecond clock": received(occurred_at="2026-10-07t08:15:30.123456789z"),
    "the first instant": received(occurred_at="0001-01-01T00:00:00Z"),
    "the last instant": received(occurred_at="9999-12-31T23:59:59.999999Z"),
    "a kit, but nobody says which": announced(line(kit=True)),
    "one line in two places": row(
        "Restocked", lines=[{"line": "1", "quantity": 1, "location": "A"}, {"line": "1", "quantity": 1, "location": "B"}]
    ),
    "a row that came back": received(error="lines: is missing", line_number=17),
}
