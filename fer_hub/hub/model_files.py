"""A checkpoint folder → the plan of its model repository, or one sentence that says what is wrong with it."""

import ast
import hashlib
import json
import math
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from fer_hub.hub.plan import ATTRIBUTES, PICKLES, Plan, Upload, check_uploads
from fer_hub.hub.shipped import licence

CARD_PLACEHOLDER = "path/or/hub-id"
"""Placeholder for the checkpoint in the model card's snippets; replaced by the repository's id."""

REASONS = {
    "README.md": "model card: intended use, metrics, limits",
    "config.json": "architecture, labels, format version",
    "model.safetensors": "weights",
    "preprocessor_config.json": "image processor",
    "metrics.json": "metrics shown in the card",
    "training_args.json": "training options",
}
"""Required file → its purpose."""

OPTIONAL = {
    "training_log.json": "training log, step by step",
    "training_log.csv": "the same as a table",
    "model.onnx": "the same network for ONNX runtimes",
    "model_int8.onnx": "the same network, quantised to int8, for ONNX runtimes",
    "onnx.json": "measurements of the ONNX files",
    "*.png": "figure of the card",
    "*.svg": "figure of the card",
    "LICENSE": "licence",
    "NOTICE": "notices required by the licence",
}

CODE = "*_fer.py"

TRAINER_STATE = {
    "training_args.bin": "the Trainer's options as a pickle; training_args.json has the same content",
    "optimizer.*": "optimizer state, only for resuming",
    "scheduler.*": "scheduler state, only for resuming",
    "rng_state*": "random state, only for resuming",
    "scaler.*": "gradient scaler, only for resuming",
    "trainer_state.json": "the Trainer's state, only for resuming",
    "checkpoint-*": "a checkpoint in the middle of training, only for resuming",
}


