"""What the commands share: how a line is read, how an error ends, and options that several of them have."""

import itertools
import os
import re
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any, Literal, NoReturn

import typer
from typer.core import TyperCommand
from typer.exceptions import Exit, TyperException

from fer_hub.files import word_at_home

REFUSALS = (OSError, ValueError, RuntimeError, ImportError)
"""Errors whose text is a sentence for the user."""

DEBUG = "--debug"

EARLIER_OPTIONS = {"--detector": "--detection-model", "--output-dir": "--output"}
"""Earlier spelling of an option → the one it has now."""


LOCAL = "local"
"""Address of a Ray cluster on this computer, started for a command and ended with it."""

ADDRESS = re.compile(r"local|auto|ray://\S+|[\w.-]+:\d+")
"""What stands behind --ray and is no photograph."""


class UsageError(ValueError):
    """The options do not fit together: exit code 2, where other errors are 1."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, with a sentence of its own."""


class Command(TyperCommand):
    """A command whose errors end in one sentence.

    An option that may be given several times takes several values too: `--splits validation test`. `--debug` is
    understood anywhere on the line, `--min_score` is `--min-score`, and earlier spellings are understood. Indented
    paragraphs of the docstring keep their lines in the help.
    """

    takes_debug = True

    def __init__(self, name: str | None, *, help: str | None = None, **options: Any) -> None:
        super().__init__(name, help=keep_indented(help or ""), **options)
        for each in self.params:
            if each.param_type_name == "argument":
                each.display_type_rich = lambda ctx: None  # typer would write <list[str]> behind its name

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:
        several = {name for option in self.params if getattr(option, "multiple", False) for name in option.opts}
        cut = args.index("--") if "--" in args else len(args)
        own, rest = args[:cut], args[cut:]
        if self.takes_debug and DEBUG in own:
            ctx.find_root().params["debug"] = True
            own = [word for word in own if word != DEBUG]
        own = [word_at_home(word) for word in own]
        own = one_spelling(own, {name for option in self.params for name in option.opts})
        own = with_addresses(own)
        return super().parse_args(ctx, one_value_each(own, several) + rest)

    def collect_usage_pieces(self, ctx: typer.Context) -> list[str]:
        return [piece.replace("{", "").replace("}", "") for piece in super().collect_usage_pieces(ctx)]

    def invoke(self, ctx: typer.Context) -> Any:
        try:
            return super().invoke(ctx)
        except UsageError as error:
            ctx.fail(str(error))
        except KeyboardInterrupt as error:
            end(str(error) or "interrupted.", 130)
        except (Exit, TyperException, BrokenPipeError):
            raise
        except Exception as error:
            if ctx.find_root().params.get("debug"):
                traceback.print_exc()
            end(f"error: {sentence(error)}", 1)


def sentence(error: Exception) -> str:
    """What is said about an error.

    Example:
        >>> sentence(ValueError("size must be above 0, got 0.")), sentence(KeyError("a"))
        ('size must be above 0, got 0.', "KeyError: 'a' (fer-hub --debug shows where)")
    """
    if isinstance(error, (FileExistsError, NotADirectoryError)) and error.filename and error.errno:
        return f"{error.filename} must be a folder or lie in one, but a file has that name; name another place."
    if isinstance(error, REFUSALS) and str(error):
        return str(error)
    return f"{type(error).__name__}: {error} (fer-hub {DEBUG} shows where)"


def end(text: str, code: int) -> NoReturn:
    """Say a last line on stderr and leave."""
    print(text, file=sys.stderr)
    raise Exit(code)


def keep_indented(text: str) -> str:
    """Mark indented paragraphs of a help text so that their lines are not joined."""
    paragraphs = text.split("\n\n")
    return "\n\n".join(f"\b\n{each}" if each.startswith("    ") else each for each in paragraphs)


def spare(option: str, file: Any, given: Any, what: str) -> None:
    """Refuse a file to write that is one to read: `fer-hub` would replace it.

    Raises:
        UsageError: `file` is `given`.
    """
    from fer_hub.files import is_one_file

    if file is not None and given is not None and is_one_file(file, given):
        raise UsageError(f"{option} must not be {what}, got {file}, which would be lost; name a new file.")


def one_spelling(words: Sequence[str], known: set[str]) -> list[str]:
    """Options with underscores or under earlier names, which a line on stderr mentions, as they are spelt now.

    Example:
        >>> one_spelling(["--min_score", "0.5", "--nonsense_too"], {"--min-score"})
        ['--min-score', '0.5', '--nonsense_too']
    """
    result = []
    for word in words:
        name, equals, value = word.partition("=")
        now = EARLIER_OPTIONS.get(name, name.replace("_", "-"))
        if name.startswith("--") and name not in known and now in known:
            if name in EARLIER_OPTIONS:
                print(f"{name} is now {now}.", file=sys.stderr)
            word = f"{now}{equals}{value}"
        result.append(word)
    return result


