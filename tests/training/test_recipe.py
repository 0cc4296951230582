"""Recipes: the options in training_args.json, files that train.py takes, and the command line in the card."""

import dataclasses
import json
import shlex
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_hub.hub.recipes import RECIPES, SHIPPED, commands
from fer_hub.training.arguments import DataArguments, FERTrainingArguments, ModelArguments
from fer_hub.training.augmentation import PRESETS
from fer_hub.training.parser import FERArgumentParser
from fer_hub.training.recipe import DECISIVE, read_recipe, recipe

INDIFFERENT = {
    "output_dir",
    "per_device_eval_batch_size",
    "save_total_limit",
    "logging_steps",
    "logging_nan_inf_filter",
    "report_to",
    "remove_unused_columns",
    "restore_callback_states_from_checkpoint",
    "label_names",  # no option
}
"""Options of ours that do not change the result."""


def parse(line):
    return FERArgumentParser().parse_args_into_dataclasses(shlex.split(line), look_for_args_file=False)


def written(options, folder):
    """The options as a file, as a shell takes it."""
    path = folder / "training_args.json"
    path.write_text(json.dumps(options))
    return shlex.quote(str(path))


def test_every_option_of_ours_decides_or_does_not():
    ours = set(FERTrainingArguments.__annotations__)
    assert ours - set(DECISIVE) == INDIFFERENT
    assert set(DECISIVE) <= {item.name for item in dataclasses.fields(FERTrainingArguments)}


@pytest.mark.parametrize("name", sorted(path.stem for path in RECIPES.glob("*.json")))
def test_a_shipped_recipe_is_taken_by_its_name(name):
    asked = json.loads((RECIPES / f"{name}.json").read_text())
    usual = recipe(*parse("--data faces"))
    parts = parse(f"--recipe {name} --data faces")
    options = recipe(*parts)
    assert options["recipe"] == name
    first = ["python train.py --recipe base --data path/to/fer2013 --output-dir runs/base"] if name != "base" else []
    assert commands(options) == [*first, f"python train.py --recipe {name} --data path/to/fer2013"]
    for part in parts:
        for option in set(asked) & {item.name for item in dataclasses.fields(part)}:
            assert getattr(part, option) == asked[option]
    assert all(usual[option] != value for option, value in asked.items())  # what is train.py's default is left out


def test_the_command_line_overrides_a_recipe(tmp_path):
    path = written({"augmentation": "heavy", "num_train_epochs": 7, "hidden_sizes": [8, 16], "ema": 0.9}, tmp_path)
    data, model, args = parse(f"--recipe {path} --data faces --num-train-epochs 2 --hidden-sizes 4")
    assert (data.augmentation, args.num_train_epochs, args.ema, model.hidden_sizes) == ("heavy", 2, 0.9, [4])
    data, _, args = parse(f"--data faces --augmentation none --recipe={path}")
    assert (data.augmentation, args.num_train_epochs) == ("none", 7)
    assert "recipe" not in recipe(data, ModelArguments(), args)  # a file of one's own has no name that others know


@pytest.mark.parametrize(
    ("source", "error", "sentence"),
    [
        ("nothing", FileNotFoundError, "--recipe must be a JSON file or the name of a shipped recipe "),
        ("../recipes/fer2013", FileNotFoundError, "--recipe must be a JSON file or the name of a shipped recipe "),
        (
            {"teachers": ["a"], "ema": 0.9},
            ValueError,
            "training_args.json must contain options of train.py, got teachers",
        ),
        ({"data": "somewhere"}, ValueError, "training_args.json must contain options of train.py, got data"),
    ],
)
def test_invalid_recipes_are_refused(source, error, sentence, tmp_path):
    with pytest.raises(error) as caught:
        read_recipe(source if isinstance(source, str) else shlex.split(written(source, tmp_path))[0])
    assert str(caught.value).startswith(sentence)


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
def test_training_args_remake_the_recipe(tmp_path_factory, options, augmentation, dropout, start_from):
    """With any options that decide, through the file that lies beside the weights."""
    data = DataArguments(data="faces", augmentation=augmentation)
    model = ModelArguments(dropout=dropout, start_from=None if start_from is None else f"owner/{start_from}")
    options = recipe(data, model, FERTrainingArguments(output_dir="runs/unused", **options))
    path = written(options, tmp_path_factory.getbasetemp())
    assert recipe(*parse(f"--recipe {path} --data faces")) == options
    assert json.loads(json.dumps(options)) == options


@pytest.mark.parametrize("kwargs", [{"patience": 3, "factor": 0.5}, {"mode": "min"}, '{"threshold": 0.01}'], ids=str)
def test_options_of_the_schedule_survive(kwargs, tmp_path):
    args = FERTrainingArguments(
        output_dir="runs/unused", lr_scheduler_type="reduce_lr_on_plateau", lr_scheduler_kwargs=kwargs
    )
    options = recipe(DataArguments(data="faces"), ModelArguments(), args)
    assert recipe(*parse(f"--recipe {written(options, tmp_path)} --data faces")) == options


def test_several_processes_are_started_by_torchrun():
    assert commands({"processes": 2, "recipe": "base"}, "my faces") == [
        "torchrun --nproc-per-node 2 train.py --recipe base --data 'my faces'"
    ]


def test_no_folder_of_this_machine_is_named(tmp_path):
    (tmp_path / "secret" / "weights").mkdir(parents=True)
    model = ModelArguments(start_from=str(tmp_path / "secret" / "weights"), pretrained=str(tmp_path / "secret"))
    data = DataArguments(data=str(tmp_path / "secret"), ferplus_csv=str(tmp_path / "secret" / "fer2013new.csv"))
    options = recipe(data, model, FERTrainingArguments(output_dir=str(tmp_path)))
    assert (options["start_from"], options["pretrained"]) == ("weights", "secret")
    assert str(tmp_path) not in json.dumps(options) and "fer2013new" not in json.dumps(options)
    shutil.rmtree(tmp_path / "secret")


def test_shipped_checkpoints_and_hub_ids_keep_their_names():
    for place, named in ((str(SHIPPED / "fer2013"), "./checkpoints/fer2013"), ("owner/name", "owner/name")):
        options = recipe(DataArguments(data="faces"), ModelArguments(start_from=place), FERTrainingArguments())
        assert options["start_from"] == named
