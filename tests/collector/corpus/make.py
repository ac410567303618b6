"""Makes `scrub_positive_made.txt`: what must be found (rule U3), drawn with a fixed seed, independent of the scrubber.

In: nothing. Out: lines of kind, TAB, text, TAB, the secret. Run `python -m tests.collector.corpus.make`.
Promises: the same file every time; made-up people, reserved domains and documentation networks where there are any.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import string
import uuid
from pathlib import Path
from urllib.parse import quote

FILE = Path(__file__).parent / "scrub_positive_made.txt"
PER_KIND = 45
FIRST = (
    "anna",
    "li",
    "josé",
    "mehmet",
    "oluwaseun",
    "marie-claire",
    "x.y",
    "kim_lee",
    "sven99",
    "dörte",
    "i.v.novak",
    "tom.o",
)
LAST = (
    "schmidt",
    "garcía",
    "o'neil",
    "yılmaz",
    "nguyen",
    "van.dam",
    "petrova",
    "müller-lüdenscheidt",
    "smith",
    "okafor",
)
DOMAINS = (
    "example.com",
    "example.org",
    "mail.example.net",
    "firma.example",
    "post.example.co.uk",
    "bücher.example",
    "uni-bonn.de",
    "a.io",
)
SECRETS = (
    "token",
    "access_token",
    "key",
    "sig",
    "session",
    "sid",
    "password",
    "reset-token",
    "invite",
    "otp",
    "email",
    "phone",
    "user",
    "PHPSESSID",
    "apiKey",
)
PLACES = (
    "/users/{}/edit",
    "/invite/{}",
    "/u/{}",
    "{}",
    "/a/b/{}?x=1",
    "/search/{}/2",
    "see {} please",
    "/f/({})",
    "/x/{}.html",
    "https://example.com/p/{}",
    "/konto/{}/rechnung#top",
    "ref:{}",
    "'{}'",
    "/s/{};v=2",
    "/{}/",
    "/de/nutzer/{}/",
)
WRAPPED = tuple(place for place in PLACES if place not in ("/x/{}.html",))
BASE62 = string.ascii_letters + string.digits


def made() -> str:
    """The content of the file."""
    draw = random.Random(20260101)
    lines = []
    for kind, make in KINDS.items():
        seen: set[str] = set()
        while len(seen) < PER_KIND:
            secret = make(draw)
            if secret in seen or "\t" in secret:
                continue
            seen.add(secret)
            place = draw.choice(PLACES if kind in ("hex", "token", "uuid") else WRAPPED)
            lines.append(f"{kind}\t{place.format(_written(draw, kind, secret))}\t{secret}")
    return "# made by make.py; kind, TAB, text, TAB, secret\n" + "\n".join(lines) + "\n"


def _written(draw: random.Random, kind: str, secret: str) -> str:
    """As it is, or escaped once or twice, as links in mails and redirects are."""
    way = draw.random()
    if kind == "email" and way > 0.85:
        return base64.b64encode(secret.encode()).decode().rstrip("=" if way > 0.93 else "")
    if way < 0.6:
        return secret
    once = quote(secret, safe="")
    return once if way < 0.85 else quote(once, safe="")


def _email(draw: random.Random) -> str:
    tag = draw.choice(("", "", "+news", "+a.b-2"))
    return f"{draw.choice(FIRST)}{draw.choice(('.', '_', '-', ''))}{draw.choice(LAST)}{tag}@{draw.choice(DOMAINS)}"


def _digits(draw: random.Random, count: int) -> str:
    return "".join(draw.choice(string.digits) for _ in range(count))


def _phone(draw: random.Random) -> str:
    shapes = (
        "+49 {2}{1} {7}",
        "+49-{3}-{8}",
        "+1 ({3}) {3}-{4}",
        "({3}) {3}-{4}",
        "{3}-{3}-{4}",
        "0{3}/{7}",
        "0{3} {7}",
        "+33 6 {2} {2} {2} {2}",
        "06 {2} {2} {2} {2}",
        "0049{10}",
        "+44 20 {4} {4}",
        "07{3} {6}",
        "+7 9{2} {3}-{2}-{2}",
        "+91 {5} {5}",
        "+{12}",
        "{3}.{3}.{4}",
        "+90 5{2} {3} {2} {2}",
        "+420 {3} {3} {3}",
        "0{2} {4} {4}",
        "017{9}",
    )
    out, rest = "", draw.choice(shapes)
    while "{" in rest:
        head, _, rest = rest.partition("{")
        count, _, rest = rest.partition("}")
        # No group begins with a zero, and none is a year.
        out += head + draw.choice("23456789") + _digits(draw, int(count) - 1)
    return out + rest


def _handle(draw: random.Random) -> str:
    name = draw.choice(("anna", "Li", "real", "the", "dr"))
    name += draw.choice(("_", ".", "")) + draw.choice(("kim", "Novak", "x"))
    name += _digits(draw, draw.randint(1, 4))
    return draw.choice(("@{}", "t.me/{}", "https://t.me/{}", "tg://resolve?domain={}", "telegram.me/{}")).format(name)


def _ip(draw: random.Random) -> str:
    if draw.random() < 0.5:
        return f"{draw.choice(('203.0.113', '198.51.100', '192.0.2', '10.1.2'))}.{draw.randint(1, 254)}"
    groups = [f"{draw.randint(1, 0xFFFF):x}" for _ in range(6)]
    return draw.choice(
        (f"2001:db8:{':'.join(groups)}", f"2001:db8::{':'.join(groups[:2])}", f"fe80::{':'.join(groups[:4])}")
    )


def _uuid(draw: random.Random) -> str:
    made = str(uuid.UUID(int=draw.getrandbits(128), version=4))
    return made.upper() if draw.random() < 0.3 else made


def _jwt(draw: random.Random) -> str:
    head, body = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in ({"alg": "HS256", "typ": "JWT"}, {"sub": _digits(draw, 6), "iat": draw.randint(10**9, 2 * 10**9)})
    )
    return f"{head}.{body}.{base64.urlsafe_b64encode(draw.randbytes(32)).decode().rstrip('=')}"


def _hex(draw: random.Random) -> str:
    made = draw.choice((hashlib.md5, hashlib.sha1, hashlib.sha256))(draw.randbytes(8)).hexdigest()
    made = made[: draw.choice((16, 20, 24, 32, 40, 64))]
    return made.upper() if draw.random() < 0.2 else made


def _token(draw: random.Random) -> str:
    length = draw.choice((20, 21, 22, 24, 27, 32, 36, 43, 64))
    shape = draw.randrange(5)
    if shape == 0:
        return base64.urlsafe_b64encode(draw.randbytes(length)).decode()[:length].strip("-_").ljust(length, "x")
    if shape == 1:
        return "".join(draw.choice(BASE62) for _ in range(length))
    if shape == 2:
        return "".join(draw.choice("0123456789ABCDEFGHJKMNPQRSTVWXYZ") for _ in range(26))
    if shape == 3:
        return "".join(draw.choice(string.ascii_letters) for _ in range(length))
    return draw.choice(("sk_live_", "ghp_", "xoxb-", "pk.", "AKIA")) + "".join(
        draw.choice(BASE62) for _ in range(max(24, length))
    )


def _luhn(body: str) -> str:
    total = sum(sum(divmod(int(d) * (2 - place % 2), 10)) for place, d in enumerate(reversed(body)))
    return body + str(-total % 10)


def _card(draw: random.Random) -> str:
    start, length = draw.choice((("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("34", 15), ("37", 15), ("6011", 16)))
    made = _luhn(start + _digits(draw, length - len(start) - 1))
    if length == 16 and draw.random() < 0.6:
        return draw.choice((" ", "-")).join(made[at : at + 4] for at in range(0, 16, 4))
    return f"{made[:4]} {made[4:10]} {made[10:]}" if length == 15 and draw.random() < 0.5 else made


def _iban(draw: random.Random) -> str:
    country, shape = draw.choice(
        (("DE", 18), ("AT", 16), ("NL", 14), ("ES", 20), ("BE", 12), ("PL", 24), ("GB", 18), ("IT", 23))
    )
    letters = {"NL": "ABNA", "GB": "NWBK", "IT": "X"}.get(country, "")
    body = letters + _digits(draw, shape - len(letters))
    number = int("".join(str(int(c, 36)) for c in f"{body}{country}00"))
    made = f"{country}{98 - number % 97:02}{body}"
    if draw.random() < 0.5:
        return " ".join(made[at : at + 4] for at in range(0, len(made), 4))
    return made.lower() if draw.random() < 0.2 else made


def _coordinates(draw: random.Random) -> str:
    north, east = draw.uniform(-85, 85), draw.uniform(-179, 179)
    places = draw.randint(3, 7)
    shape = draw.choice(("{},{}", "{}, {}", "@{},{},12z", "{};{}", "{}/{}", "{}|{}"))
    return shape.format(f"{north:.{places}f}", f"{east:.{places}f}")


def _secret(draw: random.Random) -> str:
    name = draw.choice(SECRETS)
    return f"{name}={draw.choice(FIRST)}{_digits(draw, 3)}"


KINDS = {
    "email": _email, "phone": _phone, "handle": _handle, "ip": _ip, "uuid": _uuid, "jwt": _jwt, "hex": _hex,
    "token": _token, "card": _card, "iban": _iban, "coordinates": _coordinates, "secret": _secret,
}  # fmt: skip

if __name__ == "__main__":
    FILE.write_text(made(), "utf-8")
