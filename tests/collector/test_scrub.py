"""Rule U2, held by a corpus (U3) and by properties: nothing personal passes, ordinary texts stay readable."""

from __future__ import annotations

import random
import re
import sys
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collector.privacy.folded import folded
from collector.privacy.pii_detectors import MOST
from collector.privacy.scrub import MAX_TEXT, SECRET_NAMES, is_secret, scrub, scrub_host
from collector.text.percent import decoded
from schema.placeholders import KINDS as KINDS_OF_PLACEHOLDERS
from schema.placeholders import kinds_in
from tests.collector.corpus.make import KINDS, WRAPPED, made
from tests.collector.corpus.unseen import KINDS as UNSEEN
from tests.collector.corpus.unseen import cases, left_of
from tests.conftest import examples

CORPUS = Path(__file__).parent / "corpus"
PRIVACY = Path(__file__).parents[2] / "collector" / "privacy"


def lines(name: str) -> list[str]:
    text = (CORPUS / name).read_text("utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("# ")]


def positives() -> list[tuple[str, str, str]]:
    """(kind, text, what may not survive of it); the older corpus does not single that out."""
    cases = [line.split("\t") for name in ("scrub_positive.txt", "scrub_positive_made.txt") for line in lines(name)]
    return [(case[0], case[1], case[2] if len(case) > 2 else "\0") for case in cases]


def benign() -> list[str]:
    names = ("benign", "benign_sites", "benign_log", "benign_blind", "benign_second", "benign_third", "benign_fourth")
    return [line for name in names for line in lines(f"scrub_{name}.txt")]


def test_u3_of_what_names_a_person_at_least_99_percent_is_found() -> None:
    cases = positives()
    missed = [
        (kind, text, scrub(text))
        for kind, text, secret in cases
        if f":{kind}" not in scrub(text) or secret in scrub(text)
    ]
    print(f"recall {1 - len(missed) / len(cases):.2%} of {len(cases)}")
    assert len(cases) >= 500
    assert len(missed) <= 0.01 * len(cases), missed


@pytest.mark.parametrize("kind", KINDS)
def test_u2_every_kind_is_found_in_texts_nobody_tuned_for(kind: str) -> None:
    draw, found, count = random.Random(f"{kind} 7"), 0, 300
    for _ in range(count):
        secret = KINDS[kind](draw)
        scrubbed = scrub(draw.choice(WRAPPED).format(secret))
        found += f":{kind}" in scrubbed and secret not in scrubbed
    assert found >= 0.97 * count


def test_of_all_that_is_found_each_placeholder_is_of_a_kind_that_is_listed() -> None:
    found = {kind for kind, text, _ in positives() for kind in re.findall(":([a-z]+)(?![a-z])", scrub(text))}
    assert {kind for kind, _, _ in positives()} <= KINDS_OF_PLACEHOLDERS.keys()
    assert found >= {"email", "phone", "handle", "ip", "uuid", "token", "hex", "card", "iban"}
    assert kinds_in(scrub("anna@example.com, +49 30 1234567, bob@example.com")) == ("email", "phone")
    literal = {word for path in PRIVACY.rglob("*.py") for word in re.findall('b?":([a-z]+)"', path.read_text("utf-8"))}
    assert literal == KINDS_OF_PLACEHOLDERS.keys()


def test_u3_of_ordinary_texts_at_most_1_percent_is_touched() -> None:
    cases = benign()
    touched = [(text, scrub(text)) for text in cases if scrub(text) != text]
    print(f"touched {len(touched) / len(cases):.2%} of {len(cases)}")
    assert len(cases) >= 500
    assert len(touched) <= 0.01 * len(cases), touched


def test_u3_the_made_corpus_is_what_its_maker_makes() -> None:
    assert made() == (CORPUS / "scrub_positive_made.txt").read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("/u/anna%40example.com/edit", "/u/:email/edit"),
        ("/u/anna%2540example.com", "/u/:email"),
        ("/u/anna%252540example.com/edit", "/u/:encoded/edit"),
        ("/u/YW5uYUBleGFtcGxlLmNvbQ==/x", "/u/:email/x"),
        ("/u/ａｎｎａ＠example.com", "/u/:email"),
        ("/u/an\u200bna@exam\u00adple.com", "/u/:email"),
        ("/u/me" + "".join(chr(0xE0000 + ord(letter)) for letter in "anna@example.com"), "/u/me"),
        ("https://t.me/anna", "https://t.me/:handle"),
        ("https://wa.me/4915112345678?text=hi", "https://wa.me/:phone?text=hi"),
        ("/x/550e8400-e29b-41d4-a716-446655440000/y", "/x/:uuid/y"),
        ("http://203.0.113.7:8080/a", "http://:ip:8080/a"),
        ("/tel/+49 30 1234567/x", "/tel/:phone/x"),
        ("/a?token=abc&page=2", "/a?token=:secret&page=2"),
        ("/a\x00b\x1fc\x7f", "/abc"),
        ("/u/anna&#64;example.com", "/u/:email"),
        ("/u/anna&commat;example&period;com", "/u/:email"),
        ("mail anna\\u0040example.com", "mail :email"),
        ("mail anna\\x40example.com", "mail :email"),
        ("anna+news%2540example.com", ":email"),
        ("anna%26%2364%3Bexample.com", ":email"),
        ("ａｎｎａ＠ｅｘａｍｐｌｅ。ｃｏｍ", ":email"),
        ("anna@example｡com", ":email"),
        ("+49 30–1234–5678", ":phone"),
        ("٠٣٠ ١٢٣٤٥٦٧٨", ":phone"),
        ("0️⃣3️⃣0️⃣ 1️⃣2️⃣3️⃣4️⃣5️⃣6️⃣7️⃣", ":phone"),
        ("@anna@social.example", ":handle"),
        ("anna [at] example (dot) com", ":email"),
        ("/card/4111_1111_1111_1111", "/card/:card"),
        ("DE89_3704_0044_0532_0130_00", ":iban"),
        ("/wallet/0x52908400098527886E0F7030069857D2E4169EE7", "/wallet/:hex"),
        ("/mac/00-1A-2B-3C-4D-5E", "/mac/:hex"),
        ("/mac/001a.2b3c.4d5e", "/mac/:hex"),
        ("/mac/dev-3b_72_af_65_8c_cf", "/mac/dev-:hex"),
        ("sensor-3b-72-af-65-8c-cf", "sensor-:hex"),
        ("/licence/3cac-82f8-a783-63fb", "/licence/:hex"),
        ("fingerprint-fa3c-8bf8-a7e3-63fb", "fingerprint-:hex"),
        ("/cafe-face-1999-2024", "/cafe-face-1999-2024"),
        ("/seasons/2023-2024-2024-2025", "/seasons/2023-2024-2024-2025"),
        ("ip-203-0-113-77.compute.internal", "ip-:ip.compute.internal"),
        ("static-10-0-0-1", "static-:ip"),
        ("+49(0)171/3920481", ":phone"),
        ("0049 30/901820", ":phone"),
        ("4111 - 1111 - 1111 - 1111", ":card"),
        ("3782/822463/10005", ":card"),
        ("/pay/4222_2222_2222_2", "/pay/:card"),
        ("/6011/1111/1111/1117", "/:card"),
        ("/article/S0140-6736(20)30183-5/fulltext", "/article/S0140-6736(20)30183-5/fulltext"),
        ("/s/share-zMlxajX6-tb6JBPbVBgB7Q", "/s/share-:token"),
        ("/token/485988", "/token/:secret"),
        ("/sessions/837600874", "/sessions/:secret"),
        ("/sessions/20261128", "/sessions/20261128"),
        ("/sessions/4711", "/sessions/4711"),
        ("/token/485988.html", "/token/:secret"),
        ("/reset/de/xkqzjwvb", "/reset/de/:secret"),
        ("/reset/de/page", "/reset/de/page"),
        ("/c/cus_9s6XKzkNRiz8i3", "/c/:token"),
        ('{"email": "anna", "size": "42"}', '{"email": ":secret", "size": "42"}'),
        ("52°31'12\"N 13°24'18\"E", ":coordinates"),
        ("/" + "ukeosrjlnunkma" * 9, "/:token"),
        ("/" + "x" * 300, "/" + "x" * 300),
        ("", ""),
    ],
)
def test_u2_a_text_comes_out_readable_with_placeholders(text: str, scrubbed: str) -> None:
    assert scrub(text) == scrubbed


