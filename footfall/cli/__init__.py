"""The `footfall` command.

In: arguments. Out: what was asked for, as a table or with --json for scripts; errors on standard error, exit code 1.
"""

from __future__ import annotations

import difflib
from importlib import import_module

import click

# Where each command is: only the one that is asked for is loaded, because all of them take a second.
_COMMANDS = {
    "up": "parts:up",
    "collector": "parts:collector",
    "pipeline": "parts:pipeline",
    "dashboards": "parts:dashboards",
    "sign-in": "parts:sign_in",
    "stats": "stats:stats",
    "settings": "settings:settings",
    "check": "check:check",
    "anonymize": "anonymize:anonymize",
    "why": "why:why",
    "lab": "lab:lab",
    "plan": "plan:plan",
    "note": "note:note",
    "edit": "edit:edit",
    "token": "tokens:token",
    "user": "user:user",
    "keys": "keys:keys",
    "canary": "canary:canary",
    "quarantine": "quarantine:quarantine",
    "release": "release:release",
    "share": "share:share",
    "site": "site:site",
    "spools": "spools:spools",
    "migrate": "migrate:migrate_",
    "backup": "backup:backup",
    "restore": "backup:restore",
    "import": "import_:import_",
    "mail": "mail:mail",
    "mcp": "mcp:mcp",
    "demo": "demo:demo_",
}


class _Loading(click.Group):
    """A group that loads a command when it is asked for."""

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def resolve_command(
        self, context: click.Context, arguments: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it; of a name that is none, with the nearest ones that are."""
        try:
            return super().resolve_command(context, arguments)
        except click.UsageError as problem:
            near = difflib.get_close_matches(arguments[0], self.list_commands(context), 3)
            if not near:
                raise
            raise click.UsageError(f"{problem.message} Did you mean {' or '.join(near)}?", problem.ctx) from None

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        module, attribute = _COMMANDS[name].split(":")
        command: click.Command = getattr(import_module(f"{__name__}.{module}"), attribute)
        return command


def _tell_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        # Imported here: only who asks for it waits for git.
        from ..version import described

        click.echo(f"footfall {described()}")
        context.exit()


@click.group(cls=_Loading, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_tell_version, help="Version, commit."
)
def main() -> None:
    """Footfall counts feet, not faces: cookieless website analytics that keeps its privacy promises provably."""
