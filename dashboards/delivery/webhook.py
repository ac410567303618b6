"""Posts a message to a webhook: JSON, signed, or what Slack takes.

In: a `Message`, the address. Out: it is taken, or `CannotSend`, or `Unclear`. Promises: no redirect is followed and no
answer is read beyond its status; the receiver can tell that it is from us, and when, and that it is the same again:

    Footfall-Signature: t=1934000000,v1=<hex of HMAC-SHA256(secret, "1934000000." + body)>
    Footfall-Delivery: <id>
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable

import msgspec
import urllib3

from .message import CannotSend, Message, Unclear
from .settings import SLACK

PATIENCE = urllib3.Timeout(connect=10, read=20)
SIGNATURE, DELIVERY = "Footfall-Signature", "Footfall-Delivery"


class Webhooks:
    """secret: signs. clock: Unix seconds."""

    def __init__(self, secret: bytes, clock: Callable[[], float] = time.time) -> None:
        self._secret = secret
        self._clock = clock
        self._pool = urllib3.PoolManager(num_pools=4, retries=False, timeout=PATIENCE)

    def send(self, message: Message, address: str, handing_over: Callable[[], None] = lambda: None) -> None:
        """Raises CannotSend, Unclear."""
        slack = address.startswith(SLACK)
        body = msgspec.json.encode({"text": slack_text(message)} if slack else told(message))
        handing_over()
        try:
            answer = self._pool.request(
                "POST",
                address.removeprefix(SLACK),
                body=body,
                headers=self.headers(message, body),
                redirect=False,
                preload_content=False,  # or all of an answer would be held, however long it is
            )
            answer.close()
        except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError) as problem:
            raise CannotSend(f"the webhook's host does not answer ({type(problem).__name__})", again=True) from None
        except urllib3.exceptions.SSLError:
            raise CannotSend("the certificate of the webhook's host does not hold", again=True) from None
        except urllib3.exceptions.HTTPError as problem:
            raise Unclear(f"the webhook went away while it took the message ({type(problem).__name__})") from None
        if not 200 <= answer.status < 300:
            later = answer.status in (408, 429) or answer.status >= 500
            raise CannotSend(f"the webhook refused ({answer.status})", again=later)

    def headers(self, message: Message, body: bytes) -> dict[str, str]:
        """What it is sent with."""
        at = int(self._clock())
        proof = hmac.new(self._secret, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        return {
            "Content-Type": "application/json",
            "User-Agent": "Footfall",
            SIGNATURE: f"t={at},v1={proof}",
            DELIVERY: hashlib.sha256(message.what.encode()).hexdigest()[:32],
        }


def told(message: Message) -> dict[str, object]:
    """What a webhook gets."""
    return {"what": message.what, "subject": message.subject, "text": message.text, **message.facts}


def slack_text(message: Message) -> str:
    """Its text, in which nothing is markup (api.slack.com, "Escaping text")."""
    text = f"{message.subject}\n{message.text}"
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
