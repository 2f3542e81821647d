"""The alerts of the configuration, as the adapters know them."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from pydantic import SecretStr

from adapters.alerts.terms import Channel, Digest, Mail, Rule, Terms
from api.settings import Settings
from domain.money import to_minor


def alert_terms(settings: Settings) -> Terms:
    given, smtp = settings.alerts, settings.smtp
    return Terms(
        channels={one.name: Channel(one.name, one.kind, one.to, _plain(one.url), _plain(one.secret)) for one in given.channels},
        rules=tuple(
            Rule(one.name, one.channels, one.kinds, one.owners, one.older_than, {of: to_minor(text, of) for of, text in one.over.items()})
            for one in given.rules
        ),
        digests=tuple(Digest(one.channels, one.at, one.owner) for one in given.digests),
        mail=Mail(smtp.host, smtp.port, smtp.sender, smtp.security, smtp.user, _plain(smtp.password)) if smtp else None,
        quiet=given.quiet,
        zone=ZoneInfo(given.timezone),
        link=settings.console.public_url,
    )


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
