"""Rules of dashboards/delivery/mail.py, with a real mail server on this machine."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest
from msgspec import structs

from dashboards.delivery.mail import Mailer
from dashboards.delivery.message import CannotSend, Message, Unclear
from dashboards.delivery.settings import MailSettings
from tests.certificates import for_localhost
from tests.mail_server import Inbox, serving

# A page of somebody's may be called as the place of the address is.
HTML = '<p>/UNSUBSCRIBE</p> <a href="UNSUBSCRIBE">'
MESSAGE = Message("digest week a.example 2031-06-09", "Größe: 1,234 Besucher", "Zahlen", HTML)
BOSS = "boss@example.com"


def settings(inbox: Inbox, **more: object) -> MailSettings:
    return MailSettings(
        server="127.0.0.1",
        port=inbox.port,
        sender="Footfall <stats@shop.example>",
        **({"security": "none"} | more),  # type: ignore[arg-type]
    )


def test_a_long_address_to_take_oneself_off_is_in_one_line_and_not_encoded() -> None:
    address = f"https://stats.example/unsubscribe/{'a1' * 32}?list=digest+week+shop.example"
    with serving(Inbox()) as inbox:
        Mailer(settings(inbox)).send(MESSAGE, BOSS, address)
    assert f"\r\nList-Unsubscribe: <{address}>\r\n".encode() in inbox.raw[0]


def test_a_subject_of_several_lines_is_one() -> None:
    """A goal of before names were one line: its alert is sent, and says nothing in another header."""
    with serving(Inbox()) as inbox:
        Mailer(settings(inbox)).send(structs.replace(MESSAGE, subject="Sign\nBcc: up"), BOSS, "")
    [(_, mail)] = inbox.mails
    assert (mail["Subject"], mail["Bcc"]) == ("Sign Bcc: up", None)


def test_a_mail_arrives_whole_with_what_mail_programs_want() -> None:
    with serving(Inbox()) as inbox:
        mailer = Mailer(settings(inbox))
        for _ in range(2):
            mailer.send(MESSAGE, BOSS, "https://stats.example/unsubscribe/1?list=x")
    (to, mail), (_, again) = inbox.mails
    assert to == [BOSS]
    assert (mail["From"], mail["To"], mail["Subject"]) == ("Footfall <stats@shop.example>", BOSS, MESSAGE.subject)
    assert mail["Message-ID"] == again["Message-ID"]
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Unsubscribe"] == "<https://stats.example/unsubscribe/1?list=x>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    plain, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert plain is not None
    assert html is not None
    assert plain.get_content().split() == [
        "Zahlen",
        "No",
        "more",
        "of",
        "these:",
        "https://stats.example/unsubscribe/1?list=x",
    ]
    assert html.get_content().strip() == HTML.replace('"UNSUBSCRIBE"', '"https://stats.example/unsubscribe/1?list=x"')


def test_it_is_encrypted_and_signed_in_and_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    serves, trusts = for_localhost(tmp_path)
    password = tmp_path / "password"
    password.write_text("secret of the server\n")
    known = {"user": "stats", "password_file": str(password)}
    with serving(Inbox(), serves, login=True) as inbox:
        Mailer(settings(inbox, security="starttls", **known), trusts).send(MESSAGE, BOSS, "")
        assert len(inbox.mails) == 1
        with pytest.raises(CannotSend, match="certificate does not hold"):
            Mailer(settings(inbox, security="starttls", **known)).send(MESSAGE, BOSS, "")
        with pytest.raises(CannotSend, match=r"not let in \(530\)"):
            Mailer(settings(inbox, **known)).send(MESSAGE, BOSS, "")
        password.write_text("guessed")
        with pytest.raises(CannotSend, match=r"mail.user is not let in \(535\)") as problem:
            Mailer(settings(inbox, security="starttls", **known), trusts).send(MESSAGE, BOSS, "")
        assert problem.value.again
    with serving(Inbox(), serves, at_once=True) as inbox:
        Mailer(settings(inbox, security="tls"), trusts).send(MESSAGE, BOSS, "")
        assert len(inbox.mails) == 1


def test_a_server_without_starttls_gets_nothing_in_the_clear() -> None:
    with serving(Inbox()) as inbox:
        with pytest.raises(CannotSend, match="offers no STARTTLS"):
            Mailer(settings(inbox, security="starttls")).send(MESSAGE, BOSS, "")
        assert inbox.mails == []


def test_no_means_no_and_not_now_means_later_and_neither_names_the_receiver() -> None:
    answers = {BOSS: f"550 <{BOSS}>: no such box", "later@example.com": "451 <later@example.com>: come back"}
    handed = []
    with serving(Inbox(answers)) as inbox:
        for to, again in ((BOSS, False), ("later@example.com", True)):
            with pytest.raises(CannotSend) as problem:
                Mailer(settings(inbox)).send(MESSAGE, to, "", lambda: handed.append(1))
            assert problem.value.again is again
            assert "example.com" not in str(problem.value)
    assert not handed
    with serving(Inbox(data="554 spam of boss@example.com")) as inbox:
        with pytest.raises(CannotSend, match=r"\(554\)") as problem:
            Mailer(settings(inbox)).send(MESSAGE, BOSS, "")
        assert not problem.value.again


def test_a_server_that_goes_away_with_a_mail_may_have_it() -> None:
    with serving(Inbox(hangs_up=True)) as inbox, pytest.raises(Unclear):
        Mailer(settings(inbox)).send(MESSAGE, BOSS, "")


def test_a_server_that_is_not_there_or_says_nothing_sensible_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        inbox = Inbox()
        inbox.port = port

        def answer() -> None:
            connection, _ = silent.accept()
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(CannotSend) as problem:
            Mailer(settings(inbox)).send(MESSAGE, BOSS, "")
        thread.join()
        assert problem.value.again
    with pytest.raises(CannotSend, match=f"127.0.0.1:{port}") as problem:
        Mailer(settings(inbox)).send(MESSAGE, BOSS, "")
    assert problem.value.again
