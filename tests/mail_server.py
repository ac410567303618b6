"""A real server that takes mail, as strict as a test wants it to be."""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.ports import free_port


class Inbox:
    """What arrived; raw: its bytes. answers: by receiver what the server says to it; data: what it says to a mail."""

    def __init__(self, answers: dict[str, str] | None = None, data: str = "250 taken", hangs_up: bool = False) -> None:
        self.mails: list[tuple[list[str], EmailMessage]] = []
        self.raw: list[bytes] = []
        self._answers = answers or {}
        self._data = data
        self._hangs_up = hangs_up
        self.port = 0

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self._answers.get(address, "250 known")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        assert isinstance(content, bytes)
        if self._hangs_up:
            server.transport.abort()
        elif self._data.startswith("250"):
            self.raw.append(content)
            self.mails.append((envelope.rcpt_tos, BytesParser(EmailMessage, policy=default).parsebytes(content)))
        return self._data


def lets_in(server: SMTP, session: Session, envelope: Envelope, mechanism: str, auth_data: Any) -> AuthResult:
    """One user, one password."""
    assert isinstance(auth_data, LoginPassword)
    return AuthResult(
        handled=False, success=(auth_data.login, auth_data.password) == (b"stats", b"secret of the server")
    )


@contextmanager
def serving(
    inbox: Inbox, tls: ssl.SSLContext | None = None, at_once: bool = False, login: bool = False
) -> Iterator[Inbox]:
    """tls: offers STARTTLS and wants it; at_once: speaks it from the start. login: wants a user."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a login without TLS, where a test wants that
        controller = Controller(
            inbox,
            hostname="127.0.0.1",
            port=free_port(),
            ssl_context=tls if at_once else None,
            tls_context=None if at_once else tls,
            require_starttls=bool(tls) and not at_once,
            authenticator=lets_in if login else None,
            auth_required=login,
            auth_require_tls=False,
        )
        controller.start()
        try:
            inbox.port = controller.port
            yield inbox
        finally:
            controller.stop()
