"""What doctor looks at of the ways to people: the mail server, the identity provider, and notices that did not get through."""

from __future__ import annotations

from collections.abc import Iterator

from adapters import oidc
from adapters.alerts.listing import count_dead
from adapters.alerts.sending import NotSent, try_mail
from api.alerting import alert_terms
from api.bootstrap import House
from api.console.signing import RETURN, provider_of

Finding = tuple[str, bool, str]


def examine_ways_to_people(opened: House) -> Iterator[Finding]:
    yield from _mail(opened)
    yield from _provider(opened)
    with opened.connection() as conn:
        dead = count_dead(conn)
    if dead:
        yield "notices", False, f"{dead} did not get through: Lines → Notices in the console says why, and sends them again"


def _mail(opened: House) -> Iterator[Finding]:
    terms = alert_terms(opened.settings)
    by_mail = [one.name for one in terms.channels.values() if one.kind == "email"]
    if terms.mail is None:
        if by_mail:
            yield "smtp", False, f"{', '.join(by_mail)} would tell by e-mail, but there is no [smtp] in the configuration"
        return
    where = f"{terms.mail.host}:{terms.mail.port}"
    try:
        try_mail(terms.mail)
    except NotSent as failure:
        yield "smtp", False, f"{where}: {failure}"
    else:
        signed_in = f", signed in as {terms.mail.user}" if terms.mail.user else ""
        yield "smtp", True, f"{where} answers{signed_in}; mail comes from {terms.mail.sender}"


def _provider(opened: House) -> Iterator[Finding]:
    given = opened.settings.oidc
    if given is None:
        return
    base = opened.settings.console.public_url
    try:
        keys = provider_of(given).check()
    except oidc.OidcError as wrong:
        yield "oidc", False, f"{given.issuer}: {wrong}"
        return
    if base is None:
        back = f"the address to go back to is the browser’s own with {RETURN}; set console.public_url where a proxy stands before the house"
    else:
        back = f"it must know {base}{RETURN} as an address to go back to"
    yield "oidc", True, f"{given.issuer} answers and publishes {keys} {'key' if keys == 1 else 'keys'}; {back}"
