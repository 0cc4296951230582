"""The repository → the plan of a Space that runs its app on a model of the Hub."""

import re
from pathlib import Path

from fer_hub.hub.plan import Plan, Upload, check_uploads
from fer_hub.hub.shipped import VARIABLE

ROOT = Path(__file__).resolve().parent.parent.parent
"""The clone of the repository that this package lies in."""

FILES = {
    "app.py": "the app",
    "requirements.txt": "Python packages, at the versions that are tested",
    "packages.txt": "system libraries of the face detector",
    "LICENSE": "licence",
    "NOTICE": "notices that the licence asks for",
}

LONGEST_DESCRIPTION = 60
"""Characters that the Hub allows for short_description."""

BODY = """
# {title}

The app of fer_hub on the model [{model}](https://huggingface.co/{model}): every face of a photograph is found, framed
and classified. Its endpoints `/predict`, `/classify` and `/annotate` answer `gradio_client`:

```python
from gradio_client import Client, handle_file

client = Client("{space}")
print(client.predict(handle_file("photo.jpg"), api_name="/predict"))
```

An expression is not a feeling; what the model is for, and what it is not for, stands in its card.
The variable `{variable}` in the settings of this Space names the model.
"""


def plan_space(repo_id: str, model_id: str, *, source: Path = ROOT) -> Plan:
    """Decide what makes a Space: app.py, the package, examples, requirements and a README with the Space's metadata.

    Args:
        repo_id: owner/name of the Space.
        model_id: owner/name of the model that it loads.
        source: a clone of the fer_hub repository.

    Raises:
        FileNotFoundError: `source` is no such clone.
        ValueError: the README's metadata would not make a working Space.
    """
    uploads = [Upload("README.md", _readme(source, repo_id, model_id).encode(), "the Space's settings and description")]
    for name, reason in FILES.items():
        if not (source / name).is_file():
            raise FileNotFoundError(
                f"a Space is made from a clone of the fer_hub repository with {', '.join(FILES)}, {source} has no "
                f"{name}; run the command in the clone."
            )
        uploads.append(Upload(name, source / name, reason))
    left_behind = []
    for top, pattern, reason in (("fer_hub", "**/*", "the package"), ("examples", "*", "example photographs")):
        for path in sorted((source / top).glob(pattern)):
            inside = path.relative_to(source)
            if path.is_dir() or any(part == "__pycache__" or part.startswith(".") for part in inside.parts):
                continue
            name = inside.as_posix()
            if path.suffix == ".pyi":
                left_behind.append((name, "made by gradio whenever it is imported"))
            else:
                uploads.append(Upload(name, path, reason))
    taken = {upload.path.split("/")[0] for upload in uploads} | {"__pycache__"}
    others = sorted(p for p in source.iterdir() if p.name not in taken and not p.name.startswith("."))
    reasons = {"checkpoints": f"the Space loads {model_id} instead", "tests": "not needed to run the app"}
    left_behind += [(p.name + "/" * p.is_dir(), reasons.get(p.name, "not needed to run the app")) for p in others]
    check_uploads(uploads)
    return Plan(
        repo_type="space",
        repo_id=repo_id,
        source=str(source),
        uploads=tuple(uploads),
        left_behind=tuple(left_behind),
        own_names=("README.md", *FILES, "fer_hub/*", "examples/*"),
    )


def _readme(source: Path, repo_id: str, model_id: str) -> str:
    """The README's metadata, checked, with the model put in; and a short description of the Space."""
    from huggingface_hub import RepoCard, SpaceCardData

    path = source / "README.md"
    if not path.is_file():
        raise FileNotFoundError(
            f"a Space is made from a clone of the fer_hub repository with README.md, {source} has none; run the "
            "command in the clone."
        )
    data = RepoCard(path.read_text(encoding="utf-8"), ignore_metadata_errors=False).data.to_dict()
    wanted = ("title", "sdk", "sdk_version", "python_version", "app_file", "license", "short_description", "tags")
    if missing := [name for name in wanted if not data.get(name)]:
        raise ValueError(
            f"README.md must begin with the Space's metadata {', '.join(wanted)}, lacks {', '.join(missing)}; add them."
        )
    pin = re.search(r"^gradio==([\w.]+)", (source / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    if data["sdk"] != "gradio" or pin is None or str(data["sdk_version"]) != pin[1]:
        raise ValueError(
            f"README.md must have sdk gradio and as sdk_version gradio's pin in requirements.txt, "
            f"{pin[1] if pin else 'which has none'}, got {data['sdk']} {data['sdk_version']}; change one of the two."
        )
    if len(data["short_description"]) > LONGEST_DESCRIPTION:
        raise ValueError(
            f"README.md's short_description must have at most {LONGEST_DESCRIPTION} characters, got "
            f"{len(data['short_description'])}; shorten it."
        )
    if not (source / data["app_file"]).is_file():
        raise ValueError(f"README.md's app_file must be a file of the repository, got {data['app_file']}; correct it.")
    card = SpaceCardData(**data | {"models": [model_id], "preload_from_hub": [model_id]})
    body = BODY.format(title=data["title"], model=model_id, space=repo_id, variable=VARIABLE)
    return f"---\n{card.to_yaml()}\n---\n{body}"