PIECES = st.sampled_from(
    [*lines("scrub_benign.txt")]
    + [line.split("\t", 1)[1] for line in lines("scrub_positive.txt")]
    + [line.split("\t")[1] for line in lines("scrub_positive_made.txt")]
    + ["%", "%25", "%40", "41", "@", ":", "::", "-", "+", "(", ".", "/", " ", "=", "token=", "eyJ", "tg:", "t.me/", "ﷺ"]
)
TEXTS = st.one_of(
    st.text(max_size=80),
    st.text(alphabet="abcfAZ019%@:.-_+/=&#() ,;é٣²\u200b\u0301", max_size=120),
    st.lists(PIECES, max_size=12).map("".join),
)


@examples(1500)
@given(TEXTS)
@example("%%4141")
@example("%252525252541")
@example("e\x00\u0301")
@example("ﷺ" * 300)
@example("@ab" * 900)
def test_u3_scrubbing_twice_is_scrubbing_once(text: str) -> None:
    once = scrub(text)
    assert scrub(once) == once
    assert len(once) <= MAX_TEXT


@examples(300)
@given(st.ip_addresses(v=4), st.emails(), st.uuids(), PIECES, PIECES)
def test_u2_an_address_does_not_survive_its_surroundings(
    address: object, email: str, uuid: object, left: str, right: str
) -> None:
    scrubbed = scrub(f"{left}/{address}/{uuid}/{right}")
    assert f"/{address}/" not in scrubbed
    assert str(uuid) not in scrubbed
    assert email not in scrub(f"{left}/{email}/{right}")


