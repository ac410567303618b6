"""What can be set of one site, and the site of the demo.

In: values. Out: `SiteSettings`. Promises: values that do not fit together, or match nothing, are refused.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, structs

from collector.anonymization import AnonymizationSettings
from collector.enrich.site_filter import Exclusions
from collector.privacy.order_id import is_order_id
from collector.settings import Consent
from dashboards.delivery.settings import Alert, Digest
from schema.funnel import Funnel, Step
from schema.host import host_pattern
from schema.pair import DEFAULT_PAIRS
from schema.site import DEMO, Goal, Site, each_of


class SiteSettings(Site, frozen=True, forbid_unknown_fields=True):
    """One website, and what holds for it alone."""

    consent: Annotated[
        Consent,
        Meta(description="exempt: counted unless refused; required: a bare total until the page says `granted`."),
    ] = "exempt"
    hosts: Annotated[
        tuple[str, ...],
        Meta(
            description="Hosts of the site's pages, such as example.com and *.example.com. Pages of others neither "
            "count nor send. Empty: pages of any host count, sent from the site's key, domains, what is below them "
            "and localhost."
        ),
    ] = ()
    exclude: Annotated[
        Exclusions,
        Meta(description="What is not counted: countries, pages (patterns as for goals) and networks (CIDR)."),
    ] = Exclusions()
    digests: Annotated[
        tuple[Digest, ...], Meta(description="Who gets the site's numbers by mail, every week or month.")
    ] = ()
    alerts: Annotated[
        tuple[Alert, ...], Meta(description="Of what somebody is told by mail or webhook, once a day at most.")
    ] = ()
    anonymization: Annotated[
        AnonymizationSettings | None,
        Meta(description="This site's own preset, or single values that depart from [anonymization]."),
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        structs.force_setattr(self, "hosts", each_of("hosts", self.hosts, host_pattern))
        self._refuse_what_matches_nothing()
        names = [goal.name for goal in self.goals]
        for place, alert in enumerate(self.alerts):
            if alert.goal and alert.goal not in names:
                known = ", ".join(map(repr, names)) or "none"
                raise ValueError(
                    f"the site has no goal {alert.goal!r} (it has {known}): name one of its goals - "
                    f"at `$.alerts[{place}].goal`"
                )

    def _refuse_what_matches_nothing(self) -> None:
        """Here, not in `Site`: definitions of before are read as they are, though none like these may be written."""
        patterns = [(f"goals[{place}].page", goal.page) for place, goal in enumerate(self.goals)]
        patterns += [(f"sections.{name}", pattern) for name, pattern in self.sections.items()]
        patterns += [
            (f"funnels[{place}].steps[{nth}].page", step.page)
            for place, funnel in enumerate(self.funnels)
            for nth, step in enumerate(funnel.steps)
        ]
        patterns += [
            (f"segments[{place}].where", wanted)
            for place, segment in enumerate(self.segments)
            for key, wanted in segment.asked
            if key in ("page", "entry_page", "exit_page")
        ]
        for where, pattern in patterns:
            if pattern and not pattern.startswith(("/", "*")):
                address = pattern.partition("://")[2].partition("?")[0]
                path = f"/{address.partition('/')[2] if address else pattern}"
                raise ValueError(
                    f"no page is like {pattern!r}: a path begins with '/', write {path!r} - at `$.{where}`"
                )
        for place, segment in enumerate(self.segments):
            ids = [key for key, _ in segment.asked if is_order_id(key.removeprefix("properties."), has_revenue=False)]
            if ids and ids[0].startswith("properties."):
                raise ValueError(
                    f"{ids[0]!r} is the id of an order, which is not stored: leave it out - "
                    f"at `$.segments[{place}].where`"
                )
        for place, name in enumerate(self.properties):
            if is_order_id(name, has_revenue=False):
                raise ValueError(
                    f"property {name!r} is the id of an order, which is not stored: leave it out - "
                    f"at `$.properties[{place}]`"
                )

    @property
    def has_preset(self) -> bool:
        """Whether it starts from a preset of its own."""
        return self.anonymization is not None and self.anonymization.preset is not None


# With something of everything that a page can show.
DEMO_SITE = SiteSettings(
    key=DEMO,
    goals=(Goal("Sign up", event="signup"), Goal("Thank-you page", page="/demo/thanks.html")),
    properties=("plan", "url", "path"),
    funnels=(
        Funnel("Sign-up", (Step(page="/demo/pricing.html"), Step(goal="Sign up"), Step(goal="Thank-you page"))),
        Funnel("From reading to signing up", (Step(section="/blog/"), Step(section="/demo/"), Step(goal="Sign up"))),
    ),
    journeys=True,
    pairs=(*DEFAULT_PAIRS, "country x language"),
    release_k=1,
    count_automated=True,
)
