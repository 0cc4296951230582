"""The plan of a publication: files to upload, files left out, the reason for each, and its text for a terminal."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from fer_hub.files import building

MAX_WEIGHTS = 1_000_000_000
"""Largest .safetensors, .onnx or .wasm file in bytes. Ours have a few megabytes; the Hub's own limit is 20 GB."""

MAX_FILE = 10_000_000
"""Largest other file in bytes: above 10 MB the Hub stores a file outside git, which does not suit text or figures."""

ATTRIBUTES = "\n".join(
    f"*.{ending} filter=lfs diff=lfs merge=lfs -text"
    for ending in ("safetensors", "onnx", "tflite", "wasm", "ttf", "png", "jpg")
)
"""The file .gitattributes: binary files go to the Hub's large storage, which it demands of what is pushed with git."""

PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib")
"""Extensions of files that can run code when loaded."""


@dataclass(frozen=True)
class Upload:
    """One file to upload.

    Args:
        path: its path in the repository, with forward slashes.
        content: the local file, or its bytes.
        reason: its purpose in a few words.
    """

    path: str
    content: Path | bytes
    reason: str

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size

    def read(self, size: int = -1) -> bytes:
        """The content, or its first `size` bytes."""
        if isinstance(self.content, bytes):
            return self.content if size < 0 else self.content[:size]
        with self.content.open("rb") as file:
            return file.read(size)

    def is_stored_as(self, oid: str) -> bool:
        """Whether a git blob id (SHA-1) or LFS object id (SHA-256) of the Hub matches this content.

        Example:
            >>> Upload("a", b"hello", "").is_stored_as("b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0")
            True
        """
        data = self.read()
        if len(oid) == 64:
            return hashlib.sha256(data).hexdigest() == oid
        return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest() == oid


@dataclass(frozen=True)
class Plan:
    """Everything that is decided before the Hub is contacted.

    Args:
        repo_type: "model" or "space".
        repo_id: owner/name.
        source: where the files come from, for display.
        uploads: the files to upload, most important first.
        left_behind: (name, reason) of each file that is not uploaded.
        notes: remarks for the user.
        own_names: name patterns of the files that this kind of publication writes; a file in the repository
            that matches one and is not in `uploads` is left over from an earlier publication.
        sdk: of a Space, "gradio" or "static".
    """

    repo_type: str
    repo_id: str
    source: str
    uploads: tuple[Upload, ...]
    left_behind: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    own_names: tuple[str, ...] = ()
    sdk: str = "gradio"

    def owns(self, path: str) -> bool:
        return any(fnmatch(path, pattern) for pattern in self.own_names)

    @property
    def size(self) -> int:
        """Bytes of all uploads."""
        return sum(upload.size for upload in self.uploads)


def check_uploads(uploads: Iterable[Upload]) -> None:
    """Refuse pickles, whatever their name, and files over the limits.

    Raises:
        ValueError: a file is a pickle or too large.
    """
    for upload in uploads:
        limit = MAX_WEIGHTS if upload.path.endswith((".safetensors", ".onnx", ".wasm")) else MAX_FILE
        if upload.size > limit:
            raise ValueError(
                f"{upload.path} must be at most {megabytes(limit)}, got {megabytes(upload.size)}; shorten it or "
                "remove it."
            )
        if _is_pickle(upload.read(4)):
            raise ValueError(
                f"{upload.path} must not be a pickle, which can run code when loaded, but is one; remove it, or save "
                "the weights as safetensors with save_pretrained."
            )


def stage(plan: Plan, folder: str | Path) -> Path:
    """Write a publication's files to a new folder, to look at before anything is sent.

    Raises:
        ValueError: there are other files in the folder.
    """
    folder = Path(folder)
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise ValueError(f"stage must be a new or an empty folder, got {folder}; name another one, or empty it.")
    with building(folder) as made:
        for upload in plan.uploads:
            target = made / upload.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(upload.read())
    return folder


def _is_pickle(head: bytes) -> bool:
    """Pickle protocol 2 to 5, or the zip archive that torch.save wraps around one."""
    return head.startswith((b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"))


def show(plan: Plan, status: Callable[[Upload], str], leftovers: Iterable[str], foreign: Iterable[str]) -> str:
    """The plan as text for a terminal.

    Args:
        status: upload → a word such as "new" or "same".
        leftovers: paths in the repository that the commit deletes.
        foreign: paths in the repository that stay as they are.
    """
    width = max([len(upload.path) for upload in plan.uploads] + [len(name) for name, _ in plan.left_behind])
    lines = [f"{plan.repo_type} {plan.repo_id}, from {plan.source}", "", "goes up:"]
    for upload in plan.uploads:
        lines.append(f"  {status(upload):7}  {upload.path:{width}}  {megabytes(upload.size):>9}  {upload.reason}")
    lines.append(f"  {len(plan.uploads)} files, {megabytes(plan.size)}")
    if plan.left_behind:
        lines += ["", "not uploaded:"]
        lines += [f"  {'':7}  {name:{width}}  {'':9}  {reason}" for name, reason in plan.left_behind]
    if leftovers := sorted(leftovers):
        lines += ["", "to delete in the repository (its history keeps them):"]
        lines += [f"  {'delete':7}  {name:{width}}  {'':9}  from an earlier publication" for name in leftovers]
    if foreign := sorted(foreign):
        lines += ["", "kept in the repository (not from fer_hub):"]
        lines += [f"  {'keep':7}  {name}" for name in foreign]
    if plan.notes:
        lines += ["", *(f"note: {note}" for note in plan.notes)]
    return "\n".join(lines)


def megabytes(size: int) -> str:
    """A human-readable file size.

    >>> megabytes(512), megabytes(4_200), megabytes(11_300_000)
    ('512 B', '4.2 kB', '11.3 MB')
    """
    if size < 1000:
        return f"{size} B"
    return f"{size / 1e3:.1f} kB" if size < 1e6 else f"{size / 1e6:.1f} MB"
