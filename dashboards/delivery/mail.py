"""Gives a mail to the server that takes mail (RFC 5321), encrypted unless that is set otherwise.

In: a `Message`, a receiver, an unsubscribe address. Out: it is taken, or `CannotSend`, or `Unclear`.
Promises: a server's certificate is looked at; what goes wrong is told by its kind and the server's three digits, never
by a text that may quote the receiver; a mail has the same Message-ID at every attempt.
"""

from __future__ import annotations

import contextlib
import hashlib
import smtplib
import ssl
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime, localtime, parseaddr
from html import escape
from pathlib import Path
from typing import Any

from .message import CannotSend, Message, Unclear
from .settings import MailSettings

PATIENCE_S = 30.0


class _Wire(EmailPolicy):
    """The address of List-Unsubscribe stays as it is. A long one would be an encoded word, which no mail program takes
    for an address (RFC 2047, 5): it would show no button."""

    def fold_binary(self, name: str, value: Any) -> bytes:
        if name == "List-Unsubscribe":
            return f"{name}: {value}{self.linesep}".encode("ascii")
        return super().fold_binary(name, value)


_WIRE = _Wire(linesep=SMTP.linesep)


class Mailer:
    """tls: how certificates are looked at; the default trusts what the system trusts."""

    def __init__(self, settings: MailSettings, tls: ssl.SSLContext | None = None) -> None:
        self._settings = settings
        self._tls = tls or ssl.create_default_context()

    def send(
        self, message: Message, receiver: str, unsubscribe: str, handing_over: Callable[[], None] = lambda: None
    ) -> None:
        """unsubscribe: the address of the page for it, "" where there is none. handing_over: called before the last
        byte can be given away. Raises CannotSend, Unclear."""
        mail = self.composed(message, receiver, unsubscribe)
        with self._connected() as server:
            refuse = self._refuse
            refuse("MAIL FROM", *server.mail(parseaddr(self._settings.sender)[1]))
            refuse("RCPT TO", *server.rcpt(receiver))
            handing_over()
            try:
                code, _ = server.data(mail.as_bytes(policy=_WIRE))
            except smtplib.SMTPDataError as problem:  # it did not want to hear it
                refuse("DATA", problem.smtp_code, b"")
            except (smtplib.SMTPException, OSError) as problem:
                raise Unclear(f"the server went away while it took the mail ({type(problem).__name__})") from None
            else:
                refuse("DATA", code, b"")
            with contextlib.suppress(smtplib.SMTPException, OSError):
                server.quit()

    def composed(self, message: Message, receiver: str, unsubscribe: str) -> EmailMessage:
        """The mail itself."""
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = self._settings.sender, receiver, " ".join(message.subject.split())
        mail["Date"] = format_datetime(localtime())
        host = parseaddr(self._settings.sender)[1].rpartition("@")[2]
        mail["Message-ID"] = f"<{hashlib.sha256(f'{message.what} {receiver}'.encode()).hexdigest()[:32]}@{host}>"
        # So that no holiday reply answers it (RFC 3834).
        mail["Auto-Submitted"] = "auto-generated"
        if unsubscribe:
            mail["List-Unsubscribe"] = f"<{unsubscribe}>"
            mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"  # RFC 8058
        ending = f"\n\nNo more of these: {unsubscribe}\n" if unsubscribe else "\n"
        mail.set_content(message.text.rstrip() + ending)
        if message.html:
            # Of what the mail tells nothing looks like that: quotes in it are escaped.
            html = message.html.replace('href="UNSUBSCRIBE"', f'href="{escape(unsubscribe)}"')
            mail.add_alternative(html, subtype="html")
        return mail

    @contextlib.contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        settings = self._settings
        try:
            if settings.security == "tls":
                server: smtplib.SMTP = smtplib.SMTP_SSL(
                    settings.server, settings.port, timeout=PATIENCE_S, context=self._tls
                )
            else:
                server = smtplib.SMTP(settings.server, settings.port, timeout=PATIENCE_S)
        except (OSError, smtplib.SMTPException) as problem:
            raise self._unreachable(problem) from None
        with contextlib.closing(server):
            try:
                if settings.security == "starttls":
                    server.starttls(context=self._tls)
                server.ehlo_or_helo_if_needed()
                if settings.user:
                    server.login(settings.user, _password(settings.password_file))
            except smtplib.SMTPAuthenticationError as problem:
                raise CannotSend(f"mail.user is not let in ({problem.smtp_code})", again=True) from None
            except (OSError, smtplib.SMTPException) as problem:
                raise self._unreachable(problem) from None
            try:
                yield server
            except smtplib.SMTPServerDisconnected:
                raise CannotSend("the server closed the connection", again=True) from None
            except OSError as problem:
                raise self._unreachable(problem) from None

    def _unreachable(self, problem: Exception) -> CannotSend:
        where, why = f"{self._settings.server}:{self._settings.port}", type(problem).__name__
        if isinstance(problem, ssl.SSLCertVerificationError):
            why = f"its certificate does not hold: {problem.verify_message}"
        elif isinstance(problem, OSError) and problem.strerror:
            why = problem.strerror
        elif isinstance(problem, smtplib.SMTPNotSupportedError):
            why = "it offers no STARTTLS; set mail.security to 'tls' or 'none'"
        return CannotSend(f"mail.server {where}: {why}", again=True)

    @staticmethod
    def _refuse(step: str, code: int, _: bytes) -> None:
        if code >= 400:
            # 4xx: not now (greylisting, a full box); 5xx: not ever.
            raise CannotSend(f"the server refused at {step} ({code})", again=code < 500)


def _password(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as problem:
        raise CannotSend(f"mail.password_file {path!r}: {problem.strerror}", again=True) from None