def read_prior(words: Sequence[str]) -> str | dict[str, float]:
    """A class prior as the pipeline takes it.

    Raises:
        UsageError: the words are neither one name nor `LABEL=NUMBER` each.

    Example:
        >>> read_prior(["uniform"]), read_prior(["happy=5", "sad=1"])
        ('uniform', {'happy': 5.0, 'sad': 1.0})
    """
    if len(words) == 1 and "=" not in words[0]:
        return words[0]
    try:
        return {label: float(number) for label, number in (word.rsplit("=", 1) for word in words)}
    except ValueError:
        raise UsageError(
            f"--prior must be training, uniform or LABEL=NUMBER for every label, got {' '.join(words)}."
        ) from None


def one_value_each(words: Sequence[str], several: set[str]) -> list[str]:
    """Repeat an option before each of its values.

    Example:
        >>> one_value_each(["net", "--splits", "validation", "test", "--write"], {"--splits"})
        ['net', '--splits', 'validation', '--splits', 'test', '--write']
    """
    result: list[str] = []
    option, values = None, 0
    for word in words:
        if word.startswith("-") and word != "-":
            option, values = (word if word in several else None), 0
        elif option:
            if values:
                result.append(option)
            values += 1
        result.append(word)
    return result


def with_addresses(words: Sequence[str]) -> list[str]:
    """`--ray` without an address is `--ray local`.

    Example:
        >>> with_addresses(["--ray", "photos"]), with_addresses(["--ray", "ray://host:10001"])
        (['--ray', 'local', 'photos'], ['--ray', 'ray://host:10001'])
    """
    result: list[str] = []
    for word, following in itertools.zip_longest(words, words[1:], fillvalue=""):
        result += [word, LOCAL] if word == "--ray" and not ADDRESS.fullmatch(following) else [word]
    return result


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    Example:
        >>> counted(1, "face"), counted(1200, "face")
        ('1 face', '1,200 faces')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def no_bars() -> None:
    """Switch off the progress bars of transformers in this process, without importing it."""
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"  # which it reads when it is imported
    if "transformers" in sys.modules:
        from transformers.utils import logging

        logging.disable_progress_bar()


def say(text: str) -> None:
    """A line on stdout, at once."""
    print(text, flush=True)


DataOption = Annotated[
    str, typer.Option("--data", metavar="DATA", help="Image folder, archive, CSV, parquet, or Hub dataset id.")
]
CheckpointOption = Annotated[
    str | None,
    typer.Option("--checkpoint", metavar="FOLDER|ID", help="Checkpoint folder or Hub id; the shipped one if left out."),
]
RevisionOption = Annotated[
    str | None, typer.Option("--revision", metavar="NAME", help="Commit, branch or tag of a checkpoint on the Hub.")
]
TrustOption = Annotated[bool, typer.Option("--trust-remote-code", help="Run the checkpoint's own Python files.")]
DetectionModelOption = Annotated[
    Literal["fused", "yunet", "mediapipe", "short_range", "full_range"],
    typer.Option("--detection-model", help="What looks for faces."),
]
SearchOption = Annotated[
    Literal["fast", "normal", "thorough"],
    typer.Option("--search", help="How long small and turned faces are looked for."),
]
FlipAverageOption = Annotated[
    bool, typer.Option("--flip-average", help="Test-time augmentation: mean of the face and its mirror image.")
]
RuntimeOption = Annotated[
    Literal["auto", "torch", "onnx", "onnx-int8"],
    typer.Option("--runtime", help="What computes the network, see fer-hub export; auto takes onnx where it can."),
]
PriorOption = Annotated[
    list[str],
    typer.Option("--prior", metavar="NAME|LABEL=X ...", help="Class prior: training, uniform, or LABEL=X for each."),
]
BatchSizeOption = Annotated[
    int, typer.Option("--batch-size", metavar="N", min=1, help="Largest number of faces at once.")
]
MinScoreOption = Annotated[
    float, typer.Option("--min-score", metavar="X", min=0, max=1, help="Least detection score of a face, 0 to 1.")
]
DeviceOption = Annotated[
    str | None, typer.Option("--device", metavar="NAME", help="Where the network runs, as cpu or cuda.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", help="No progress bar.")]

MIN_SCORE = 0.8
"""`fer_hub.detection.detector.DEFAULT_MIN_SCORE`, whose module imports too much for a help text."""
