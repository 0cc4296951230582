"""`fer-hub train` hands its words to the parser of train.py."""

import json
import re

from fer_hub.commands import main
from fer_hub.commands.line import help_texts
from fer_hub.training.parser import FERArgumentParser


def test_every_option_of_its_help_is_one_of_train():
    text = help_texts()["fer-hub train"]
    named = set(re.findall(r"--[\w-]+", text.replace("--help-all", ""))) - {"--help"}
    assert len(named) > 12 and named <= set(FERArgumentParser().format_help().split())


def test_all_options_are_shown_on_request(capsys):
    assert main(["train", "--help-all"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("usage: fer-hub train --data DATA [options]") and "--warmup-steps" in said


def test_wrong_options_are_usage_and_wrong_data_is_refused(tmp_path, capsys):
    assert main(["train"]) == 2
    assert "fer-hub train: error: the following arguments are required: --data" in capsys.readouterr().err
    nowhere = str(tmp_path / "nowhere")
    assert main(["train", "--data", nowhere, "--output-dir", str(tmp_path / "run"), "--precision", "fp32"]) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("error: ") and nowhere in last


def test_it_trains(small_csv, tiny_checkpoint, tmp_path):
    folder = tmp_path / "run"
    words = ["--data", str(small_csv), "--start-from", str(tiny_checkpoint), "--output-dir", str(folder)]
    assert main(["train", *words, "--max-steps", "1", "--precision", "fp32", "--per-device-train-batch-size=16"]) == 0
    assert json.loads((folder / "final" / "training_args.json").read_text())["per_device_train_batch_size"] == 16


def test_a_refusal_is_said_and_is_no_success(tmp_path, capsys):
    """An earlier run in the folder, and nothing to resume, ended without a word and as if all were done."""
    (tmp_path / "checkpoint-3").mkdir()
    assert main(["train", "--data", "nowhere", "--output-dir", str(tmp_path)]) == 1
    assert f"error: output_dir must be a folder without an earlier run, but {tmp_path} c" in capsys.readouterr().err
    assert main(["train", "--data", "nowhere", "--output-dir", str(tmp_path / "new"), "--resume"]) == 1
    assert "error: --resume needs a checkpoint-* folder in" in capsys.readouterr().err
    options = ["--patience", "2", "--eval-strategy", "no", "--save-strategy", "no", "--no-load-best-model-at-end"]
    assert main(["train", "--data", "nowhere", "--output-dir", str(tmp_path / "new"), *options]) == 1
    assert "error: patience must be left out where nothing is evaluated; choose" in capsys.readouterr().err
