"""Whether words were chosen by a person or drawn at random: by the pairs of letters that stand side by side.

In: the words of a run of letters and digits. Out: yes or no.
Promises: own table of the letter pairs that make up most European words; linear time.
"""

from __future__ import annotations

from operator import add

# Pairs that are frequent in English, German, French, Spanish, Italian, Dutch or Polish: own selection, about a third of
# all 676 pairs. Of a word's pairs four in five are among them, of random letters' one in three.
_COMMON = frozenset(
    pair
    for line in (
        "ab ac ad ag ai ak al am an ap ar as at au av ay ba be bi bl bo br bu ca ce ch ci ck cl co cr ct cu cz da",
        "de di do dr du dz ea eb ec ed ee ef eg ei el em en ep er es et eu ev ew ex ey ez fa fe ff fi fo fr ft fu",
        "ga ge gh gi gl go gr gu ha he hi ho hr ht ia ib ic id ie if ig ij ik il im in io ip ir is it iu iv iz ja",
        "je jo ka ke ki kl ko kt la ld le lf li ll lo ls lt lu ly ma mb me mi mm mo mp mu na nc nd ne nf ng ni nk",
        "nn no ns nt nu ny nz ob oc od of og oi ok ol om on oo op or os ot ou ov ow pa pe pf ph pi pl po pp pr pu",
        "qu ra rc rd re rf rg ri rk rl rm rn ro rr rs rt ru rw ry rz sa sc se sh si sk sl sm so sp ss st su sz ta",
        "te th ti tl to tr ts tt tu ty tz ub uc ud ue ug ui uk ul um un up ur us ut va ve vi vo wa we wh wi wo za",
        "ze zi zo zu",
    )
    for pair in line.split()
)
# A capital may follow a small letter ("HowTo"), now and then; a digit after a digit says nothing.
_FINE = frozenset(
    [form for pair in _COMMON for form in (pair, pair.upper(), pair.title())]
    + [f"{left}{right}" for left in "0123456789" for right in "0123456789"]
)
# In the corpora of tests/collector/corpus nothing real has more, hardly anything random has less.
_SHARE = 0.45
# Of a longer word only the head is read: what is random is random from its beginning.
_HEAD = 64


def looks_random(words: list[str], least: int = 10, share: float = _SHARE) -> bool:
    """Whether too many neighbours in the words are no pair of a reader's language. least: with fewer pairs no one can
    tell. share: how many are too many."""
    pairs = fine = 0
    for word in words:
        word = word[:_HEAD]
        if len(word) > 1:
            pairs += len(word) - 1
            fine += sum(map(_FINE.__contains__, map(add, word, word[1:])))
    return pairs >= least and pairs - fine > share * pairs
