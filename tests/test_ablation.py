"""The table of the ablation: its rows are runs of train.py, its text and picture come from its CSV file."""

import json
import shutil
from pathlib import Path

import pytest

from benchmarks import ablation, ablation_table
from fer_hub.command_line import FERArgumentParser
from fer_hub.recipe import recipe

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("row", ablation.ROWS, ids=lambda row: row.name)
@pytest.mark.parametrize("length", ["full", "cpu"])
def test_every_row_but_the_last_changes_one_option(row, length, tmp_path):
    def options(chosen):
        line = ["--data", "somewhere", "--output_dir", str(tmp_path), *chosen.arguments(length)]
        return recipe(*FERArgumentParser().parse_args_into_dataclasses(line))

    recipe_of_all, own = options(ablation.ROWS[0]), options(row)
    changed = {name for name in own if recipe_of_all[name] != own[name]}
    if row is ablation.ROWS[-1]:
        assert changed == {"augmentation", "hidden_sizes", "depths"}
    else:
        assert len(changed) == (row is not ablation.ROWS[0])


def test_the_length_for_a_cpu_is_half_as_wide():
    full, half = (" ".join(ablation.ROWS[-1].arguments(length)) for length in ("full", "cpu"))
    assert "--hidden_sizes 48 96 192" in full and "--embedding_size" not in full
    assert "--hidden_sizes 24 48 96" in half and "--embedding_size 16" in half


def test_the_full_length_trains_the_shipped_network(each_checkpoint):
    """What is shipped is the last row, but for the number of epochs, what the machine had and what does not apply."""
    stored = json.loads((each_checkpoint / "training_args.json").read_text())
    line = ["--data", "somewhere", *ablation.ROWS[-1].arguments("full")]
    own = recipe(*FERArgumentParser().parse_args_into_dataclasses(line))
    apart = {name for name in own if own[name] != stored[name]}
    assert apart <= {"num_train_epochs", "bf16", "processes", "pretrained"}


@pytest.fixture()
def runs(tmp_path):
    """Two finished seeds and a row without second labels, as train.py leaves them."""
    metrics = json.loads((ROOT / "checkpoints" / "fer2013" / "metrics.json").read_text())
    for name, accuracy in (("seed-42", 0.61), ("seed-43", 0.63), ("no-second-labels", 0.6)):
        metrics["validation"]["accuracy"] = accuracy
        for half in ("final", "second") if name.startswith("seed") else ("final",):
            (tmp_path / "runs" / name / half).mkdir(parents=True)
            (tmp_path / "runs" / name / half / "metrics.json").write_text(json.dumps(metrics))
    return tmp_path / "runs"


def test_a_table_is_made_from_finished_runs_and_kept_where_nothing_new_is_there(runs, tmp_path, capsys):
    output = tmp_path / "results"
    options = ["--length", "cpu", "--runs", str(runs), "--output", str(output)]
    ablation.main([*options, "--data", "not/looked/at", "--rows", "seed-42"])
    assert "seed-42: trained already" in capsys.readouterr().out
    ablation.main([*options, "--collect"])
    assert "heavy: not trained in" in capsys.readouterr().out
    text = (output / "ablation.md").read_text()
    assert "with 2 seeds: mean 62.00 %, standard deviation 1.41 points, from 61.00 to 63.00 %." in text
    row = next(line for line in text.splitlines() if line.startswith("| without the FER+ votes"))
    assert "| 60.0% | -2.0 |" in row and "|  |" in row  # no FER+ accuracy without votes
    assert "`--length cpu`" in text and "--seed 43   # seed-43" in text
    assert (output / "ablation.png").read_bytes().startswith(b"\x89PNG")
    shutil.rmtree(runs)
    ablation.main([*options, "--collect"])
    assert (output / "ablation.md").read_text() == text


def test_rows_of_two_lengths_do_not_stand_side_by_side(runs, tmp_path):
    output = tmp_path / "results"
    for length in ("cpu", "full"):
        ablation.main(["--length", length, "--runs", str(runs), "--output", str(output), "--collect"])
        assert {line["length"] for line in ablation_table.read_table(output).values()} == {length}
    assert "`--length cpu`" not in (output / "ablation.md").read_text()


def test_data_must_be_named(capsys):
    with pytest.raises(SystemExit):
        ablation.main([])
    assert "--data must name FER-2013, got nothing; or pass --collect to make the table" in capsys.readouterr().err


def test_the_committed_text_is_made_from_the_committed_csv():
    """Remake with: python -m benchmarks.ablation --collect"""
    lines = list(ablation_table.read_table(ROOT / "results").values())
    assert [line["row"] for line in lines][:3] == ["seed-42", "seed-43", "seed-44"]
    assert (ROOT / "results" / "ablation.md").read_text() == ablation_table.markdown(lines)
