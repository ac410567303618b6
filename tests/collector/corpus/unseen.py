"""Draws what must be found (rule U2) as people and programs of many countries write it, in many disguises.

In: a seed. Out: `Case`s. Promises: written before the rules were run on any of it; seeds 2, 7 and 11 were used to
mend the rules, all others only to report; made-up people, reserved domains and documentation networks.
"""

from __future__ import annotations

import base64
import random
import re
import string
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote

from collector.privacy.folded import folded
from collector.privacy.pii_detectors import PLACEHOLDER
from collector.privacy.scrub import scrub

from .make import DOMAINS, FIRST, LAST
from .make import _card as plain_card
from .make import _iban as plain_iban

BASE62 = string.ascii_letters + string.digits
HEX = "0123456789abcdef"


PREFIXES = """
    cus_ sub_ pi_ pm_ ch_ in_ evt_ acct_ prod_ price_ si_ txn_ re_ seti_ cs_test_ sk_live_ sk_test_ pk_live_
    rk_live_ whsec_ ghp_ gho_ github_pat_ glpat- npm_ xoxb- xoxp- usr_ user_ org_ tok_ ses_ sess_ req_ key_ inv_
    ord_ AKIA ASIA
"""
NAMES = """
    user[email] customer_email customerEmail contact.email billing-email emailAddress x-token x_auth_token
    accessToken csrf-token passwort new_password password_confirmation userPassword kennwort contraseña
    mot_de_passe wachtwoord hasło parola telefon phone_number customerPhone user[phone] telefono téléphone
    vorname nachname first_name lastName user[first_name] session_id laravel_session sessionId apiKey api_key
    client_secret otp reset_token resetToken invite_code verificationCode userId user_id user[id] customer[id]
    iban cardNumber birth_date geburtsdatum dateOfBirth ip_address clientIp lat user_lng signature
    X-Amz-Signature e-mail eMail
"""
FOLDERS = """
    reset invite verify token magic session activate unsubscribe reset-password password-reset invitations
    verify-email email-verification magic-link activation users/activate accept-invite auth/magic account/verify
    confirm-email
"""


class Case(NamedTuple):
    """before, after: what of the text must stay as it is. written: what stands between, and must not."""

    kind: str
    before: str
    written: str
    after: str

    @property
    def text(self) -> str:
        return self.before + self.written + self.after


# Where it stands: folders, values, sentences, properties.
PLACES = (
    ("/users/", "/edit"), ("/u/", ""), ("/a/b/", "?page=2"), ("/search/", "/2"), ("", ""), ("q=", "&lang=en"),
    ("please call or write to ", " today"), ("Kontakt: ", ", danke"), ("(", ")"), ("\"", "\""), ("x: ", ""),
    ("https://example.com/p/", "?x=1"), ("/konto/", "/rechnung#top"), ("Suche nach ", ""), ("/fr/compte/", "/"),
    ("buscar ", " ahora"), ("検索 ", " です"), ("поиск: ", ""), ("a|", "|b"), ("[", "]"), ("<", ">"), ("label=", ""),
)  # fmt: skip

