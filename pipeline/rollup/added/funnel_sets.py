"""What a funnel that is added to a released day would tell beside what is told of that day (rule N6).

In: a day that is staged again with what was counted of it, and with the new funnel. Out: by which dimensions it may not
be released. Promises: whoever subtracts who reached a step of it, and who is told otherwise, learns of nobody, or of k
people of as many networks as rule N4 asks for: all visitors, steps of other funnels, who did at all what a step is; by
channel, device and country, too, where these are told by them. Of other goals, of sections and all values that the day
shows, and of properties, it holds where one has the other in it, or both are nearly the same (people_sets.py). Steps
beside one another suppression/funnel_drops.py has looked at.

Where one value would tell of few, the whole dimension is left out; where the whole site would, the funnel is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from schema.dimensions import OTHER
from schema.funnels import FUNNELS

from ..batch import Batch
from .counted_before import OF_DAY
from .people_sets import few_between, into, sets, shown_values, told_before, values_of

_BY = tuple(name for name in FUNNELS.dimensions if name)
# Of who is in what: the whole site, and each dimension with his value.
_EACH = ", ".join(("('', '')", *(f"('{name}', toString({name}))" for name in _BY)))
# Goals that are steps of the new one are near it.
_NEAR = "has({near_goals:Array(String)}, toString(goal))"


def refused(of: Batch, new: str, known: Collection[str], properties: Mapping[str, str]) -> frozenset[str]:
    """Dimensions; "" is the whole site, without which there is nothing. new: as it is called in the staged day. known:
    the same of other funnels. properties: that are known, by name the grain of their rows, "" of those that were
    released with the day."""
    if of.days[0].rules.k == 1:
        return frozenset()
    given = of.named | {"new": new, "known_funnels": sorted(known), "old": list(properties)}
    given |= {"old_grains": [grain for grain in properties.values() if grain], "near_goals": _goals_of(of, new)}
    with sets(of):
        for statement in (_asked(of), *_known(of)):
            of.store.command(of.naming(statement), given)
        return frozenset(dimension for dimension, _ in few_between(of))


def _goals_of(of: Batch, new: str) -> list[str]:
    """The goals that count what a step of the funnel is."""
    site = of.days[0].site
    [funnel] = (one for one in site.funnels if one.name == new)
    steps = {f"{kind}:{wanted}" for kind, wanted in funnel.resolved(site.goal_definitions)}
    return [name for name, definition in site.goal_definitions.items() if definition in steps]


def _layer(of: Batch) -> str:
    """SQL for the value of a person, by `one`: of a dimension all that would not be told is what is left."""
    told = f"SELECT dimension, value FROM staging_funnels WHERE {of.mine} AND {OF_DAY} AND funnel = {{new:String}}"
    return f"if(one.1 = '', '', concat('=', if(one IN ({told}), one.2, '{OTHER}')))"


def _asked(of: Batch) -> str:
    # Steps of which is told how many they are at least are one of k numbers.
    exact = f"""SELECT dimension, step FROM staging_funnels
        WHERE {of.mine} AND {OF_DAY} AND funnel = {{new:String}} AND unsure = 0"""
    return f"""{into("asked", part="one.1", layer=_layer(of), name="toString(nth)")} FROM {{passed}}
        ARRAY JOIN range(1, reached + 1) AS nth ARRAY JOIN [{_EACH}] AS one
        WHERE funnel = {{new:String}} AND (one.1, nth) IN ({exact})"""


def _known(of: Batch) -> list[str]:
    """The statements that fill `known`."""
    each, layer = f"ARRAY JOIN [{_EACH}] AS one", _layer(of)
    near = {"part": "one.1", "layer": layer}
    steps = "FROM {passed} ARRAY JOIN range(1, reached + 1) AS nth"
    step = "concat('funnel ', toString(funnel), ' ', toString(nth))"
    found = [
        f"{into('known', **near, name=_ALL, near='1')} FROM {{visits}} {each} WHERE came",
        f"{into('known', **near, name=step, near='1')} {steps} {each} "
        "WHERE has({known_funnels:Array(String)}, toString(funnel))",
        # Whoever did a step is told of all visitors only.
        f"{into('known', name=_DID, near='1')} FROM {{passed}} ARRAY JOIN range(1, 9) AS nth "
        "WHERE funnel = {new:String} AND bitTest(met, nth - 1)",
        *(f"{one} AND one IN {shown_values(of)}" for one in values_of()),
    ]
    if of.has_goals:
        goal = {"name": "concat('goal ', toString(goal))", "near": _NEAR}
        found.append(f"{into('known', **near, **goal)} FROM {{reached}} {each} WHERE NOT startsWith(goal, 'step ')")
    if of.has("properties"):
        sent = "concat('property ', toString(event), '=', toString(property), '=', property_value)"
        which = f"(toString(property), toString(event), '', property_value) IN {told_before(of)}"
        found.append(f"{into('known', name=sent, near='0')} FROM {{told}} WHERE {which}")
    return found


_ALL, _DID = "'all'", "concat('step ', toString(nth))"
