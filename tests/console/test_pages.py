"""The console's pages: complete without script, honest about the moment, and unimpressed by hostile names."""

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest

from api.bootstrap import House
from domain.policy import GapKind
from tests.api.serving import asking, credited, fact, initiated, refunded, tell

HOSTILE = "<script>alert('x')</script>\"&amp;<img src=x onerror=alert(1)>"
ONE = "/returns/acme/returngo/R-1"
LISTS = ["/", "/gaps", "/work", "/returns", "/connections", "/inbox", "/outbox", "/tie-out", "/journal"]
PAGES = [*LISTS, "/kinds", ONE, f"{ONE}?view=timeline", f"{ONE}?view=raw&n=2"]


class Read(HTMLParser):
    """A page as a reader of its structure sees it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def links(self) -> list[str]:
        return [str(one["href"]) for one in self.all("a") if one.get("href")]


def show(client: httpx.Client, path: str, status: int = 200) -> Read:
    answer = client.get(path, headers={"Accept": "text/html"})
    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return Read(answer.text)


@pytest.fixture
def shop(house: House) -> House:
    tell(
        house,
        initiated("R-1", quantity=2),
        fact("Received", "R-1", "2026-10-02T00:00:00Z", lines=[{"line": "1", "quantity": 2}]),
        refunded(
            "R-1", "44.95", "2026-10-03T00:00:00Z", amount={"items": "40.00", "tax": "0", "shipping": "4.95", "fees": "0", "total": "44.95"}
        ),
        credited(
            "R-1", "40.00", "2026-10-04T00:00:00Z", amount={"items": "40.00", "tax": "0", "shipping": "0", "fees": "0", "total": "40.00"}
        ),
        initiated("R-2", currency="JPY"),
        refunded("R-2", "1234567", currency="JPY"),
    )
    return house


def test_every_page_stands_without_script_and_is_well_made(shop: House, client: httpx.Client) -> None:
    for path in PAGES:
        page = show(client, path)
        assert page.all("style") == []
        assert [str(one["src"]).partition("?")[0] for one in page.all("script")] == ["/console/console.js"]
        for tag, attributes in page.tags:
            assert "style" not in attributes, (path, tag)
            assert not [name for name in attributes if name.startswith("on")], (path, tag)
        assert [one["lang"] for one in page.all("html")] == ["en"]
        assert len(page.all("h1")) == len(page.all("main")) == len(page.all("header")[:1]) == 1
        assert page.all("nav")[0]["aria-label"]
        assert len(page.all("caption")) == len(page.all("table"))
        assert all(one.get("scope") for one in page.all("th"))
        names = [one["id"] for _, one in page.tags if one.get("id")]
        assert len(names) == len(set(names)), f"ids of {path} stand twice"
        for one in page.all("input"):
            assert one.get("id") or one.get("type") in ("checkbox", "hidden") or one.get("name"), path


def test_no_page_takes_anything_from_elsewhere(shop: House, client: httpx.Client) -> None:
    for path in PAGES:
        page = show(client, path)
        addresses = [
            str(one.get("href") or one.get("src") or one.get("action")) for tag, one in page.tags if tag in ("a", "link", "img", "form")
        ]
        assert addresses
        assert [one for one in addresses if not one.startswith(("/", "#"))] == []


def test_every_link_leads_somewhere(shop: House, client: httpx.Client) -> None:
    seen: set[str] = set()
    for path in PAGES:
        for link in show(client, path).links():
            base, _, fragment = link.partition("#")
            if base.startswith(("/api/exports/", "/journal/export")) or "/evidence." in base or base in seen or not base:
                continue
            seen.add(base)
            answer = client.get(base, headers={"Accept": "text/html"})
            assert answer.status_code == 200, (path, link)
            if fragment:
                assert f'id="{fragment}"' in answer.text, link
    assert len(seen) > 20


def test_the_first_page_counts_by_kind_and_currency(shop: House, client: httpx.Client) -> None:
    text = show(client, "/").text
    assert "4.95" in text
    assert "1,234,567" in text
    assert "Credit note of another value" in text
    assert "Refund without credit note" in text
    # JPY and GBP are never one figure.
    assert "1,234,571" not in text
    assert "credit note CN-R-1 is 40.00 GBP: 4.95 GBP less, the shipping." in show(client, "/gaps").text


def test_filters_stand_in_the_address_and_can_be_taken_away(shop: House, client: httpx.Client) -> None:
    page = show(client, "/gaps?kind=credit_note_mismatch&merchant=acme&sort=-amount")
    assert "R-1" in page.text
    assert "R-2" not in page.text
    assert [one["value"] for one in page.all("input") if one.get("name") == "kind" and "checked" in one] == ["credit_note_mismatch"]
    away = [parse_qs(urlsplit(link).query) for link in page.links() if link.startswith("/gaps?")]
    assert {"kind": ["credit_note_mismatch"], "sort": ["-amount"]} in away
    assert {"merchant": ["acme"], "sort": ["-amount"]} in away
    nothing = show(client, "/gaps?merchant=nobody").text
    assert "No gap answers to these filters." in nothing


def test_what_an_empty_field_sends_is_dropped(client: httpx.Client) -> None:
    answer = client.get("/gaps?kind=over_refund&merchant=&as_of=&return=%20a")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/gaps?kind=over_refund&return=%20a"


def test_pages_of_the_list_follow_each_other(house: House, client: httpx.Client) -> None:
    tell(house, *(refunded(f"R-{number:02}") for number in range(30)))
    seen: list[str] = []
    link: str | None = "/gaps?kind=refund_without_credit_note&limit=7"
    while link:
        page = show(client, link)
        seen += [one for one in page.links() if one.startswith("/returns/acme/")]
        following = [str(one["href"]) for one in page.all("a") if one.get("rel") == "next"]
        link = following[0].partition("#")[0] if following else None
    assert len(seen) == len(set(seen)) == 30


def test_the_list_is_searched(shop: House, client: httpx.Client) -> None:
    assert "R-2" not in show(client, "/gaps?q=kind:mismatch").text
    assert "R-1" not in show(client, "/gaps?q=amount:%3E100").text
    assert "R-1" in show(client, "/gaps?q=-kind:refund_without r-1").text
    wrong = show(client, "/gaps?q=knd:mismatch")
    assert "'knd' is nothing to search by" in wrong.text
    assert [one["value"] for one in wrong.all("input") if one.get("id") == "search"] == ["knd:mismatch"], "what was typed stays"
    mine = [link for link in show(client, "/gaps?q=owner:me,finance").links() if link.startswith("/api/exports/")]
    assert mine == [f"/api/exports/gaps.{kind}?q=owner%3Asomebody%2Cfinance" for kind in ("xlsx", "csv")]


def test_the_list_can_be_turned_round(shop: House, client: httpx.Client) -> None:
    page = show(client, "/gaps?sort=amount")
    assert [one["aria-sort"] for one in page.all("th") if one.get("aria-sort")] == ["ascending"]
    assert any("sort=-amount" in link for link in page.links())
    assert [one["aria-sort"] for one in show(client, "/gaps?sort=-amount").all("th") if one.get("aria-sort")] == ["descending"]


def test_what_was_closed_last_stands_first_in_closed_lately(house: House, client: httpx.Client) -> None:
    for number, day in (("R-1", "05"), ("R-2", "09"), ("R-3", "07")):
        tell(house, initiated(number), refunded(number), credited(number, at=f"2026-10-{day}T09:00:00Z"))
    view = next(link for link in show(client, "/gaps").links() if "sort=-closed_at" in link)
    page = show(client, view + "&kind=refund_without_credit_note")
    assert list(dict.fromkeys(re.findall(r"\bR-\d", page.text))) == ["R-2", "R-3", "R-1"]
    turned = next(link for link in page.links() if "sort=closed_at" in link)
    assert list(dict.fromkeys(re.findall(r"\bR-\d", show(client, turned).text))) == ["R-1", "R-3", "R-2"]
    assert client.get("/api/gaps?sort=closed_at&limit=1&status=open").status_code == 200


def test_looking_back_is_said_on_every_page(shop: House, client: httpx.Client) -> None:
    for path in ("/", "/gaps", "/tie-out", ONE):
        page = show(client, f"{path}?as_of=2026-10-03T12:00:00Z&known_at=2999-01-01T00:00:00Z")
        assert "Looking back. What had happened by 3 Oct 2026, 12:00 UTC, as it was known at 1 Jan 2999, 00:00 UTC" in page.text
        assert path in page.links(), "the way back to now"
        assert "Looking back" not in show(client, path).text
    then = show(client, "/gaps?as_of=2026-10-03T12:00:00Z")
    assert "Refund without credit note" in then.text
    assert any("/returns/acme/returngo/R-1?as_of=2026-10-03T12%3A00%3A00Z" in link for link in then.links()), "the moment goes along"


def test_a_return_with_its_history(shop: House, client: httpx.Client) -> None:
    page = show(client, "/returns/acme/returngo/R-1")
    text = page.text
    assert "Return R-1" in text
    for words in ("Initiated", "Received", "Refunded", "Credit noted"):
        assert words in text
    assert "opened Received, not inspected" in text
    assert "closed Refund without credit note" in text
    assert "4.95 GBP less, the shipping." in text
    assert {"#event-3", "#event-4"} <= set(page.links())
    assert [one["id"] for one in page.all("li") if str(one.get("id", "")).startswith("event-")] == [f"event-{n}" for n in (1, 2, 3, 4)]
    assert "What to do" in text
    assert "lines.1.quarantine" in text
    before = show(client, "/returns/acme/returngo/R-1?as_of=2026-10-02T00:00:00Z").text
    assert "Refunded RF" not in before
    assert "Credit noted" not in before


def test_facts_told_late_are_marked(house: House, client: httpx.Client) -> None:
    at = datetime.now(UTC).isoformat()
    tell(house, refunded("late", at="2026-10-02T00:00:00Z"), refunded("fresh", at=at))
    assert re.search(r"recorded \d+ \S+ later", show(client, "/returns/acme/returngo/late").text)
    assert not re.search(r"recorded \d+ \S+ later", show(client, "/returns/acme/returngo/fresh").text)


def test_hostile_names_stay_words(house: House, client: httpx.Client) -> None:
    lines = [{"line": HOSTILE, "sku": HOSTILE, "quantity": 1, "items": "1.00", "tax": "0", "reason": HOSTILE + "\n\t\x07"}]
    tell(
        house,
        initiated(HOSTILE, merchant=HOSTILE, lines=lines, order=HOSTILE, erp=HOSTILE, by=HOSTILE, source_id=HOSTILE),
        fact("Received", HOSTILE, merchant=HOSTILE, location=HOSTILE),
        fact("Inspected", HOSTILE, merchant=HOSTILE, lines=[{"line": HOSTILE, "quantity": 1, "disposition": HOSTILE}]),
        refunded(HOSTILE, merchant=HOSTILE, refund=HOSTILE),
        credited(HOSTILE, "3.00", merchant=HOSTILE, credit_note=HOSTILE, erp=HOSTILE),
        refunded(HOSTILE, merchant="other"),
    )
    one = f"/returns/{quote(HOSTILE, safe='')}/returngo/{quote(HOSTILE, safe='')}"
    paths = [
        "/gaps",
        "/returns",
        "/tie-out",
        "/journal",
        one,
        f"{one}?view=timeline",
        f"{one}?view=raw",
        f"/gaps?q={quote(HOSTILE)}",
        f"/gaps?merchant={quote(HOSTILE)}&return={quote('x' + HOSTILE)}",
        f"/find?q={quote(HOSTILE, safe='')}",
    ]
    for path in paths:
        page = show(client, path)
        assert len(page.all("script")) == 1, path
        assert all(str(one["src"]).startswith("/console/") for one in page.all("img")), path
        assert HOSTILE in " ".join(page.words) or HOSTILE in str(page.tags), path
    page = show(client, "/find?q=" + quote("nobody" + HOSTILE, safe=""), status=404)
    assert len(page.all("script")) == 1
    assert one in show(client, "/gaps").links()


def test_a_return_is_found_by_what_a_person_types(house: House, client: httpx.Client) -> None:
    tell(house, refunded("HR/1"), refunded("R-2"), refunded("R-2", merchant="b"))
    tell(house, initiated("R-3"), credited("R-3", credit_note="CN7 (id 57)"))
    for typed in ("CN7", "CN7 (id 57)"):
        assert client.get("/find", params={"q": typed}).headers["location"] == "/returns/acme/returngo/R-3"
    for typed in ("HR/1", " HR/1 ", "acme/returngo/HR/1"):
        answer = client.get("/find", params={"q": typed})
        assert (answer.status_code, answer.headers["location"]) == (303, "/returns/acme/returngo/HR%2F1")
    page = show(client, "/find?q=R-2")
    assert {"/returns/acme/returngo/R-2", "/returns/b/returngo/R-2"} <= set(page.links())
    assert "No return is called" in show(client, "/find?q=R-9", status=404).text


def test_what_cannot_be_asked_is_said_on_a_page(shop: House, client: httpx.Client) -> None:
    for path in ("/gaps?kind=nonsense", "/gaps?knd=over_refund", "/?as_of=soon", "/returns?stage=lost", "/gaps?cursor=x"):
        assert "That cannot be asked" in show(client, path, status=422).text
    assert "Nothing is known of a return" in show(client, "/returns/acme/returngo/R-9", status=404).text


def test_the_badge_says_whether_it_ties_out(shop: House, client: httpx.Client) -> None:
    assert "Ties out" in show(client, "/").text
    assert "Everything ties out." in show(client, "/tie-out").text
    with shop.connection() as conn:
        conn.execute("UPDATE gaps SET amount_minor = amount_minor + 1 WHERE kind = 'credit_note_mismatch'")
    with asking(shop) as fresh:
        page = show(fresh, "/")
        assert "Does not tie out" in page.text
        proof = show(fresh, "/tie-out")
        assert "1 row does not tie out." in proof.text
        assert "-0.01" in proof.text


def test_the_demo_says_so_on_every_page(shop: House, client: httpx.Client) -> None:
    with asking(shop, demo=True) as demo:
        for path in PAGES:
            assert "Demo house." in show(demo, path).text
            assert "Demo house." not in show(client, path).text
        assert "Demo house." in show(demo, "/nowhere", status=404).text


def test_a_return_that_was_set_aside_says_so(shop: House, client: httpx.Client) -> None:
    with shop.connection() as conn:
        conn.execute("INSERT INTO set_aside VALUES ('acme', 'returngo', 'R-1', 1, 'KeyError: <b>')")
    text = show(client, "/returns/acme/returngo/R-1").text
    assert "Set aside." in text
    assert "KeyError: <b>" in text


def test_an_empty_house(client: httpx.Client) -> None:
    assert "Nothing is open." in show(client, "/").text
    assert "No money has moved." in show(client, "/tie-out").text
    show(client, "/returns")


def test_the_guide_explains_every_kind(client: httpx.Client) -> None:
    page = show(client, "/kinds")
    assert {str(one.get("id")) for one in page.all("article")} == set(map(str, GapKind))


def test_the_style_sheet_may_be_kept_for_ever(client: httpx.Client) -> None:
    [link] = [str(one["href"]) for one in show(client, "/kinds").all("link") if one.get("rel") == "stylesheet"]
    answer = client.get(link)
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in answer.headers["cache-control"]
    assert "url(" not in answer.text
    assert "@import" not in answer.text
    assert "prefers-color-scheme: dark" in answer.text
    assert "@media print" in answer.text


def test_what_holds_no_secret_comes_squeezed_to_whoever_takes_it(client: httpx.Client) -> None:
    for name in ("console.css", "console.js"):
        plain = client.get(f"/console/{name}", headers={"Accept-Encoding": "identity"})
        squeezed = client.get(f"/console/{name}", headers={"Accept-Encoding": "br, gzip"})
        assert "content-encoding" not in plain.headers
        assert squeezed.headers["content-encoding"] == "gzip"
        assert int(squeezed.headers["content-length"]) < int(plain.headers["content-length"]) / 2
        assert squeezed.content == plain.content
        assert plain.headers["vary"] == squeezed.headers["vary"] == "Accept-Encoding"
        refused = client.get(f"/console/{name}", headers={"Accept-Encoding": "gzip;q=0"})
        assert "content-encoding" not in refused.headers
    assert "content-encoding" not in client.get("/gaps", headers={"Accept-Encoding": "gzip"}).headers, "a page holds a form's token"
