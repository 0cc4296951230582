"""The line `fer-hub COMMAND ...` as a whole: its commands, its version, its exit codes."""

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.exceptions import TyperException

from fer_hub import __version__
from fer_hub.commands.app import app as app_command
from fer_hub.commands.calibrate import calibrate
from fer_hub.commands.contact_sheet import contact_sheet
from fer_hub.commands.duplicates import clean_accuracy, duplicates
from fer_hub.commands.evaluate import evaluate
from fer_hub.commands.export import export
from fer_hub.commands.import_weights import import_weights
from fer_hub.commands.parts import Command
from fer_hub.commands.predict import predict
from fer_hub.commands.private_page import private_page
from fer_hub.commands.publish import model, space, static_space
from fer_hub.commands.refresh import refresh
from fer_hub.commands.train import SETTINGS, TrainCommand, train
from fer_hub.commands.video import video
from fer_hub.commands.webcam import webcam
from fer_hub.environment import check_numbers, print_every_letter

NAME = "fer-hub"

PLAIN = {"rich_markup_mode": None, "add_completion": False, "pretty_exceptions_enable": False}

PUBLISH = """Put a checkpoint or the app on the Hugging Face Hub.

\b
    fer-hub publish model runs/mine/final owner/name --dry-run
    fer-hub publish space owner/app --model owner/name --dry-run
"""

line = typer.Typer(
    name=NAME,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    **PLAIN,
)


def show_version(wanted: bool) -> None:
    """Print the version and leave, where it is asked for."""
    if wanted:
        print(f"{NAME} {__version__}")
        raise typer.Exit


@line.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=show_version, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="After an error show the traceback too.")] = False,
) -> None:
    """Facial expression recognition: photographs, videos, training, publishing.

    \b
        fer-hub predict photos/ --output faces.csv
        fer-hub COMMAND --help

    Exit codes: 0 done, 1 refused (one sentence says why), 2 wrong usage, 130 interrupted.
    """
    if context.invoked_subcommand is None:
        print(context.get_help())


line.command(cls=Command)(predict)
line.command(cls=Command)(video)
line.command(cls=Command)(webcam)
line.command(cls=TrainCommand, context_settings=SETTINGS)(train)
line.command(cls=Command)(evaluate)
line.command(cls=Command)(calibrate)
line.command(cls=Command)(export)
publish = typer.Typer(help=PUBLISH, no_args_is_help=True, **PLAIN)
publish.command(cls=Command)(model)
publish.command(cls=Command)(space)
publish.command("static-space", cls=Command)(static_space)
line.add_typer(publish, name="publish")
line.command("import-weights", cls=Command)(import_weights)
line.command("contact-sheet", cls=Command)(contact_sheet)
line.command(cls=Command)(duplicates)
line.command("clean-accuracy", cls=Command)(clean_accuracy)
line.command(cls=Command)(refresh)
line.command("app", cls=Command)(app_command)
line.command("private-page", cls=Command)(private_page)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: the words after `fer-hub`; those of the process if `None`.

    Returns:
        The exit code: 0 done, 1 refused, 2 wrong usage, 130 interrupted. What is wrong stands on stderr.
    """
    print_every_letter()
    os.environ.setdefault("FER_HUB_QUIET", "1")  # what native code says of itself would stand between the answers
    try:
        check_numbers()
        code = line(list(sys.argv[1:] if argv is None else argv), prog_name=NAME, standalone_mode=False)
        if sys.stdout is not None:  # closed, as where a service starts a program
            sys.stdout.flush()
    except TyperException as error:
        context = getattr(error, "ctx", None)
        if context is not None:
            print(context.get_usage(), f"{context.command_path} --help shows more.", sep="\n", file=sys.stderr)
        print(f"error: {error.format_message()}", file=sys.stderr)
        return error.exit_code
    except SystemExit as leaving:  # of train.py and its parser; a text is a refusal
        if leaving.code is not None and not isinstance(leaving.code, int):
            print(f"error: {leaving.code}", file=sys.stderr)
            return 1
        return leaving.code or 0
    except ValueError as error:  # of the environment; a command ends with those of its own
        print(f"error: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever read the output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code or 0


def help_texts(width: int = 100) -> dict[str, str]:
    """Command → what its `--help` prints on a terminal of `width` columns, `fer-hub` itself first."""
    texts = {}

    def visit(command, path: str, parent) -> None:
        context = command.make_context(
            path.rpartition(" ")[2], [], parent=parent, resilient_parsing=True, terminal_width=width
        )
        texts[path] = context.get_help()
        for name, each in getattr(command, "commands", {}).items():
            visit(each, f"{path} {name}", context)

    visit(typer.main.get_command(line), NAME, None)
    return texts
