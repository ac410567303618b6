"""How long scrubbing takes: typical paths, hostile texts, a beacon full of them. `python -m bench.scrub`

In: the corpora of tests/collector/corpus. Out: a table of microseconds, each the best of several runs.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from collector.privacy.scrub import MAX_TEXT, scrub

CORPUS = Path(__file__).parents[1] / "tests" / "collector" / "corpus"
ROUNDS = 9
PIECES = (
    *("a", "1", "%", "@", ":", "(", "0-", "1 ", "a@", "a@b.", "1.2.", "%25", "%2541", "12-34-", "eyJ", "eyJa.", "(1"),
    *("a=", "-1", "1a", "::", "a:", "t.me/", "tg:", "=", "Aa1-", "_", "tel ", "token=a&", "1.2345,", "DE89 ", "%C3%A4"),
    *("DE89370400440532013000 ", "+1234567 ", "A1b2C3d4E5f6.", "0123456789abcdef.", "\ufdfa", "\u0301", "\u0323\u0301"),
    *(
        "&#64;",
        "\\u0040",
        "\u0663",
        "anna–@example.com ",
        "/reset/a1b2",
        "user_a1b2c3d4 ",
        "030–123456 ",
        "((1",
        "\uff8a\uff9f",
    ),
    *("\x00", "How-To-Do-It-", "2024-05-17 ", "ab12 cdef ", "x\u200b", "token=", "\u3300"),
)


def main() -> None:
    benign = [line for path in CORPUS.glob("scrub_benign*.txt") for line in path.read_text("utf-8").splitlines()]
    finds = [
        line.split("\t")[1]
        for path in CORPUS.glob("scrub_positive*.txt")
        for line in path.read_text("utf-8").splitlines()
        if "\t" in line
    ]
    for name, texts in (("ordinary paths", benign), ("texts with a find", finds)):
        taken = sorted(_best_us(text) for text in texts)
        median, high = statistics.median(taken), taken[int(0.95 * len(taken))]
        mean = statistics.mean(taken)
        print(f"{name:24} {len(texts):5} texts: mean {mean:6.1f} µs, median {median:6.1f}, p95 {high:6.1f}")
    hostile = {piece: (piece * MAX_TEXT).encode()[:MAX_TEXT].decode("utf-8", "ignore") for piece in PIECES}
    slowest = sorted(((_best_us(text), piece) for piece, text in hostile.items()), reverse=True)
    mean = statistics.mean(taken_us for taken_us, _ in slowest)
    print(f"hostile, 2,000 bytes     {len(hostile):5} texts: mean {mean:6.1f} µs; the slowest:")
    for taken_us, piece in slowest[:8]:
        print(f"  {taken_us:8.1f} µs  {piece!r}")
    worst = [hostile[piece] for _, piece in slowest[:30]]
    print(f"beacon with the 30 slowest as properties: {sum(map(_best_us, worst)) / 1000:.2f} ms")


def _best_us(text: str) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.perf_counter()
        scrub(text)
        best = min(best, time.perf_counter() - started)
    return best * 1e6


if __name__ == "__main__":
    main()