def plan_model(folder: str | Path, repo_id: str, *, extra: Sequence[Upload] = ()) -> Plan:
    """Select the files of a checkpoint folder that make up a model repository.

    The folder is checked as a user would load it: every required file is there, this fer_hub supports the
    configuration, the weights match the network, the card agrees with metrics.json, and no uploaded file is a pickle.

    Args:
        folder: a checkpoint folder as written by `train.py`.
        repo_id: owner/name on the Hub; used in the card's snippets.
        extra: more files, as those of a handler.

    Raises:
        FileNotFoundError: there is no such folder, or it lacks a file.
        ValueError: a file is invalid.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"the checkpoint must be an existing folder, got {folder}; train.py writes one to OUTPUT_DIR/final."
        )
    uploads, left_behind = _sort(folder)
    if missing := [name for name in REASONS if not (folder / name).is_file()]:
        raise FileNotFoundError(
            f"a checkpoint must contain {', '.join(REASONS)} and its code, but {folder} lacks {', '.join(missing)}; "
            "train.py writes them, and fer-hub refresh writes README.md."
        )
    held = {upload.path for upload in uploads}
    uploads += [upload for upload in _added() if upload.path not in held]
    check_uploads(uploads)
    config = _check_config(folder)
    _check_weights(folder, config)
    _check_onnx(folder, uploads)
    card = _check_card(folder)
    return Plan(
        repo_type="model",
        repo_id=repo_id,
        source=str(folder),
        uploads=(*(_with_id(upload, card, repo_id) for upload in uploads), *extra),
        left_behind=tuple(left_behind),
        notes=tuple(_check_code(folder, [upload.path for upload in uploads])),
        own_names=(*REASONS, *(name for name in OPTIONAL if "*" not in name), CODE, *(["fer_hub/*"] if extra else [])),
    )


def _added() -> list[Upload]:
    """Files that every model repository has, although a checkpoint folder need not."""
    return [
        Upload(".gitattributes", ATTRIBUTES.encode() + b"\n", "which files are stored as large ones"),
        Upload("LICENSE", licence(), OPTIONAL["LICENSE"]),
    ]


def _sort(folder: Path) -> tuple[list[Upload], list[tuple[str, str]]]:
    """Every entry of the folder, either to upload or to leave out; a pickle of unknown purpose is refused."""
    reasons = REASONS | {CODE: "code that trust_remote_code=True runs"} | OPTIONAL
    order = list(reasons)
    uploads, left_behind = [], []
    for path in sorted(folder.iterdir()):
        name = path.name
        state = next((reason for pattern, reason in TRAINER_STATE.items() if fnmatch(name, pattern)), None)
        pattern = next((pattern for pattern in reasons if fnmatch(name, pattern)), None)
        if name.startswith("."):
            left_behind.append((name, "hidden"))
        elif state is not None:
            left_behind.append((name, state))
        elif path.is_dir():
            left_behind.append((f"{name}/", "a folder; a checkpoint is flat"))
        elif path.suffix.lower() in PICKLES:
            raise ValueError(
                f"a checkpoint must not contain pickles, which can run code when loaded, but {folder} contains "
                f"{name}; delete it, or save the weights as safetensors with save_pretrained."
            )
        elif pattern is not None:
            uploads.append(Upload(name, path, reasons[pattern]))
        else:
            left_behind.append((name, "not part of a checkpoint"))
    uploads.sort(key=lambda upload: next(i for i, pattern in enumerate(order) if fnmatch(upload.path, pattern)))
    return uploads, left_behind


def _check_config(folder: Path):
    from fer_hub.model import FERConfig

    for path in sorted(folder.glob("*.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(
                f"{path} must be JSON, but cannot be read ({error}); write the checkpoint again."
            ) from None
        if path.name == "config.json" and content.get("model_type") != FERConfig.model_type:
            raise ValueError(
                f"config.json must have the model_type {FERConfig.model_type!r}, got {content.get('model_type')!r} "
                f"in {folder}; publish other models with their own push_to_hub."
            )
    return FERConfig.from_pretrained(folder)  # unknown architecture, newer format, labels: its sentences are clear


def _check_weights(folder: Path, config) -> None:
    """Compare names and shapes of the tensors in the file with those of the network of the configuration."""
    import torch
    from safetensors import SafetensorError, safe_open

    from fer_hub.model import FERForImageClassification

    path = folder / "model.safetensors"
    try:
        with safe_open(path, "pt") as weights:
            held = {name: tuple(weights.get_slice(name).get_shape()) for name in weights.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(
            f"{path} must be a complete safetensors file, but cannot be read ({error}); save the weights with "
            "save_pretrained."
        ) from None
    with torch.device("meta"):
        wanted = {name: tuple(t.shape) for name, t in FERForImageClassification(config).state_dict().items()}
    for name in sorted(wanted.keys() | held.keys()):
        if wanted.get(name) != held.get(name):
            raise ValueError(
                f"model.safetensors must contain the weights of config.json's {config.architecture}, but {name} must "
                f"be {wanted.get(name, 'absent')} and is {held.get(name, 'absent')} in {folder}; save both together "
                "with save_pretrained."
            )


def _check_onnx(folder: Path, uploads: list[Upload]) -> None:
    """An ONNX file of other weights would predict differently; the export stores their SHA-256 in it."""
    wanted = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest().encode()
    for upload in uploads:
        if upload.path.endswith(".onnx") and wanted not in upload.read():
            raise ValueError(
                f"{upload.path} must be exported from the model.safetensors next to it, but was exported from other "
                f"weights; write it again with fer-hub export {folder}, or delete it."
            )


def _check_card(folder: Path) -> str:
    """The model card's text, after checking that its metadata is complete and agrees with metrics.json."""
    from huggingface_hub import ModelCard

    cure = f"write it again with fer-hub refresh {folder}"
    text = (folder / "README.md").read_text(encoding="utf-8")
    try:
        data = ModelCard(text).data
    except Exception as error:  # a YAML error, or one of many kinds for a malformed model-index
        raise ValueError(f"README.md must begin with Hub metadata, but cannot be read ({error}); {cure}.") from None
    wanted = ("license", "library_name", "pipeline_tag", "tags", "eval_results")
    if missing := [name for name in wanted if not getattr(data, name, None)]:
        raise ValueError(
            f"README.md must have the metadata {', '.join(wanted)}, but lacks {', '.join(missing)}; {cure}."
        )
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    told = {(result.dataset_split, result.metric_type): result.metric_value for result in data.eval_results}
    keys = {"accuracy": "accuracy", "f1": "macro_f1", "expected_calibration_error": "calibration_error"}
    for split in (name for name in ("validation", "test") if name in metrics):
        for kind, key in keys.items():
            says = told.get((split, kind), math.nan)
            if not abs(says - metrics[split][key]) <= 5.1e-5:  # the card rounds to four digits
                raise ValueError(
                    f"README.md must agree with metrics.json, but has {says} for {key} on {split} instead of "
                    f"{metrics[split][key]:.4f}; {cure}."
                )
    return text


def _with_id(upload: Upload, card: str, repo_id: str) -> Upload:
    if upload.path != "README.md":
        return upload
    return Upload(upload.path, card.replace(CARD_PLACEHOLDER, repo_id).encode(), upload.reason)


def _check_code(folder: Path, paths: list[str]) -> list[str]:
    """Check that every module that the Auto classes load is there; a note lists those that differ from this fer_hub."""
    import fer_hub.model

    home = Path(fer_hub.model.__file__).parent
    cure = f"fer-hub refresh {folder} writes the code again"
    needed = [
        f"{value.split('--')[-1].rpartition('.')[0]}.py"  # owner/name--module.Class where it was loaded from the Hub
        for name in ("config.json", "preprocessor_config.json")
        for value in json.loads((folder / name).read_text(encoding="utf-8")).get("auto_map", {}).values()
    ]
    if not needed:
        raise ValueError(f"config.json must name its code in auto_map, but that of {folder} does not; {cure}.")
    seen: list[str] = []
    while needed:
        name = needed.pop()
        if name in seen:
            continue
        if name not in paths:
            raise FileNotFoundError(f"a checkpoint must contain all its code, but {folder} lacks {name}; {cure}.")
        seen.append(name)
        tree = ast.parse((folder / name).read_text(encoding="utf-8"))
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level == 1]
        needed += [f"{node.module}.py" for node in imports if node.module]
    other = [name for name in sorted(seen) if not _same(folder / name, home / name)]
    if not other:
        return []
    return [f"{', '.join(other)}: differs from the installed fer_hub {fer_hub.__version__}; {cure}."]


def _same(path: Path, other: Path) -> bool:
    return other.is_file() and path.read_bytes() == other.read_bytes()
