"""The `footfall` command.

In: arguments. Out: what was asked for, as a table or with --json for scripts; errors on standard error, exit code 1.
"""

from __future__ import annotations

import click

from .commands import canary, changing, check, keys, lab, looking, quarantine, running, tokens, why


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="footfall")
def main() -> None:
    """Footfall counts feet, not faces: cookieless website analytics that keeps its privacy promises provably."""


for command in (
    running.up,
    running.collector,
    running.pipeline,
    running.dashboards,
    running.sign_in,
    looking.stats,
    looking.settings,
    looking.check,
    looking.anonymize,
    why.why,
    lab.lab,
    tokens.token,
    keys.keys,
    canary.canary,
    quarantine.quarantine,
    changing.migrate_,
    changing.import_,
    changing.demo_,
):
    main.add_command(command)
looking.check.add_command(check.check_site)
