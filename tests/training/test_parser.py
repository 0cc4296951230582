"""train.py --help: our own options first, with our help texts, every option once."""

import contextlib
import dataclasses
import io
import re

import pytest

import train
from fer_hub.training import main as program
from fer_hub.training.arguments import DataArguments, ModelArguments
from fer_hub.training.parser import GROUPS, HELP, PARTS, REST, FERArgumentParser


@pytest.fixture(scope="module")
def help_text():
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said), pytest.raises(SystemExit) as caught:
        patch.setenv("COLUMNS", "120")
        patch.setenv("NO_COLOR", "1")
        train.main(["--help"])
    assert not caught.value.code
    return said.getvalue()


def sections(text):
    """Title → names of the options under it."""
    parts = re.split(r"^(\S.*):\n", text, flags=re.MULTILINE)
    titles = dict(zip(parts[1::2], parts[2::2], strict=True))
    return {
        title: [name.replace("-", "_") for name in re.findall(r"^  --([\w-]+)", body, re.MULTILINE)]
        for title, body in titles.items()
        if "  --" in body
    }


def test_our_own_options_come_first_in_groups(help_text):
    found = sections(help_text)
    assert list(found) == [*GROUPS, REST]
    for title, names in GROUPS.items():
        assert found[title][: len(names)] == names
    ours = {name for part in (DataArguments, ModelArguments) for name in part.__annotations__}
    assert not ours & set(found[REST])
    new = {"mixup", "cutmix", "class_weights", "ema", "freeze_backbone_epochs", "unfreeze_stages", "precision"}
    assert not new & set(found[REST])


def test_it_begins_with_what_the_command_is_for_and_how_to_call_it(help_text):
    lines = help_text.splitlines()
    assert lines[0] == "usage: train.py --data DATA [options]"
    assert lines[2] == program.__doc__.splitlines()[0]
    assert help_text.count("    python train.py") == program.__doc__.count("    python train.py") > 2


def test_every_option_stands_there_once_and_no_line_is_too_long(help_text):
    names = re.findall(r"^  --([\w-]+)", help_text, re.MULTILINE)
    assert len(names) == len(set(names)) > 120 and not [name for name in names if "_" in name]
    assert max(map(len, help_text.splitlines())) <= 120


def test_our_own_options_have_a_help_and_a_full_stop(help_text):
    first = help_text[: help_text.index(REST)]
    entries = re.split(r"^  --([\w-]+)", first, flags=re.MULTILINE)
    for name, text in zip(entries[1::2], entries[2::2], strict=True):
        text = text.split("\n\n")[0].strip()
        assert text[-1] in ".)", name  # a full stop, or the default behind it
        assert len(text.split()) >= 4, name


def test_every_name_in_the_groups_is_an_option():
    known = {field.name for part in PARTS for field in dataclasses.fields(part)}
    assert {name for names in (*GROUPS.values(), HELP) for name in names} <= known


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("--mixup 0.2", "mixup", 0.2),
        ("--class-weights balanced", "class_weights", "balanced"),
        ("--class_weights balanced", "class_weights", "balanced"),  # as transformers spells options
        ("--no_channels_last", "channels_last", False),
        ("--no-channels-last", "channels_last", False),
        ("--channels-last no", "channels_last", False),
        ("--torch-compile", "torch_compile", True),
        ("--report-to trackio", "report_to", None),
        ('--lr-scheduler-kwargs {"power":2}', "lr_scheduler_kwargs", {"power": 2}),
    ],
)
def test_options_are_read(line, name, value):
    words = ["--data", "faces", *line.split()]
    if value is None:  # only that the word arrives; whether the package is there is another matter
        assert getattr(FERArgumentParser().parse_args(words), name) == "trackio"
        return
    _, _, args = FERArgumentParser().parse_args_into_dataclasses(words, look_for_args_file=False)
    assert getattr(args, name) == value


def test_data_is_required(capsys):
    with pytest.raises(SystemExit):
        FERArgumentParser().parse_args_into_dataclasses([], look_for_args_file=False)
    assert "the following arguments are required: --data" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--recip", "photographs"], ["--nonsense", "3"]])
def test_an_option_must_be_written_out(words):
    """A shortened --recipe was taken for it, but its options were not read."""
    with pytest.raises(ValueError) as caught:
        FERArgumentParser().parse_args_into_dataclasses(["--data", "faces", *words], look_for_args_file=False)
    assert str(caught.value) == f"options must be those that --help lists, got {' '.join(words)}; correct or remove it."
