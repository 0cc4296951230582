"""What a training is remade from: the options in training_args.json, and the command line in the card."""

import dataclasses
import json
import shlex
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_hub.training.arguments import DataArguments, FERTrainingArguments, ModelArguments
from fer_hub.training.augmentation import PRESETS
from fer_hub.training.parser import FERArgumentParser
from fer_hub.training.recipe import DECISIVE, SHIPPED, command, recipe

INDIFFERENT = {
    "output_dir",
    "per_device_eval_batch_size",
    "save_total_limit",
    "logging_steps",
    "logging_nan_inf_filter",
    "report_to",
    "remove_unused_columns",
    "restore_callback_states_from_checkpoint",
}
"""Options of ours that do not change the result."""

BEGINNING = "python train.py --data path/to/fer2013 --second_labels ferplus_votes --drop_duplicates True "
"""Of every command that made the shipped checkpoints."""


def parse(line):
    return FERArgumentParser().parse_args_into_dataclasses(shlex.split(line)[2:], look_for_args_file=False)


def remade(options):
    """Recipe → command → recipe."""
    return recipe(*parse(command(options)))


def test_every_option_of_ours_decides_or_does_not():
    ours = set(FERTrainingArguments.__annotations__)
    assert ours - set(DECISIVE) == INDIFFERENT
    assert set(DECISIVE) <= {item.name for item in dataclasses.fields(FERTrainingArguments)}


def test_defaults_are_not_repeated():
    options = recipe(*parse("python train.py --data path/to/fer2013"))
    assert command(options) == "python train.py --data path/to/fer2013"
    assert json.loads(json.dumps(options)) == options


def chain(options):
    """The folders that the commands leave something in; each begins only from what one before it left."""
    left = set()
    for line in [*options["earlier"], *([] if "averaged" in options else [command(options)])]:
        data, model, args = parse(line)
        assert data.drop_duplicates and data.second_labels == "ferplus_votes" and data.augmentation == "crop"
        begun_from = [*([model.start_from] if model.start_from else []), *(model.teachers or [])]
        assert {str(Path(checkpoint).parent) for checkpoint in begun_from} <= left, line
        left.add(str(Path(args.output_dir)))
    return left


def test_the_first_shipped_checkpoint_was_taught_by_three():
    options = json.loads((SHIPPED / "fer2013" / "training_args.json").read_text())
    assert chain(options) == {"runs/teacher-1", "runs/teacher-2", "runs/teacher-3", "runs/fer"}
    _, model, args = parse(command(options))
    assert len(model.teachers) == 6 and (model.teachers_share, model.teachers_see) == (0.9, "views")
    assert (args.num_train_epochs, args.mixup, args.label_smoothing_factor) == (85, 0.4, 0)
    asked = " ".join(f"./runs/teacher-{number}/{half}" for number in (1, 2, 3) for half in ("final", "second"))
    assert command(options) == (
        f"{BEGINNING}--augmentation crop --hidden_sizes 48 112 224 --depths 1 2 2 --teachers {asked} --teachers_share "
        "0.9 --teachers_see views --num_train_epochs 85 --per_device_train_batch_size 512 --learning_rate 0.2 "
        "--label_smoothing_factor 0 --mixup 0.4 --ema 0.999 --seed 43 --eval_strategy steps --eval_steps 540 "
        "--save_strategy steps --save_steps 540 --matrix_scaling True"
    )


def test_the_second_shipped_checkpoint_is_an_average():
    options = json.loads((SHIPPED / "ferplus" / "training_args.json").read_text())
    assert chain(options) == {"runs/fer", "runs/1", "runs/2"}
    again = "--augmentation crop --start_from runs/fer/final "
    assert options["earlier"] == [
        f"{BEGINNING}--augmentation crop --hidden_sizes 48 96 192 --depths 1 2 2 --num_train_epochs 90 --ema 0.999",
        f"{BEGINNING}{again}--num_train_epochs 22 --learning_rate 0.03 --mixup 0.2 --ema 0.999 --output_dir runs/1",
        f"{BEGINNING}{again}--teachers runs/fer/final runs/fer/second --num_train_epochs 22 --learning_rate 0.03 "
        "--label_smoothing_factor 0 --ema 0.999 --output_dir runs/2",
    ]
    assert command(options) == (
        "fer-hub average runs/1/second runs/2/second --data path/to/fer2013 --matrix_scaling "
        "--output runs/average"
    )