PHONES = (
    # North America, Britain, Ireland
    "(nxx) nxx-xxxx", "nxx-nxx-xxxx", "nxx.nxx.xxxx", "nxx nxx xxxx", "+1 nxx nxx xxxx", "1-nxx-nxx-xxxx",
    "+1-nxx-nxx-xxxx", "1 (nxx) nxx-xxxx", "020 7xxx xxxx", "07xxx xxxxxx", "07xxx xxx xxx", "01xxx xxx xxx",
    "+44 7xxx xxxxxx", "+44 (0)20 7xxx xxxx", "(020) 7xxx xxxx", "0161 xxx xxxx", "08n xxx xxxx", "+353 8n xxx xxxx",
    # German, Dutch
    "0n0/xxxxxxx", "0n0 / xxx xx xx", "017n xxxxxxx", "017n-xxxxxxx", "017n/xxxxxxx", "0n0 xxxxxx-xx",
    "+49 17n xxxxxxxx",
    "+49 (0) n0 xxxxxxx", "+4917nxxxxxxxx", "004917nxxxxxxxx", "0049 n0 xxxxxxx", "017nxxxxxxxx", "0nxxx xxxxxx",
    "(0nxxx) xxxxxx", "0664 xxxxxxx", "+43 664 xxxxxxx", "044 nxx xx xx", "079 nxx xx xx", "+41 79 nxx xx xx",
    "06-xxxxxxxx", "06 xxxx xxxx", "0n0-nxxxxxx", "+31 6 xxxxxxxx", "0470 xx xx xx", "02 nxx xx xx", "+32 470 xx xx xx",
    # Romance
    "01 nx xx xx xx", "06.nx.xx.xx.xx", "07-nx-xx-xx-xx", "06nxxxxxxx", "+33 6 nx xx xx xx", "+33 (0)1 nx xx xx xx",
    "6nx xxx xxx", "6nx xx xx xx", "91 nxx xx xx", "+34 6nx xxx xxx", "9nx xxx xxx", "+351 9nx xxx xxx", "06 nxxx xxxx",
    "3nx xxxxxxx", "3nx-xxxxxxx", "3nx xxx xxxx", "+39 3nx xxx xxxx", "02 nxxxxxxx", "(11) 9nxxx-xxxx",
    "(21) nxxx-xxxx",
    "+55 11 9nxxx-xxxx", "11 9nxxx-xxxx", "55 nxxx xxxx", "011 4nxx-xxxx", "+54 9 11 nxxx xxxx", "31n xxx xxxx",
    # North and East
    "07n-xxx xx xx", "08-nxx xxx xx", "+46 7n xxx xx xx", "nx xx xx xx", "9nx xx xxx", "+47 9nx xx xxx",
    "+45 nx xx xx xx",
    "04n xxxxxxx", "09 nxxx xxxx", "+358 4n xxx xxxx", "5nx xxx xxx", "+48 5nx xxx xxx", "22 nxx xx xx", "6nx xxx xxx",
    "+420 6nx xxx xxx", "+36 20 nxx xxxx", "06 20 nxx xxxx", "06-20-nxx-xxxx", "07nx xxx xxx", "+40 7nx xxx xxx",
    "8 (9nx) nxx-xx-xx", "8-9nx-nxx-xx-xx", "+7 9nx nxx-xx-xx", "8 9nx nxx xx xx", "89nxnxxxxxx", "067 nxx xx xx",
    "+380 67 nxx xx xx", "05nx nxx xx xx", "0 (5nx) nxx xx xx", "+90 5nx nxx xx xx", "21n nxx xxxx", "69n nxx xxxx",
    # Asia, Africa, Oceania
    "9nxxx xxxxx", "+91 9nxxx xxxxx", "+91-9nxxxxxxxx", "09nxxx xxxxx", "022-nxxxxxxx", "13n xxxx xxxx",
    "13n-xxxx-xxxx",
    "13nxxxxxxxx", "010-nxxxxxxx", "+86 13n xxxx xxxx", "03-nxxx-xxxx", "090-nxxx-xxxx", "+81 90-nxxx-xxxx",
    "010-nxxx-xxxx", "02-nxx-xxxx", "+82 10-nxxx-xxxx", "9nxx xxxx", "+65 9nxx xxxx", "+852 nxxx xxxx", "0912-nxx-xxx",
    "0912 nxx xxx", "081-nxx-xxxx", "0812-nxxx-xxxx", "0917 nxx xxxx", "050-nxx-xxxx", "+972 50-nxx-xxxx",
    "05n nxx xxxx",
    "+971 50 nxx xxxx", "010 nxxx xxxx", "+20 10 nxxx xxxx", "082 nxx xxxx", "+27 82 nxx xxxx", "0803 nxx xxxx",
    "0412 nxx xxx", "(02) 9nxx xxxx", "+61 4nx xxx xxx", "021 nxx xxxx",
)  # fmt: skip

DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe63\uff0d\u30fc\u058a\ufe58"
ZEROS = "\u0660\u06f0\u0966\u09e6\u0e50\uff10\U0001d7ce\U0001d7f6\u1040"


def cases(kind: str, seed: int, count: int = 200) -> list[Case]:
    """So many of a kind."""
    draw = random.Random(f"{kind} {seed}")
    made = []
    for _ in range(count):
        secret = KINDS[kind](draw)
        before, after = draw.choice(PLACES)
        if kind in ("name", "folder"):
            before, secret = secret.rsplit("\0", 1)
            after = draw.choice(("", "/", "?x=1")) if kind == "folder" else draw.choice(("", "&page=2", "#top"))
        made.append(Case(kind, before, secret if kind in ("name", "folder") else disguised(draw, secret), after))
    return made


