"""The model card of a checkpoint: the template `model_card.md` filled from the checkpoint's JSON files."""

import json
import re
from pathlib import Path

from huggingface_hub import EvalResult, ModelCard, ModelCardData

import fer_hub
from fer_hub.files import read_json, write_text
from fer_hub.hub.card_facts import card_facts, wilson
from fer_hub.hub.recipes import commands

TEMPLATES = (Path(__file__).parents[2] / "model_card.md", Path(__file__).parents[1] / "model_card.md")
"""Path of the template: at the top of the repository, or inside an installed package."""

GROUPS_PICTURE = "groups.png"
"""Figure of the groups, of checkpoints that were measured by groups."""

PICTURES = ("confusion.png", "scores.png", "calibration.png", "training.png")
"""Figures of the card: confusion matrix, per-class scores and calibration on test, and training curves."""

DATASETS = {
    "fer2013": {"dataset_type": "fer2013", "dataset_name": "FER-2013"},
    "ferplus": {"dataset_type": "ferplus", "dataset_name": "FER+ (eight classes, most of ten votes)"},
}
"""What a checkpoint of FER-2013 was measured on, by the kind of its labels."""

VOTED = ("ferplus", "ferplus_votes", "both")
"""Values of `labels` that need the votes of FER+."""

LABEL_FACTS = Path(__file__).parents[1] / "assets" / "fer2013_labels.json"
"""What `python -m benchmarks.labels` counted about the labels of FER-2013's test images."""

FER2013 = {"name": "FER-2013", "hub": False, "fer2013": True, "images": "crops", "cut": []}
"""Default for checkpoints whose metrics.json does not describe the data (`fer_hub.data.Prepared.about`)."""


def write_card(folder: Path) -> Path:
    """Fill the template from a checkpoint folder's JSON files, and draw its figures.

    Args:
        folder: a checkpoint folder; its README.md and its figures (`PICTURES`) are rewritten.

    Returns:
        The path of README.md.

    Raises:
        FileNotFoundError: config.json, metrics.json or training_args.json is missing.
    """
    parts = {name: _read(folder, name) for name in ("config", "metrics", "training_args")}
    text = str(fill(**parts, size=(folder / "model.safetensors").stat().st_size))
    _draw(folder, parts["metrics"])
    write_text(folder / "README.md", text)
    return folder / "README.md"


def fill(config: dict, metrics: dict, training_args: dict, size: int, repo_id: str = "path/or/hub-id") -> ModelCard:
    """The card as text with Hub metadata (`model-index` with every split that was measured).

    Args:
        config: content of config.json.
        metrics: content of metrics.json.
        training_args: content of training_args.json.
        size: bytes of model.safetensors.
        repo_id: what the snippets load: a Hub id, or a stand-in for one.
    """
    about = FER2013 | metrics.get("data", {})
    dataset = _dataset(about, training_args)
    start = training_args.get("start_from")
    place = "path/to/fer2013" if about["fer2013"] else about["name"] if about["hub"] else f"path/to/{about['name']}"
    names = [config["id2label"][key] for key in sorted(config["id2label"], key=int)]
    data = ModelCardData(
        license="apache-2.0",
        library_name="transformers",
        pipeline_tag="image-classification",
        tags=["facial-expression-recognition", "emotion-recognition", *(["fer2013"] if about["fer2013"] else [])],
        model_name=f"fer_hub {config['architecture']}",
        datasets=[dataset["dataset_type"]] if about["fer2013"] or about["hub"] else None,
        base_model=start if start and not start.startswith((".", "/")) and start.count("/") == 1 else None,
        metrics=["accuracy", "f1"],
        eval_results=[
            result for split in ("validation", "test") for result in _results(dataset, split, metrics.get(split))
        ],
    )
    return ModelCard.from_template(
        data,
        template_path=str(next(path for path in TEMPLATES if path.is_file())),
        config=config,
        metrics=metrics,
        training_args=training_args,
        names=names,
        stale=metrics["test"].get("temperature", 1) != config.get("temperature", 1),
        commands=commands(training_args, place),
        place=place,
        data=about,
        framed=about["fer2013"] or about["images"] == "photographs",
        dataset=dataset["dataset_name"],
        kind=labels_kind(training_args),
        votes=any(training_args.get(name) in VOTED for name in ("labels", "second_labels")),
        repo_id=repo_id,
        megabytes=size / 1e6,
        grouped=_grouped(metrics),
        facts=card_facts(names, metrics["test"]),
        labels=read_json(LABEL_FACTS) if about["fer2013"] else {},
        version=fer_hub.__version__,
        wilson=wilson,
    )


def labels_kind(training_args: dict) -> str:
    """The key of `DATASETS` whose labels a checkpoint of FER-2013 gives.

    Args:
        training_args: content of training_args.json.

    Example:
        >>> labels_kind({"labels": "both"}), labels_kind({"labels": "auto"})
        ('ferplus', 'fer2013')
    """
    halved = training_args.get("result") == "second"  # of a network that was cut in two, by an earlier version
    labels = str(training_args.get("second_labels" if halved else "labels"))
    return "ferplus" if labels in VOTED else "fer2013"


def _dataset(about: dict, training_args: dict) -> dict[str, str]:
    """Type and name of the data set as the Hub's metadata have them; a type has no spaces."""
    if about["fer2013"]:
        return DATASETS[labels_kind(training_args)]
    kind = about["name"] if about["hub"] else re.sub(r"[^\w.-]+", "-", about["name"])
    return {"dataset_type": kind, "dataset_name": about["name"]}


def _grouped(metrics: dict) -> dict:
    """`split` and `entries`: the groups of test, or of validation where test has none; empty without any."""
    groups = metrics.get("groups", {})
    split = next((split for split in ("test", "validation") if split in groups), None)
    return {} if split is None else {"split": split, "entries": groups[split]}


def _draw(folder: Path, metrics: dict) -> None:
    from fer_hub.hub import plots as report
    from fer_hub.hub.group_plot import plot_groups

    log = folder / "training_log.json"
    pictures = {
        "confusion.png": report.plot_confusion(metrics["test"]),
        "scores.png": report.plot_scores(metrics["test"]),
        "calibration.png": report.plot_calibration(
            metrics["test"], metrics.get("calibration", {}).get("test", {}).get("before")
        ),
        "training.png": report.plot_training(json.loads(log.read_text(encoding="utf-8")) if log.is_file() else []),
    }
    for name in PICTURES:
        report.save_picture(pictures[name], folder / name)
    if grouped := _grouped(metrics):
        report.save_picture(plot_groups(grouped["entries"]), folder / GROUPS_PICTURE)
    else:
        (folder / GROUPS_PICTURE).unlink(missing_ok=True)


def _results(dataset: dict, split: str, row: dict | None) -> list[EvalResult]:
    kinds = (("accuracy", "accuracy"), ("f1", "macro_f1"), ("expected_calibration_error", "calibration_error"))
    return [
        EvalResult(
            task_type="image-classification",
            task_name="Facial expression recognition",
            **dataset,
            dataset_split=split,
            metric_type=kind,
            metric_name=name.replace("_", " "),
            metric_value=round(row[name], 4),
        )
        for kind, name in kinds
        if row is not None
    ]


def _read(folder: Path, name: str) -> dict:
    path = folder / f"{name}.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"a checkpoint folder must contain {name}.json to fill its model card, but {folder.name} does not; "
            "train.py writes it."
        )
    return json.loads(path.read_text(encoding="utf-8"))
