"""The group of commands: loaded one by one, errors turned into words and exit codes here and nowhere else."""

from __future__ import annotations

import gc
import importlib
import itertools
import json
import os
import signal
import sys
import threading
import warnings
from collections.abc import Sequence
from typing import Any, Final

import click

from candle_spec._version import __version__
from candle_spec.cli import exit_codes
from candle_spec.cli.output.words import error_text
from candle_spec.errors import CandleSpecError, InvalidInputError

GROUPS: Final = {
    "Convert": {
        "convert": ("Convert a native checkpoint to the common format.", "candle-spec convert model.pt"),
        "restore": ("Bring the native checkpoint back.", "candle-spec restore model.pt.candle"),
        "verify-conversion": (
            "Prove a conversion's certificate again.",
            "candle-spec verify-conversion model.pt.candle",
        ),
        "reshard": (
            "Copy a checkpoint with weights files of another size.",
            "candle-spec reshard model.candle small.candle --shard-size 1GB",
        ),
        "migrate": (
            "Bring checkpoints of an older version of the format to this one.",
            "candle-spec migrate model.candle --in-place",
        ),
    },
    "Look": {
        "formats": ("List the native formats that are read.", "candle-spec formats"),
        "inspect": ("Show what is in a checkpoint, native or common.", "candle-spec inspect model.pt"),
        "schema": ("Show the packaged schemas, bundle them for editors.", "candle-spec schema bundle checkpoint"),
    },
    "Check": {
        "validate": ("Validate checkpoints, for people and for CI.", "candle-spec validate models/"),
        "evaluation": (
            "Add measured values to a checkpoint, sealed or not.",
            "candle-spec evaluation add model.candle --metric auc-roc --value 0.87",
        ),
        "seal": ("Write the manifest's digest into a valid checkpoint.", "candle-spec seal model.pt.candle"),
    },
    "Train": {
        "series": ("Look at a training series, and tidy it up.", "candle-spec series ls out/ckpts"),
    },
    "Publish": {
        "readiness": (
            "Say what repositories still want to know.",
            "candle-spec readiness model.pt.candle --for huggingface",
        ),
        "describe": ("Ask for what is missing, once for a study.", "candle-spec describe model.pt.candle"),
        "map": ("Make a repository's record.", "candle-spec map model.pt.candle --to huggingface --out card"),
        "import-metadata": (
            "Fill a manifest from a repository's record.",
            "candle-spec import-metadata --from huggingface README.md model.pt.candle",
        ),
        "template": ("List, show, make and test templates.", "candle-spec template list"),
        "publish": ("Publish a checkpoint or a series.", "candle-spec publish model.candle --to modac"),
        "fetch": ("Fetch what was published, validated.", "candle-spec fetch zenodo:1234567 uno.candle"),
        "modac": ("Talk to MoDaC, or rehearse with a stand-in.", "candle-spec modac serve"),
    },
    "Shell": {
        "completion": ("Print the completion script of a shell.", 'eval "$(candle-spec completion bash)"'),
    },
}


class Commands(click.Group):
    """Commands by task; each is imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for commands in GROUPS.values() for name in commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"candle_spec.cli.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for task, commands in GROUPS.items():
            with formatter.section(task):
                for name, (what, example) in commands.items():
                    formatter.write_text(f"{name:<18} {what}")
                    formatter.write_text(f"{'':<18} {example}".replace(" " * 18, "\u00a0" * 18, 1))


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=exit_codes.HELP,
)
@click.version_option(__version__, prog_name="candle-spec", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.pass_context
def group(context: click.Context, debug: bool) -> None:
    """Convert, validate and restore checkpoints of cancer machine-learning models."""
    context.obj = {"debug": debug}


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return the exit code."""
    debug, as_json = "--debug" in arguments, "--json" in arguments or _format_json(arguments)
    arguments = [word for word in arguments if word != "--debug"]  # it may stand anywhere
    if not debug:
        warnings.showwarning = _warn
    _tolerant_output()
    _end_in_order()
    gc.set_threshold(*_COLLECTIONS)
    try:
        result: Any = group.main(list(arguments), prog_name="candle-spec", standalone_mode=False)
        return result if isinstance(result, int) else exit_codes.OK
    except click.ClickException as error:
        if as_json:
            return _failed(InvalidInputError(error.format_message()), exit_codes.USAGE, as_json, debug)
        error.show()
        return exit_codes.USAGE
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted: nothing half-written was left behind", err=True)
        return exit_codes.INTERRUPTED
    except (BrokenPipeError, SystemExit):
        # The reader went away (a pager, head), which click tells by leaving: nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exit_codes.OK
    except CandleSpecError as error:
        return _failed(error, exit_codes.of(error), as_json, debug)
    except OSError as error:
        refused = CandleSpecError(error.strerror or str(error), location=str(error.filename or ""))
        return _failed(refused, exit_codes.INTERNAL, as_json, debug, error)
    except Exception as error:  # noqa: BLE001 - whatever it is, the user gets words and an exit code
        unexpected = CandleSpecError(
            f"internal error: {type(error).__name__}: {error}", hint="please report it, with the output of --debug"
        )
        return _failed(unexpected, exit_codes.INTERNAL, as_json, debug, error)


def _format_json(arguments: Sequence[str]) -> bool:
    return any(a == "--format" and b == "json" for a, b in itertools.pairwise(arguments)) or (
        "--format=json" in arguments
    )


def _failed(error: CandleSpecError, code: int, as_json: bool, debug: bool, cause: BaseException | None = None) -> int:
    if debug:
        import traceback

        traceback.print_exception(cause or error)
    if as_json:
        about = {"message": error.message, "location": error.location, "hint": error.hint, "code": error.code}
        click.echo(json.dumps({"error": {key: value for key, value in about.items() if value}, "exit_code": code}))
    else:
        click.echo(error_text(error), err=True)
    return code


def _warn(message: Warning | str, *_: Any, **__: Any) -> None:
    click.echo(f"warning: {message}", err=True)


_COLLECTIONS: Final = (50_000, 20, 20)
"""How often a command looks for cycles among its objects: it makes many, of which few are garbage, and then ends."""


def _end_in_order() -> None:
    """Let a batch system's request to end clean up as Ctrl-C does."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def _tolerant_output() -> None:
    """A terminal without Unicode shows a replacement instead of ending the command."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
