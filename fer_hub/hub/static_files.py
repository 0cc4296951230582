"""The built page of private mode → the plan of a static Space, which serves files and runs nothing."""

from pathlib import Path

from fer_hub.hub.plan import ATTRIBUTES, Plan, Upload, check_uploads
from fer_hub.hub.space_files import LONGEST_DESCRIPTION

NEEDED = ("index.html", "page.mjs", "config.json", "model.onnx", "LICENSE", "NOTICE")
"""Files that every built page has."""

TITLE, DESCRIPTION = "Facial expressions, in private", "Facial expression recognition in your browser alone"

BODY = """
# {title}

Finds faces in photos and before the camera and classifies their expressions, in the browser alone: no picture leaves
the device, and once the page is loaded the browser refuses every further connection. Made by fer_hub; the network is
`model.onnx`, run by ONNX Runtime Web, the face detector MediaPipe's. {measured}.

An expression is not a feeling; ask people before you analyse their faces.
"""


def plan_static_space(folder: str | Path, repo_id: str, measured: str) -> Plan:
    """Select the files of a static Space.

    Args:
        folder: the page as `fer-hub private-page` builds it.
        repo_id: owner/name of the Space.
        measured: what the README says of the network's accuracy.

    Raises:
        FileNotFoundError: the folder is no built page.
    """
    from huggingface_hub import SpaceCardData

    folder = Path(folder)
    if missing := [name for name in NEEDED if not (folder / name).is_file()]:
        raise FileNotFoundError(
            f"a static Space is made of the page that fer-hub private-page builds, but {folder} lacks "
            f"{', '.join(missing)}; build it there, or leave --page out."
        )
    assert len(DESCRIPTION) <= LONGEST_DESCRIPTION
    card = SpaceCardData(
        title=TITLE, sdk="static", app_file="index.html", license="apache-2.0", short_description=DESCRIPTION,
        tags=["facial-expression-recognition", "onnx", "mediapipe"], pinned=False,
    )  # fmt: skip
    readme = f"---\n{card.to_yaml()}\n---\n{BODY.format(title=TITLE, measured=measured)}"
    reasons = {"model.onnx": "the network", "config.json": "numbers of fer_hub", "index.html": "the page"}
    uploads = [
        Upload("README.md", readme.encode(), "the Space's settings and description"),
        Upload(".gitattributes", ATTRIBUTES.encode() + b"\n", "which files are stored as large ones"),
    ]
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            others = "packages of npm" if name.startswith("vendor/") else "the page"
            uploads.append(Upload(name, path, reasons.get(name, others)))
    check_uploads(uploads)
    names = ("README.md", *NEEDED, "*.mjs", "*.css", "*.tflite", "vendor/*")
    return Plan("space", repo_id, str(folder), tuple(uploads), own_names=names, sdk="static")
