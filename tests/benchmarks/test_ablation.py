"""The table of the ablation: its rows are runs of train.py, its text and picture come from its CSV file."""

import json
import shlex
import shutil
from pathlib import Path

import pytest

from benchmarks import ablation, ablation_table
from fer_hub.training.parser import FERArgumentParser
from fer_hub.training.recipe import recipe

ROOT = Path(__file__).resolve().parents[2]


def options(row, length, folder):
    line = ["--data", "somewhere", "--output_dir", str(folder), *row.arguments(length)]
    return recipe(*FERArgumentParser().parse_args_into_dataclasses(line))


@pytest.mark.parametrize("row", ablation.ROWS, ids=lambda row: row.name)
@pytest.mark.parametrize("length", ["full", "cpu"])
def test_every_row_changes_one_part_of_its_recipe(row, length, tmp_path):
    prefix = ablation_table.recipe_of({"row": row.name})
    first = next(each for each in ablation.ROWS if each.name == f"{prefix}seed-42")
    recipe_of_all, own = options(first, length, tmp_path), options(row, length, tmp_path)
    changed = {name for name in own if recipe_of_all[name] != own[name]}
    if row.name.startswith("now-taught"):  # of which one is a row of its own
        views = {"teachers_see"} if row.name == "now-taught-views" else set()
        assert changed == {"teachers", "label_smoothing_factor"} | views
    else:
        assert len(changed) == (row is not first)


def test_the_two_recipes_differ_in_network_and_windows(tmp_path):
    one, other = (options(row, "full", tmp_path) for row in ablation.ROWS if row.name.endswith("seed-42"))
    assert {name for name in one if one[name] != other[name]} == {"augmentation", "hidden_sizes", "depths"}


def test_the_length_for_a_cpu_is_half_as_wide():
    full, half = (" ".join(ablation.ROWS[-1].arguments(length)) for length in ("full", "cpu"))
    assert "--hidden_sizes 48 96 192" in full and "--embedding_size" not in full
    assert "--hidden_sizes 24 48 96" in half and "--embedding_size 16" in half


def test_a_row_names_the_runs_that_it_learns_from():
    taught = ablation.ROWS[-1]
    assert "--teachers runs/ablation-cpu/now-seed-42/final runs/ablation-cpu/now-seed-42/second" in " ".join(
        taught.arguments("cpu")
    )
    assert "elsewhere/now-seed-42/final" in taught.arguments("full", Path("elsewhere"))


def test_the_full_length_is_how_the_third_checkpoints_were_made():
    """But for the number of epochs, what the machine had and what does not apply."""
    earlier = json.loads((ROOT / "results" / "earlier_checkpoints.json").read_text())
    line = shlex.split(earlier["third"]["fer2013"]["command"])[2:]
    stored = recipe(*FERArgumentParser().parse_args_into_dataclasses(line))
    own = options(next(row for row in ablation.ROWS if row.name == "now-seed-42"), "full", "somewhere")
    assert {name for name in own if own[name] != stored[name]} <= {"num_train_epochs"}


@pytest.fixture()
def runs(tmp_path):
    """Two finished seeds, a row without second labels and one of the other recipe, as train.py leaves them."""
    metrics = json.loads((ROOT / "checkpoints" / "fer2013" / "metrics.json").read_text())
    for name, accuracy in (("seed-42", 0.61), ("seed-43", 0.63), ("no-second-labels", 0.6), ("now-mixup", 0.7)):
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
    other = text.index("## The recipe of the third checkpoints")
    assert "| with mixup (0.2) |" in text[other:] and "take at least two of them" in text[other:]
    assert "without the FER+ votes" not in text[other : text.index("## Commands")]
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
