"""Help, version, exit codes: the line as a whole."""

import inspect
import os
import subprocess
import sys
from typing import get_args

import pytest

import fer_hub
from fer_hub.commands import main
from fer_hub.commands.line import help_texts
from fer_hub.commands.parts import UsageError, one_spelling, read_prior
from fer_hub.commands.predict import predict
from fer_hub.commands.video import video
from fer_hub.pipeline import FERPipeline

TEXTS = help_texts()

NEVER = """
import sys
from fer_hub.commands import main
for words in {lines!r}:
    assert main(words.split()[1:] + ["--help"]) == 0
heavy = {{"torch", "transformers", "mediapipe", "gradio", "datasets", "matplotlib", "numpy", "PIL"}} & set(sys.modules)
assert not heavy, heavy
"""


def test_help_of_every_command_imports_nothing_heavy():
    code = NEVER.format(lines=list(TEXTS))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Usage: fer-hub") == len(TEXTS) > 12


def test_the_list_of_commands_cuts_no_sentence():
    commands = help_texts(80)["fer-hub"].partition("Commands:")[2]
    assert len(commands.splitlines()) > 12 and "..." not in commands


@pytest.mark.parametrize("command", list(TEXTS))
def test_help_is_one_screen_with_an_example(command):
    lines = TEXTS[command].splitlines()
    assert len(lines) <= 45 and max(map(len, lines)) <= 100
    assert any(line.startswith("      fer-hub ") for line in lines)


@pytest.mark.parametrize("command", [predict, video])
def test_a_command_that_classifies_has_what_the_pipeline_has(command):
    options = inspect.signature(FERPipeline.from_pretrained).parameters
    inspected = inspect.signature(command).parameters
    assert set(options) - {"detector", "hub_options"} <= set(inspected)  # an object, and what the Hub's client takes
    for name, option in options.items():
        if name in inspected and name != "prior":
            assert inspected[name].default == option.default, name
    assert read_prior(inspected["prior"].default) == options["prior"].default


def test_options_are_spelt_with_hyphens_and_understood_otherwise(tmp_path, capsys):
    spelt = [word for text in TEXTS.values() for word in text.split() if word.startswith("--") and "_" in word]
    assert spelt == []
    known = {"--detection-model", "--output", "--min-score", "--keep_this"}
    words = ["--detector", "yunet", "--output-dir=out_dir", "--min_score", "0.5", "--keep_this", "--no_such"]
    assert one_spelling(words, known) == [
        *("--detection-model", "yunet", "--output=out_dir", "--min-score", "0.5", "--keep_this", "--no_such")
    ]
    assert capsys.readouterr().err == "--detector is now --detection-model.\n--output-dir is now --output.\n"
    assert main(["predict", str(tmp_path / "a.jpg"), "--min_score", "2"]) == 2
    assert "--min-score" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["uniform", "training"], ["happy=much"], ["happy=1", "sad"]])
def test_a_prior_that_cannot_be_read_is_wrong_usage(words):
    with pytest.raises(UsageError, match=r"^--prior must be training, uniform or LABEL=NUMBER for every label, got "):
        read_prior(words)


def test_the_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"fer-hub {fer_hub.__version__}\n"


def test_python_m_is_the_same(tmp_path):
    done = subprocess.run([sys.executable, "-m", "fer_hub", "evaluat"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == "error: No such command 'evaluat'. Did you mean 'evaluate'?"


def test_without_a_command_it_helps(capsys):
    assert main([]) == 0
    assert capsys.readouterr().out.startswith("Usage: fer-hub ")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["evaluate"], "Missing argument 'CHECKPOINT'."),
        (["evaluate", "net", "--data", "x", "--nonsense"], "No such option: --nonsense"),
        (["publish", "model", "folder", "me/net", "--public", "--private"],
         "--public and --private exclude each other; give one of them."),
    ],
)  # fmt: skip
def test_wrong_usage_is_exit_code_2(words, sentence, capsys):
    assert main(words) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.splitlines()[-1] == f"error: {sentence}"
    assert "Traceback" not in said.err


def test_a_refusal_is_one_sentence_and_with_debug_a_traceback(tmp_path, capsys):
    words = ["refresh", str(tmp_path / "nowhere")]
    assert main(words) == 1
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("error: ") and said.err.count("\n") == 1
    for with_debug in ([*words, "--debug"], ["--debug", *words]):
        assert main(with_debug) == 1
        traced = capsys.readouterr().err
        assert traced.startswith("Traceback") and traced.endswith(said.err)


INTERRUPTED = """
import os, signal, sys
from fer_hub.commands import main
from fer_hub.hub import checkpoint
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
checkpoint.refresh = lambda folder: os.kill(os.getpid(), signal.SIGINT)
sys.exit(main(["refresh", "folder"]))
"""


def test_ctrl_c_ends_with_one_line_and_130():
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted.\n")


def test_a_reader_who_has_gone_is_no_error():
    command = [sys.executable, "-c", "import sys; from fer_hub.commands import main; sys.exit(main(['--version']))"]
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone:
        done = subprocess.run(command, stdout=gone, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (1, "")


def test_choices_are_those_of_the_library():
    from fer_hub.commands import contact_sheet, evaluate, parts, predict
    from fer_hub.data import IMAGES, LABELS
    from fer_hub.detection.detector import DEFAULT_MIN_SCORE, MODELS, SEARCHES
    from fer_hub.inference.onnx_classifier import RUNTIMES
    from fer_hub.training.contact_sheet import SHOWN

    assert parts.MIN_SCORE == DEFAULT_MIN_SCORE
    assert choices(predict.predict, "detection_model") == MODELS
    assert choices(predict.predict, "search") == SEARCHES
    assert choices(predict.predict, "runtime") == tuple(RUNTIMES)
    assert choices(evaluate.evaluate, "images") == ("auto", *IMAGES)
    assert choices(evaluate.evaluate, "labels") == ("auto", *LABELS, "none")
    assert list(contact_sheet.Preset) == list(SHOWN)


def choices(function, name):
    """The values of an option."""
    return get_args(get_args(function.__annotations__[name])[0])


def test_a_program_without_standard_output_ends_well(monkeypatch):
    """As services and programs without a console start it."""
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["--version"]) == 0