@pytest.mark.parametrize("name", ["fer2013", "ferplus"])
def test_the_commands_of_the_shipped_checkpoints_are_those_of_their_recipes(name):
    """Read by today's train.py, they say again what was trained, or what the averaged networks agree on."""
    options = json.loads((SHIPPED / name / "training_args.json").read_text())
    made = options["earlier"][1:] if "averaged" in options else [command(options)]
    found = {"bf16", "result", "earlier", "averaged"}  # what the machine had, and what no option says
    found |= {"pretrained", "start_from", "teachers"}  # the network has no backbone; the folders are not there
    found |= {"matrix_scaling"} if "averaged" in options else set()  # those of the average, not of its parts
    for line in made:
        each = recipe(*parse(line))
        assert {name: each[name] for name in options if name not in found} == {
            name: value for name, value in options.items() if name not in found
        }


texts = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1, max_size=12)
some = st.fixed_dictionaries(
    {},
    optional={
        "mixup": st.floats(0, 2),
        "cutmix": st.sampled_from([0.5, 1.0]),
        "class_weights": st.sampled_from(["none", "balanced", "effective"]),
        "ema": st.floats(0.001, 0.9999),
        "freeze_backbone_epochs": st.floats(0, 50),
        "unfreeze_stages": st.integers(0, 5),
        "optim": st.sampled_from(["sgd", "adamw_torch", "adamw_torch_fused", "rmsprop"]),
        "learning_rate": st.floats(1e-6, 1),
        "adam_beta2": st.floats(0.5, 0.999),
        "lr_scheduler_type": st.sampled_from(["cosine", "linear", "constant", "reduce_lr_on_plateau"]),
        "metric_for_best_model": st.sampled_from(["accuracy", "loss", "macro_f1"]),
        "num_train_epochs": st.one_of(st.integers(1, 99), st.floats(0.5, 9)),
        "precision": st.sampled_from(["fp32", "bf16"]),
        "channels_last": st.booleans(),
        "dataloader_drop_last": st.booleans(),
        "seed": st.integers(0, 2**31),
        "load_best_model_at_end": st.booleans(),
        "max_grad_norm": st.floats(0, 10),
    },
)


@settings(max_examples=60, deadline=None)
@given(some, st.sampled_from([*PRESETS]), st.one_of(st.none(), st.floats(0, 0.9)), st.one_of(st.none(), texts))
def test_the_command_line_remakes_the_recipe(options, augmentation, dropout, start_from):
    data = DataArguments(data="faces", augmentation=augmentation)
    model = ModelArguments(dropout=dropout, start_from=None if start_from is None else f"owner/{start_from}")
    options = recipe(data, model, FERTrainingArguments(output_dir="runs/unused", **options))
    assert remade(options) == options


@pytest.mark.parametrize("kwargs", [{"patience": 3, "factor": 0.5}, {"mode": "min"}, '{"threshold": 0.01}'], ids=str)
def test_options_of_the_schedule_are_quoted(kwargs):
    args = FERTrainingArguments(
        output_dir="runs/unused", lr_scheduler_type="reduce_lr_on_plateau", lr_scheduler_kwargs=kwargs
    )
    options = recipe(DataArguments(data="faces"), ModelArguments(), args)
    assert remade(options) == options


def test_quotes_and_numbers_as_a_shell_takes_them():
    line = command(
        {"start_from": "owner/it's", "num_train_epochs": 3.0, "channels_last": False, "lr_scheduler_kwargs": {"a": 1}}
    )
    assert line == (
        "python train.py --data path/to/fer2013 --start_from 'owner/it'\"'\"'s' --num_train_epochs 3 --channels_last "
        "False --lr_scheduler_kwargs '{\"a\": 1}'"
    )