def disguised(draw: random.Random, text: str) -> str:
    """As it is, or as it comes out of links, other alphabets and other people's programs."""
    way = draw.random()
    if way < 0.5:
        return text
    if way < 0.6:
        return quote(text, safe="")
    if way < 0.65:
        return quote(quote(text, safe=""), safe="")
    if way < 0.72:
        form = draw.choice(("&#{0};", "&#x{0:x};", "&#X{0:X};", "\\u{0:04x}", "\\x{0:02x}", "\\u{{{0:x}}}"))
        marks = [place for place, letter in enumerate(text) if letter in "@.:-+ _" and ord(letter) < 128]
        for place in reversed(marks):
            text = text[:place] + form.format(ord(text[place])) + text[place + 1 :]
        return text
    if way < 0.76:
        return text.replace("@", "&commat;").replace(".", "&period;").replace("+", "&plus;")
    if way < 0.84:
        return "".join(draw.choice(DASHES) if letter == "-" else letter for letter in text)
    if way < 0.9:
        zero = draw.choice(ZEROS)
        return "".join(chr(ord(zero) + int(letter)) if letter in string.digits else letter for letter in text)
    if way < 0.95:
        return "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in text)
    return "".join(letter + draw.choice(("", "", "\u200b", "\u00ad", "\u2060")) for letter in text)


def _digits(draw: random.Random, count: int) -> str:
    return "".join(draw.choice(string.digits) for _ in range(count))


def _phone(draw: random.Random) -> str:
    shape = draw.choice(PHONES)
    made = "".join(
        draw.choice("23456789") if letter == "n" else draw.choice(string.digits) if letter == "x" else letter
        for letter in shape
    )
    return made.replace(" ", "\u00a0") if draw.random() < 0.05 else made


def _email(draw: random.Random) -> str:
    name = draw.choice(FIRST) + draw.choice(("", ".", "_", "-")) + draw.choice((*LAST, "", "1985", "k"))
    tag = draw.choice(("", "", "+news", "+2", "+shop.de"))
    domain = draw.choice(
        (*DOMAINS, "example.co.jp", "mail.example.com.br", "例え.example", "example.museum", "x-y.example")
    )
    made = f"{name}{tag}@{domain}"
    way = draw.random()
    if way < 0.05:
        return made.replace("@", draw.choice(("\uff20", "\ufe6b"))).replace(
            ".", draw.choice(("\u3002", "\uff0e", "\uff61"))
        )
    if way < 0.1 and made.isascii():
        return base64.b64encode(made.encode()).decode().rstrip("=")
    return made.upper() if way > 0.95 else made


def _handle(draw: random.Random) -> str:
    name = draw.choice(("anna", "Li", "the", "x")) + draw.choice(("_", ".", "")) + draw.choice(("k", "Novak", "99"))
    form = draw.choice(
        ("@{}", "@{}", "@{}", "t.me/{}", "https://t.me/{}", "tg://resolve?domain={}", "@{}@social.example")
    )
    return form.format(name + _digits(draw, draw.randint(1, 3)))


def _ip(draw: random.Random) -> str:
    way = draw.randrange(5)
    four = f"{draw.choice(('203.0.113', '198.51.100', '192.0.2', '10.20.30'))}.{draw.randint(1, 254)}"
    groups = [f"{draw.randint(1, 0xFFFF):x}" for _ in range(6)]
    return (four, f"{four}:8080", f"2001:db8:{':'.join(groups)}", f"2001:db8::{groups[0]}", f"::ffff:{four}")[way]


def _mac(draw: random.Random) -> str:
    made = "".join(draw.choice(HEX) for _ in range(11)) + draw.choice("abcdef")
    width, mark = draw.choice(((2, ":"), (2, "-"), (4, "."), (2, "_")))
    made = mark.join(made[place : place + width] for place in range(0, 12, width))
    return made.upper() if draw.random() < 0.5 else made


def _uuid(draw: random.Random) -> str:
    made = "".join(draw.choice(HEX) for _ in range(32))
    made = f"{made[:8]}-{made[8:12]}-{draw.choice('1457')}{made[13:16]}-{draw.choice('89ab')}{made[17:20]}-{made[20:]}"
    return draw.choice((made, made.upper(), "{" + made + "}", f"urn:uuid:{made}"))


def _hex(draw: random.Random) -> str:
    made = "".join(draw.choice(HEX) for _ in range(draw.choice((16, 20, 24, 24, 32, 40, 64))))
    return draw.choice((made, made.upper(), f"0x{made}", f"0X{made.upper()}"))


def _token(draw: random.Random) -> str:
    crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    way = draw.randrange(6)
    if way == 0:
        return "01" + "".join(draw.choice(crockford) for _ in range(24))  # ULID
    if way == 1:
        return draw.choice("12") + "".join(draw.choice(BASE62) for _ in range(26))  # KSUID
    if way == 2:
        return "".join(draw.choice(BASE62 + "_-") for _ in range(21)).strip("_-").ljust(21, "q")  # nanoid
    if way == 3:
        return base64.urlsafe_b64encode(draw.randbytes(draw.choice((16, 24, 32)))).decode().rstrip("=").strip("_-")
    if way == 4:
        return "c" + "".join(draw.choice(string.ascii_lowercase + string.digits) for _ in range(24))  # cuid
    return "".join(draw.choice(string.ascii_lowercase + string.digits) for _ in range(draw.choice((20, 24, 32))))


