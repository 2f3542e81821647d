"""What each kind of gap means, why it usually happens, whose it is and what to do: for the console and the runbook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from adapters.ways_out import UNREACHABLE
from domain.policy import DEFAULT_OWNERS, DEFAULT_SLA, GapKind


@dataclass(frozen=True, slots=True)
class Help:
    """`causes` and `todo` are sentences, the likeliest and the first thing to do in front."""

    area: str
    title: str
    means: str
    causes: tuple[str, ...]
    todo: tuple[str, ...]


MONEY: Final = "Money"
GOODS: Final = "Goods"
EXCHANGES: Final = "Exchanges"
WAY_TO_ERP: Final = "The way to the ERP"
PAYOUTS: Final = "Payouts"
AREAS: Final = (MONEY, GOODS, EXCHANGES, WAY_TO_ERP, PAYOUTS)

HELP: Final[dict[GapKind, Help]] = {
    GapKind.REFUND_WITHOUT_CREDIT_NOTE: Help(
        MONEY,
        "Refund without credit note",
        "Money went back to the customer and the ERP has no credit note for it: sales and tax are still too high by the whole refund.",
        (
            "The credit note waits for a step, such as the receipt of the goods, that has not happened yet.",
            "The way to the ERP is blocked; a second gap on the same return then says by what.",
            "The refund was made in the shop, past the returns platform, and nobody told the ERP.",
            "The credit note was voided.",
        ),
        (
            "Look at the timeline: if the goods are not in, chase the goods first.",
            "Look in the ERP for a note under the order's number. If it is there, import it as a credit note of this return.",
            "Otherwise book the credit note in the ERP. The gap closes by itself once the note is recorded.",
        ),
    ),
    GapKind.CREDIT_NOTE_WITHOUT_REFUND: Help(
        MONEY,
        "Credit note without refund",
        "The ERP credited the customer and no refund is known: either the customer waits for money, or the note is wrong.",
        (
            "The note is booked on receipt and the platform pays later.",
            "The refund was paid outside the platform, by bank transfer for instance.",
            "The refund failed or was reversed after the note was booked.",
            "The note was booked on the wrong return.",
        ),
        (
            "Look in the payment provider for the refund; if it was paid, import it as a refund of this return.",
            "If it was not paid and should be, have it released.",
            "If nothing is owed, void the credit note in the ERP.",
        ),
    ),
    GapKind.CREDIT_NOTE_MISMATCH: Help(
        MONEY,
        "Credit note of another value",
        "Refund and credit note are both there and differ beyond the tolerance. The breakdown says where: items, tax, shipping or fees.",
        (
            "Shipping was refunded and the note credits the items only, or the other way round.",
            "A restocking or label fee was kept back from the refund and not from the note.",
            "Tax was rounded by line on one side and by document on the other.",
            "A part of the return was refunded or credited and the rest is still to come.",
        ),
        (
            "Read the breakdown; one part alone usually names the cause.",
            "If the note is wrong, correct it in the ERP by a second note or by voiding it and booking it anew.",
            "If the refund is wrong, pay or collect the difference; where that is not worth it, accept it as it is, with a reason.",
            "If pennies come back daily, set a tolerance for the currency in the connection's policy.",
        ),
    ),
    GapKind.DUPLICATE_CREDIT_NOTE: Help(
        MONEY,
        "Duplicate credit note",
        "One or more whole credit notes too many: what was credited exceeds what was refunded by exactly their sum.",
        (
            "A person booked the note by hand while the integration booked it, too.",
            "A time-out was taken for a failure and the note was sent again.",
            "Two integrations post to the same ERP.",
        ),
        (
            "Compare the notes in the timeline: number, time, and who or what booked them.",
            "Void the one that has no refund behind it in the ERP.",
            "If both are right, a refund is missing: import it.",
        ),
    ),
    GapKind.ORPHAN_CREDIT_NOTE: Help(
        MONEY,
        "Orphan credit note",
        "A credit note in the ERP names no return at all.",
        (
            "It was booked by hand for a goodwill payment or a price correction.",
            "The reference to the order or return was mistyped.",
        ),
        (
            "Look in the ERP whom it credits and why.",
            "Match it to the order it belongs to; if it belongs to no return, accept it with a reason.",
        ),
    ),
    GapKind.OVER_REFUND: Help(
        MONEY,
        "Refunded more than the goods",
        "The customer got more than the announced lines are worth with their tax; shipping is left out of the comparison.",
        (
            "A goodwill amount or a fee was refunded on top.",
            "More units were refunded than announced, or a line is missing from the announcement.",
            "The same goods were refunded twice, by the platform and in the shop.",
        ),
        (
            "Compare the refunds in the timeline with the lines.",
            "If a refund was paid twice, collect it or ask the payment provider to reverse it.",
            "If it was meant, accept the difference with a reason.",
        ),
    ),
    GapKind.REFUND_BEFORE_RECEIPT: Help(
        GOODS,
        "Refund before receipt",
        "Money is out for units that neither the carrier nor the warehouse has: it is at risk until the goods come.",
        (
            "Instant refunds: the platform pays when the label is printed.",
            "The parcel is on its way, and its scan has not been told yet.",
            "The customer keeps the goods.",
        ),
        (
            "Within the usual transit time there is nothing to do: it closes with the scan or the receipt.",
            "Afterwards trace the parcel by the platform's label.",
            "If the goods will not come, charge the customer or write the value off.",
        ),
    ),
    GapKind.UNINSPECTED_ITEMS: Help(
        GOODS,
        "Received, not inspected",
        "Units lie in the warehouse and nobody has said in which condition they are.",
        (
            "The inspection queue is long.",
            "The goods were inspected and the result was not recorded against the return.",
        ),
        (
            "Find the units by return and SKU, usually in quarantine, and inspect them.",
            "If they were inspected, import the inspection, or choose where they go.",
        ),
    ),
    GapKind.UNRESTOCKED_ITEMS: Help(
        GOODS,
        "Saleable, not back in stock",
        "Units passed inspection and are not back in saleable stock: they could be sold and nobody sees them.",
        (
            "The put-away was done and not booked.",
            "The stock booking in the ERP failed, often for an unknown SKU.",
            "The units were booked into stock outside the return.",
        ),
        (
            "Look on the shelf of the SKU and in the ERP's stock history.",
            "Book the put-away in the ERP, or import it as a restock.",
        ),
    ),
    GapKind.DAMAGED_NOT_WRITTEN_OFF: Help(
        GOODS,
        "Damaged, not written off",
        "Units cannot be sold and are still worth something in the books.",
        (
            "The write-off waits for somebody's approval.",
            "The stock adjustment in the ERP was forgotten.",
        ),
        ("Write the units off in the ERP, or import the write-off.", "If they can be sold after all, choose another way for them."),
    ),
    GapKind.RESTOCKED_UNINSPECTED: Help(
        GOODS,
        "Restocked without inspection",
        "Units are back in saleable stock and were never inspected as saleable: the next customer may get a damaged one.",
        (
            "The warehouse skipped the inspection, or did not record it.",
            "The ERP restocks by itself when the credit note is booked.",
        ),
        (
            "Inspect the units on the shelf and record the result.",
            "If the ERP restocks on credit, turn that off or set the policy's restock_on to received.",
        ),
    ),
    GapKind.RECEIVED_SHORT: Help(
        GOODS,
        "Received short",
        "Fewer units came than were announced, and nothing more has come for a fortnight (or what the policy says).",
        (
            "The customer sent back less than announced.",
            "A second parcel is under way, or lost.",
            "Units were miscounted or booked on another return.",
        ),
        (
            "Ask the warehouse for the count and the customer or the carrier for the rest.",
            "If nothing more comes, correct the refund to what came.",
        ),
    ),
    GapKind.UNEXPECTED_UNITS: Help(
        GOODS,
        "More units than announced",
        "Units of a line came that the return does not announce: too many, or of a line that nobody knows.",
        (
            "The customer put more into the parcel.",
            "The wrong article came back.",
            "The line was told under another name by the warehouse than by the platform.",
        ),
        (
            "Look what was received, line by line.",
            "Amend the return in the platform, or send the units back to the customer.",
        ),
    ),
    GapKind.UNANNOUNCED_RETURN: Help(
        GOODS,
        "Unannounced return",
        "Goods or money moved for a return that no platform has announced.",
        (
            "The announcement is late: it closes by itself when it comes.",
            "The return was made past the platform, in a shop or by an unlabelled parcel.",
            "The id was mistyped, and the facts belong to another return.",
        ),
        (
            "Look for the id in the platform; if it is there, wait for it or import the return.",
            "If the id is wrong, correct it at its source and import it again.",
        ),
    ),
    GapKind.EXCHANGE_NOT_ORDERED: Help(
        EXCHANGES,
        "Exchange not ordered",
        "The customer wants another article, the goods are in, and there is no order for it.",
        (
            "The exchange order could not be raised: the SKU is unknown or out of stock.",
            "The order was raised by hand and does not name the return.",
        ),
        (
            "Raise the exchange order in the ERP, with the return's id.",
            "If the article cannot be had, agree on a refund with the customer.",
        ),
    ),
    GapKind.EXCHANGE_STUCK_IN_DRAFT: Help(
        EXCHANGES,
        "Exchange stuck in draft",
        "The exchange order exists and is only a draft: nothing ships.",
        ("Drafts are raised on purpose and wait for a check.", "The order lacks stock, an address or a price."),
        ("Open the draft in the ERP, mend what it lacks and authorise it.",),
    ),
    GapKind.ORDER_NOT_FOUND: Help(
        WAY_TO_ERP,
        "Order not found",
        "The return names an order that the ERP does not have, so nothing can be booked against it.",
        (
            "The order has not been transferred to the ERP yet.",
            "Shop and ERP name orders differently.",
            "The order is older than the ERP.",
        ),
        ("Find the order in the ERP by customer and date and match it to the return.", "If it is missing there, have it transferred."),
    ),
    GapKind.ORDER_NOT_INVOICED: Help(
        WAY_TO_ERP,
        "Order not invoiced",
        "The ERP has the order and no authorised invoice for it, so there is nothing that a credit note could credit.",
        ("The invoice is a draft or void.", "The order was never shipped or processed in the ERP."),
        ("Authorise the invoice or process the order in the ERP; the credit note follows by itself.",),
    ),
    GapKind.SKU_UNMATCHED: Help(
        WAY_TO_ERP,
        "SKU unknown to the ERP",
        "A returned article has a SKU that is not on the ERP's order.",
        ("The SKU was renamed.", "Platform and ERP use different codes for the same article."),
        ("Say which SKU of the ERP it is; the answer is remembered for later returns.",),
    ),
    GapKind.KIT_NOT_DECOMPOSED: Help(
        WAY_TO_ERP,
        "Kit not taken apart",
        "A set was returned, and it is not known which of its components, each with which value, go back to stock.",
        ("The kit's components are not set up in the ERP.", "The kit changed after it was sold."),
        ("Set up the components in the ERP, or book the components by hand.",),
    ),
    GapKind.DISPOSITION_UNMAPPED: Help(
        WAY_TO_ERP,
        "Condition without an action",
        "Units were inspected as something for which the policy has no action: restock, write off or hold.",
        ("The warehouse uses a new word.", "The word is misspelt."),
        ("Choose where the goods go: restock, quarantine or write-off.", "If the word is to stay, add it to the connection’s policy."),
    ),
    GapKind.INSTRUCTION_FAILED: Help(
        WAY_TO_ERP,
        "Instruction declined",
        "The ERP refused what it was told to book, or the ledger does not dare to send it.",
        ("A period is closed, an account is locked, or a field that must be there is missing.", "The credentials may not do it."),
        ("Read the ERP's reason in the timeline, mend its cause and retry.",),
    ),
    GapKind.INSTRUCTION_OUTCOME_UNKNOWN: Help(
        WAY_TO_ERP,
        "Outcome unknown",
        "An instruction was sent and no answer came: it may or may not be booked. It is never sent again blindly.",
        ("The ERP was slow or away in that moment.",),
        (
            "Usually nothing: the ledger asks the ERP for the document and goes on by itself.",
            "If it cannot find out, look in the ERP for the document and say what you found.",
        ),
    ),
    GapKind.PAYOUT_MISSING: Help(
        PAYOUTS,
        "Payout missing",
        "A refund should have been settled by its payment route and is in no payout.",
        ("The payout is later than usual.", "The refund failed at the bank after it was told as paid."),
        ("Look for the refund in the payment provider's balance report.", "If it failed, pay it another way and record that."),
    ),
    GapKind.PAYOUT_MISMATCH: Help(
        PAYOUTS,
        "Payout of another amount",
        "A refund is in a payout with another amount than it was told.",
        ("The provider kept a fee.", "The amount was converted between currencies."),
        ("Compare the provider's report with the refund and book the difference as a fee.",),
    ),
}


def title(kind: str) -> str:
    """What people call it; also what is no gap of the register, but of a line to the outside."""
    return "ERP cannot be reached" if kind == UNREACHABLE else HELP[GapKind(kind)].title


def usual_owner(kind: GapKind) -> str:
    """Who has to close it, and within which time, as long as no policy says otherwise."""
    hours = int(DEFAULT_SLA[kind].total_seconds()) // 3600
    return f"{DEFAULT_OWNERS[kind]}, within {'a day' if hours == 24 else f'{hours // 24} days' if hours % 24 == 0 else f'{hours} hours'}"