def test_sizes_are_several_words():
    data, model, args = parse("python train.py --data faces --hidden_sizes 16 32 --depths 2 1 --embedding_size 16")
    assert model.sizes() == {"embedding_size": 16, "hidden_sizes": [16, 32], "depths": [2, 1]}
    options = recipe(data, model, args)
    assert command(options) == (
        "python train.py --data path/to/fer2013 --embedding_size 16 --hidden_sizes 16 32 --depths 2 1"
    )
    assert remade(options) == options


def test_several_processes_are_started_by_torchrun():
    assert command({"processes": 2, "mixup": 0.2}) == (
        "torchrun --nproc_per_node 2 train.py --data path/to/fer2013 --mixup 0.2"
    )


def test_a_checkpoint_that_is_gone_on_from_says_how_it_was_made(tmp_path):
    data, training = DataArguments(data="owner/name"), FERTrainingArguments(output_dir=str(tmp_path))
    first = recipe(data, ModelArguments(), training) | {"mixup": 0.2}
    second = {"result": "second", "earlier": ["python train.py --data path/to/old"]}
    for options, expected in (
        (first, ["python train.py --data path/to/fer2013 --mixup 0.2"]),
        (
            first | second,
            [*second["earlier"], "python train.py --data path/to/fer2013 --mixup 0.2   # its second/"],
        ),
    ):
        (tmp_path / "training_args.json").write_text(json.dumps(options))
        now = recipe(data, ModelArguments(start_from=str(tmp_path)), training)
        assert now["earlier"] == expected
        assert command(now).startswith("python train.py --data path/to/fer2013 --start_from ")
        assert "earlier" not in command(now)
    assert "earlier" not in first


def test_no_folder_of_this_machine_is_named(tmp_path):
    (tmp_path / "secret" / "weights").mkdir(parents=True)
    model = ModelArguments(start_from=str(tmp_path / "secret" / "weights"), pretrained=str(tmp_path / "secret"))
    data = DataArguments(data=str(tmp_path / "secret"), ferplus_csv=str(tmp_path / "secret" / "fer2013new.csv"))
    options = recipe(data, model, FERTrainingArguments(output_dir=str(tmp_path)))
    assert (options["start_from"], options["pretrained"]) == ("weights", "secret")
    assert str(tmp_path) not in json.dumps(options) and "fer2013new" not in json.dumps(options)
    shutil.rmtree(tmp_path / "secret")


def test_a_folder_below_this_one_is_named_as_a_command_finds_it(tmp_path, monkeypatch):
    """And the training that left something in runs/ says where, unless that is the usual place."""
    monkeypatch.chdir(tmp_path)
    made = {"runs/fer": {"mixup": 0.2}, "runs/teacher": {"cutmix": 1.0}, "elsewhere": {"ema": 0.9}}
    for place, options in made.items():
        (tmp_path / place / "final").mkdir(parents=True)
        (tmp_path / place / "final" / "training_args.json").write_text(json.dumps(options))
    model = ModelArguments(
        start_from="runs/fer/final", teachers=["runs/teacher/final", str(tmp_path / "elsewhere" / "final")]
    )
    options = recipe(DataArguments(data="faces"), model, FERTrainingArguments())
    assert options["start_from"] == "./runs/fer/final"
    assert options["teachers"] == ["./runs/teacher/final", "./elsewhere/final"]
    assert options["earlier"] == [
        "python train.py --data path/to/fer2013 --mixup 0.2",
        "python train.py --data path/to/fer2013 --cutmix 1 --output_dir ./runs/teacher",
        "python train.py --data path/to/fer2013 --ema 0.9",
    ]


def test_shipped_checkpoints_and_hub_ids_keep_their_names():
    for place, named in ((str(SHIPPED / "fer2013"), "./checkpoints/fer2013"), ("owner/name", "owner/name")):
        options = recipe(DataArguments(data="faces"), ModelArguments(start_from=place), FERTrainingArguments())
        assert options["start_from"] == named
