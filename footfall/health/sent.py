"""What the outbox tells: mails and alerts that did not arrive.

In: settings. Out: findings. Promises: nothing is made or sent; no receiver is named, because the outbox knows none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from schema.migrate import WrittenByNewer

from ..data_directory import outbox
from ..errors import CannotDo
from ..settings import Settings
from ..supervisor.paths import delivery_file
from .finding import OK, WARNING, Finding

_LATELY_S = 7 * 86_400
_REMEDY = "`footfall mail list` tells which; `footfall mail test ADDRESS` tries whether it can be sent now"


def of_sent(settings: Settings, now: float) -> Iterator[Finding]:
    """How much of the last week was refused, waits for another attempt, or may be lost. now: Unix seconds."""
    if not delivery_file(settings).exists():
        return
    try:
        with closing(outbox(settings)) as box:
            lately = [one for one in box.all() if one.at > now - _LATELY_S]
    except (CannotDo, WrittenByNewer) as problem:
        yield Finding("mail", WARNING, str(problem))
        return
    failed = [one for one in lately if one.problem and one.state != "sent"]
    if failed:
        text = f"{len(failed)} of {len(lately)} mails and alerts of the last 7 days did not arrive: {failed[0].problem}"
        yield Finding("mail", WARNING, text, _REMEDY)
    elif lately:
        yield Finding("mail", OK, "all that was to be sent in the last 7 days was taken")