HOSTILE = """\
a|1|%|@|:|(|0-|1 |a@|a@b.|1.2.|%25|%2541|12-34-|eyJ|eyJa.|(1|a=|-1|1a|::|a:|t.me/|tg:|=|Aa1-|_|tel |token=a&|1.2345,|\
DE89 |DE89370400440532013000 |+1234567 |A1b2C3d4E5f6.|0123456789abcdef.|ﷺ|\u0301|\x00"""


@pytest.mark.parametrize("piece", HOSTILE.split("|"))
def test_u2_no_hostile_text_takes_long(piece: str) -> None:
    text = (piece * MAX_TEXT)[:MAX_TEXT]
    # Measured at rest: at most 0.2 ms (python -m bench.scrub). What is quadratic takes 50 ms and more.
    assert best_of(3, lambda: scrub(text)) < 0.002


def test_u2_a_beacon_full_of_hostile_properties_takes_no_longer() -> None:
    texts = [(piece * MAX_TEXT)[:MAX_TEXT] for piece in HOSTILE.split("|")][:30]
    # Measured at rest: 3 ms.
    assert best_of(3, lambda: [scrub(text) for text in texts]) < 0.02


def best_of(times: int, action: Callable[[], object]) -> float:
    taken = []
    for _ in range(times):
        # Of this thread alone: what else the machine does is no fault of the scrubber's.
        started = time.thread_time()
        action()
        taken.append(time.thread_time() - started)
    return min(taken)


def test_u2_a_text_with_more_finds_than_a_readers_is_not_kept_at_all() -> None:
    assert scrub(" ".join(["anna@example.com"] * MOST)) == " ".join([":email"] * MOST)
    assert scrub(" ".join(["anna@example.com"] * (MOST + 1))) == ":scrubbed"


@given(st.text(alphabet="abAF019%=+é_ \u20ac", max_size=60))
@example("%")
@example("%%41%zz=%3D=")
def test_u2_escapes_are_read_as_the_standard_library_reads_them(text: str) -> None:
    # Where it gives up, older pages' letters are read.
    assert decoded(text) == unquote(text) or "\ufffd" in unquote(text)


def test_only_the_head_of_a_long_text_is_read() -> None:
    assert len(scrub("/abc" * 5000)) == MAX_TEXT


