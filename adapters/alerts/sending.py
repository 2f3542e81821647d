"""One message to one channel. Slack and Teams take what their incoming webhooks say; a webhook is signed as standardwebhooks.com has it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import smtplib
import ssl
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Any, Final

import httpx
import orjson

from adapters.alerts.terms import Channel, Mail, Terms

_TIMEOUT_SECONDS: Final = 15.0
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 (how secrets begin, not one)


class NotSent(Exception):
    """It did not go through; `for_good` where trying again is of no use."""

    def __init__(self, said: str, *, for_good: bool = False) -> None:
        super().__init__(said)
        self.for_good = for_good


@dataclass(frozen=True, slots=True)
class Notice:
    id: int
    about: str
    subject: str
    body: str
    made_at: datetime


def send(notice: Notice, channel: Channel, terms: Terms, now: datetime) -> None:
    """Raises NotSent."""
    match channel.kind:
        case "email":
            if terms.mail is None:
                raise NotSent("there is no [smtp] in the configuration", for_good=True)
            _mail(notice, channel, terms.mail, now)
        case "slack":
            safe = f"*{notice.subject}*\n{notice.body}".replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
            _post(channel, orjson.dumps({"text": safe}), {})
        case "teams":
            _post(channel, orjson.dumps(_card(notice)), {})
        case "webhook":
            told = {"type": notice.about.partition("/")[0], "timestamp": notice.made_at.isoformat(),
                    "data": {"subject": notice.subject, "body": notice.body}}  # fmt: skip
            body = orjson.dumps(told)
            _post(channel, body, signed(channel.secret or "", f"notice_{notice.id}", now, body))


def signed(secret: str, message_id: str, now: datetime, body: bytes) -> dict[str, str]:
    """The three headers of the Standard Webhooks specification. The id stays the same at every try, so that repeats are known."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        raise NotSent("the channel's secret is no base64 after whsec_", for_good=True) from None
    seconds = str(int(now.timestamp()))
    digest = hmac.new(key, f"{message_id}.{seconds}.".encode() + body, hashlib.sha256).digest()
    return {"webhook-id": message_id, "webhook-timestamp": seconds, "webhook-signature": f"v1,{base64.b64encode(digest).decode()}"}


def _card(notice: Notice) -> dict[str, Any]:
    texts = [{"type": "TextBlock", "text": notice.subject, "weight": "Bolder", "wrap": True}]
    texts += [{"type": "TextBlock", "text": line, "wrap": True} for line in notice.body.splitlines() if line]
    card = {"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4", "body": texts}
    return {"type": "message", "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}]}


def _post(channel: Channel, body: bytes, headers: dict[str, str]) -> None:
    try:
        answer = httpx.post(
            channel.url or "", content=body, headers={"Content-Type": "application/json"} | headers, timeout=_TIMEOUT_SECONDS
        )
    except (httpx.HTTPError, httpx.InvalidURL) as failure:
        # Its address is a secret: only what kind of failure it was is told.
        raise NotSent(f"{channel.name} does not answer ({type(failure).__name__})") from None
    if not answer.is_success:
        gone = answer.status_code in (400, 401, 403, 404, 410)
        raise NotSent(f"{channel.name} answered {answer.status_code}", for_good=gone)


def _mail(notice: Notice, channel: Channel, mail: Mail, now: datetime) -> None:
    message = EmailMessage()
    message["Subject"] = " ".join(notice.subject.split())
    message["From"], message["To"] = mail.sender, ", ".join(channel.to)
    message["Date"], message["Message-ID"] = format_datetime(now), make_msgid(f"notice-{notice.id}", "returns-ledger")
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(notice.body)
    try:
        with _server(mail) as server:
            if mail.user is not None:
                server.login(mail.user, mail.password or "")
            server.send_message(message)
    except smtplib.SMTPRecipientsRefused:
        raise NotSent(f"the mail server takes none of the addresses of {channel.name}", for_good=True) from None
    except (smtplib.SMTPException, OSError) as failure:
        raise NotSent(f"the mail server {mail.host} did not take it: {failure}") from None


def try_mail(mail: Mail) -> None:
    """Would the server take our mail? It is asked, and sent none. Raises NotSent, with what to look at."""
    try:
        with _server(mail) as server:
            if mail.user is not None:
                server.login(mail.user, mail.password or "")
            server.noop()
    except smtplib.SMTPAuthenticationError as refused:
        raise NotSent(f"it does not take the user or the password ({refused.smtp_code}); see smtp.user and smtp.password") from None
    except ssl.SSLError as failure:
        raise NotSent(
            f"no safe connection ({failure.reason or failure}); see smtp.security, smtp.port and the server's certificate"
        ) from None
    except smtplib.SMTPNotSupportedError as failure:
        raise NotSent(f"it lacks something that the configuration asks for: {failure} see smtp.security and smtp.user") from None
    except (smtplib.SMTPException, OSError) as failure:
        raise NotSent(f"it does not answer as a mail server ({failure}); see smtp.host, smtp.port and smtp.security") from None


def _server(mail: Mail) -> smtplib.SMTP:
    """Raises OSError or SMTPException. A server whose certificate does not fit gets nothing."""
    trusted = ssl.create_default_context()
    if mail.security == "tls":
        return smtplib.SMTP_SSL(mail.host, mail.port, timeout=_TIMEOUT_SECONDS, context=trusted)
    server = smtplib.SMTP(mail.host, mail.port, timeout=_TIMEOUT_SECONDS)
    if mail.security == "starttls":
        try:
            server.starttls(context=trusted)
        except BaseException:
            server.close()
            raise
    return server
