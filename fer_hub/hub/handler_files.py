"""What an Inference Endpoint needs beside a checkpoint: handler.py, the package and its requirements."""

import re
from pathlib import Path

from fer_hub.hub.plan import Upload, check_uploads
from fer_hub.hub.space_files import ROOT, package_files

PACKAGES = (
    "torch", "transformers", "huggingface-hub", "safetensors", "socksio", "mediapipe", "onnxruntime",
    "opencv-contrib-python", "pillow-heif", "numpy", "Pillow",
)  # fmt: skip
"""Packages of requirements.txt that predictions need."""


def handler_files(source: Path = ROOT) -> list[Upload]:
    """The files of the handler.

    Args:
        source: a clone of the fer_hub repository.

    Raises:
        FileNotFoundError: `source` is not a clone of the repository.
    """
    for name in ("handler.py", "requirements.txt"):
        if not (source / name).is_file():
            raise FileNotFoundError(
                f"--with-handler needs a clone of the fer_hub repository, but {source} has no {name}; run the command "
                "in the clone."
            )
    lines = (source / "requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = [line for line in lines if re.split(r"[=<>~! ]", line, maxsplit=1)[0] in PACKAGES]
    uploads = [
        Upload("handler.py", source / "handler.py", "what an Inference Endpoint calls"),
        Upload("requirements.txt", "".join(f"{line}\n" for line in wanted).encode(), "its Python packages"),
        *(Upload(name, path, "the package") for name, path in package_files(source)),
    ]
    check_uploads(uploads)
    return uploads