@pytest.mark.parametrize(
    "name", ["token", "Access_Token", "access-token", "PHPSESSID", "user", "e-mail", "api_key", "state"]
)
def test_u2_a_secret_name_is_known_however_it_is_written(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize("name", ["utm_source", "ref", "page", "q", "color", "source", "lang"])
def test_u2_an_ordinary_name_is_no_secret(name: str) -> None:
    assert not is_secret(name)
    assert name not in SECRET_NAMES


@pytest.mark.parametrize(
    "text",
    [
        "Save 20%", "100%25", "100%25 cotton", "/caf%C3%A9", "/a%20b", "50%25+off", "AT&amp;T", "Tom &amp; Jerry",
        "C:\\users\\x",
        "Preis：５０％", "第3章。はじめに", "12–14 Uhr", "٢٠٢٦", "ﷺ",
    ],
)  # fmt: skip
def test_u2_a_text_in_which_nothing_is_found_stays_as_it_was_sent(text: str) -> None:
    assert scrub(text) == text


def test_u2_every_digit_and_every_dash_of_unicode_is_read_as_one() -> None:
    every = list(map(chr, range(0x80, sys.maxunicode + 1)))
    for digit in (letter for letter in every if unicodedata.category(letter) == "Nd"):
        assert folded(digit)[0] == str(unicodedata.decimal(digit)), ascii(digit)
    for dash in (letter for letter in every if unicodedata.category(letter) == "Pd"):
        assert folded(dash)[0] == "-", ascii(dash)


@pytest.mark.parametrize("kind", UNSEEN)
def test_u3_of_each_kind_at_least_95_percent_is_found_as_people_write_it(kind: str) -> None:
    # The first was used to mend the rules, the second never.
    for seed in (2, 13):
        drawn = cases(kind, seed)
        missed = [(case.text, scrub(case.text)) for case in drawn if left_of(case)]
        assert len(missed) <= 0.05 * len(drawn), missed


@pytest.mark.parametrize(
    ("path", "scrubbed"),
    [
        ("/reset/k3j9x2", "/reset/:secret"), ("/invite/XKCD-12AB-99QZ", "/invite/:secret"),
        ("/verify/482913", "/verify/:secret"),
        ("/magic/Zk9fQ2ab/", "/magic/:secret/"), ("/session/abc9def0", "/session/:secret"),
        ("/activate/9f8e7d", "/activate/:secret"),
        ("/unsubscribe/a8Kd02", "/unsubscribe/:secret"), ("/token/qzxvkwpj", "/token/:secret"),
        ("/reset-password/en/k3j9x2", "/reset-password/en/:secret"),
        ("/reset/MTIz/c4k9-91b2", "/reset/:secret/:secret"),
        ("/users/verify-email/8h2k9d.html", "/users/verify-email/:secret"),
    ],
)  # fmt: skip
def test_u2_the_folder_behind_one_that_says_so_is_a_code_if_it_looks_like_one(path: str, scrubbed: str) -> None:
    assert scrub(path) == scrubbed


@pytest.mark.parametrize(
    "name",
    [
        "user[email]", "customer_email", "customerEmail", "x-token", "passwort", "contraseña", "mot_de_passe",
        "user[id]",
        "password_confirmation", "userID", "X-Amz-Signature", "laravel_session", "email2", "billing.phone",
        "Vorname", "hasło", "密码",
        "user[first_name]", "reset_code", "apiKey", "client_ip",
    ],
)  # fmt: skip
def test_u2_a_name_is_read_by_its_last_part(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "sort_key", "keyword", "token_type", "country_code", "error_code", "new_user", "is_mobile", "hotel",
        "monkey", "hotmail",
        "boarding_pass", "email_type", "utm_content", "gift_card", "last_login", "public_key", "screen_name",
        "user_type", "promo_code",
    ],
)  # fmt: skip
def test_u2_a_name_that_only_holds_such_a_word_is_no_secret(name: str) -> None:
    assert not is_secret(name)


@pytest.mark.parametrize(
    ("host", "scrubbed"),
    [
        ("550e8400-e29b-41d4-a716-446655440000.preview.example.com", ":uuid.preview.example.com"),
        ("5f3c8b1e2d4f6a7b8c9d0e1f--shop.example.com", ":hex--shop.example.com"),
        ("x4kq9zvw2jr7tgb5hd1m.example.com", ":token.example.com"),
        ("4915112345679.example.com", ":phone.example.com"),
        ("203-0-113-7.dsl.example.net", ":ip.dsl.example.net"),
        ("ip-203-0-113-7.example.net", ":ip.example.net"),
        ("shop.example.com", "shop.example.com"),
        ("anna-meier-1985.example.com", "anna-meier-1985.example.com"),
        ("www2.shop-24.example.co.uk", "www2.shop-24.example.co.uk"),
        ("d1234abcd5678.cloudfront.example", "d1234abcd5678.cloudfront.example"),
        ("xn--12cl1ca3bb0a8be4d1b1c2a4f.example", "xn--12cl1ca3bb0a8be4d1b1c2a4f.example"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("(none)", "(none)"),
        ("localhost", "localhost"),
    ],
)
def test_u2_the_name_of_a_host_is_scrubbed_label_by_label(host: str, scrubbed: str) -> None:
    assert scrub_host(host) == scrubbed
    assert scrub_host(scrubbed) == scrubbed


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("Save 20%25 – anna@example.com – 50%", "Save 20%25 – :email – 50%"),
        ("お問い合わせ：anna＠example。com、本日", "お問い合わせ：:email、本日"),
        ("Müller & Söhne: +49 30–1234–5678 (9–12 Uhr)", "Müller & Söhne: :phone (9–12 Uhr)"),
        ("AT&amp;T, anna&#64;example.com", "AT&amp;T, :email"),
        ("/caf%C3%A9/anna%2540example.com/100%25", "/caf%C3%A9/:email/100%25"),
        ("٢٠٢٦ anna@example.com x\\u0041", "٢٠٢٦ :email x\\u0041"),
        ("½ für anna@example.com, ½ für li@example.com", "½ für :email, ½ für :email"),
        ("#anna@example.com – :email", "#:email – :email"),
    ],
)
def test_u2_what_stands_around_a_find_stays_as_it_was_sent(text: str, scrubbed: str) -> None:
    assert scrub(text) == scrubbed