def _id(draw: random.Random) -> str:
    def run(count: int, letters: str = BASE62) -> str:
        # A digit and both cases at least: otherwise it is drawn again, as the services' own are long enough.
        while True:
            made = "".join(draw.choice(letters) for _ in range(count))
            if any(map(str.isdigit, made)) and any(map(str.isalpha, made)):
                return made

    prefix = draw.choice(PREFIXES.split())
    if prefix in ("AKIA", "ASIA"):
        return prefix + run(16, string.ascii_uppercase + "234567")
    if prefix in ("xoxb-", "xoxp-"):
        return f"{prefix}{_digits(draw, 11)}-{_digits(draw, 12)}-{run(24)}"
    if prefix in ("usr_", "user_", "org_", "ses_", "sess_", "req_", "key_", "inv_", "ord_"):
        return prefix + run(
            draw.choice((10, 12, 16, 24)), draw.choice((BASE62, string.ascii_lowercase + string.digits))
        )
    return prefix + run({"ghp_": 36, "gho_": 36, "npm_": 36, "glpat-": 20}.get(prefix, draw.choice((14, 16, 24))))


def _card(draw: random.Random) -> str:
    made = plain_card(draw).replace(" ", "").replace("-", "")
    mark = draw.choice(("", " ", "-", "_", ".", "\u00a0"))
    if len(made) == 15:
        return mark.join((made[:4], made[4:10], made[10:]))
    return mark.join(made[place : place + 4] for place in range(0, len(made), 4))


def _iban(draw: random.Random) -> str:
    made = plain_iban(draw).replace(" ", "")
    mark = draw.choice(("", " ", "-", "_", ".", "\u00a0"))
    return mark.join(made[place : place + 4] for place in range(0, len(made), 4))


def _coordinates(draw: random.Random) -> str:
    north, east, places = draw.uniform(-85, 85), draw.uniform(-179, 179), draw.randint(4, 7)
    form = draw.choice(("{},{}", "{}, {}", "@{},{},15z", "{};{}", "{} {}", "geo:{},{}"))
    if draw.random() < 0.2:
        minutes = [draw.randint(0, 59) for _ in range(4)]
        return "{0}°{2}'{3}\"N {1}°{4}'{5}\"E".format(int(abs(north)), int(abs(east)), *minutes)
    return form.format(f"{north:.{places}f}", f"{east:.{places}f}")


def _name(draw: random.Random) -> str:
    name = draw.choice(NAMES.split())
    value = draw.choice(("hunter2", "anna", "Anna-Maria", "4711", "x9", "abc.def", "müller"))
    return draw.choice(("/a?x=1&", "", "https://example.com/?", "/login;")) + name + "=\0" + value


def _folder(draw: random.Random) -> str:
    folder = draw.choice(FOLDERS.split())
    letters = draw.choice((BASE62, string.ascii_lowercase + string.digits, HEX, string.ascii_uppercase + string.digits))
    code = "".join(draw.choice(letters) for _ in range(draw.choice((8, 10, 12, 12, 15))))
    if draw.random() < 0.2:
        code = "-".join(code[place : place + 4] for place in range(0, 8, 4))
    return f"/{folder}/\0{code}"


KINDS: dict[str, Callable[[random.Random], str]] = {
    "email": _email, "phone": _phone, "handle": _handle, "ip": _ip, "mac": _mac, "uuid": _uuid, "hex": _hex,
    "token": _token, "id": _id, "card": _card, "iban": _iban, "coordinates": _coordinates, "name": _name,
    "folder": _folder,
}  # fmt: skip


# What a link to a messenger, a library's name for the kind, or a port may leave: nothing of a person.
_FRAMES = frozenset(["https", "t", "me", "tg", "resolve", "domain", "15z", "8080", "urn", "uuid", "geo"])


def left_of(case: Case) -> bool:
    """Whether anything is left of what must not be: no placeholder, or a word more than stood around it."""
    # As it is read: what stands around a find is still escaped, where it was.
    scrubbed = folded(scrub(case.text))[0]
    if not PLACEHOLDER.search(scrubbed):
        return True
    around = Counter(re.findall(r"\w+", f"{case.before} {case.after}"))
    left = Counter(re.findall(r"\w+", PLACEHOLDER.sub(" ", scrubbed))) - around
    return any(word not in _FRAMES and not (case.kind == "id" and len(word) < 8) for word in left)
