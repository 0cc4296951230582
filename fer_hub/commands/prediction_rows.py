"""Where the rows of `fer-hub predict` go: to the standard output, or to a file that is whole or can be resumed."""

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self, TextIO

from fer_hub.commands.face_rows import COLUMNS, CsvFaces, JsonFaces
from fer_hub.files import replacing
from fer_hub.inference.identity import Identity
from fer_hub.results import FacePrediction

KINDS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
"""Ending of a file → format of its rows."""

OTHERS = (
    *(".json", ".tsv", ".xls", ".xlsx", ".ods", ".html", ".xml", ".db", ".sqlite", ".feather", ".arrow", ".pkl"),
    *(".gz", ".bz2", ".xz", ".zst", ".zip"),
)
"""Endings that promise a format which is not written here."""

CHUNK = 10_000
"""Rows of a Parquet file that are in memory at once."""


class Rows:
    """Writes the rows of photographs one after the other.

    Args:
        file: open for appending.
        kind: "csv", "jsonl" or "parquet", whose rows are JSON lines until all are there.
        labels: of the network, in its order.
        network: what every row says about it.
        journal: open for appending; gets a line for each photograph whose rows are in `file`.
        done: name → error sentence, or `None` where it could be read, of photographs that an earlier run has done.
    """

    def __init__(
        self, file: TextIO, kind: str, labels: Sequence[str], network: Identity, journal: TextIO | None = None,
        done: dict | None = None,
    ) -> None:  # fmt: skip
        self.done: dict[str, str | None] = done or {}
        self._file, self._journal = file, journal
        self._faces: CsvFaces | JsonFaces
        if kind == "csv":
            self._faces = CsvFaces(file, labels, network, begun=bool(done))
        else:
            self._faces = JsonFaces(file, network)

    def write(self, name: str, size: tuple[int, int], faces: Sequence[FacePrediction]) -> None:
        """Append a photograph of `size` (width, height)."""
        self._faces.write(name, size, faces)
        self._note(name, None)

    def failed(self, name: str, error: Exception) -> None:
        """Remember a photograph that cannot be read."""
        self._note(name, str(error))

    def _note(self, name: str, error: str | None) -> None:
        self.done[name] = error
        if self._journal is not None:
            self._file.flush()  # first, so that what the journal knows is in the file
            line = {"name": name, "error": error, "end": os.fstat(self._file.fileno()).st_size}
            self._journal.write(json.dumps(line) + "\n")
            self._journal.flush()


@contextlib.contextmanager
def opened(
    output: str, kind: str, labels: Sequence[str], network: Identity, *, settings: dict | None = None
) -> Iterator[Rows]:
    """The rows of a run, in their place when the block succeeds.

    Args:
        output: a file, or `-` for the standard output.
        kind, labels, network: as for `Rows`.
        settings: of a run that can be resumed, all that changes its rows: they are kept in OUTPUT.partial with
            OUTPUT.journal until all are there, whatever ends the program. `None` for a run that leaves nothing.

    Raises:
        ValueError: the run to resume had other settings.
    """
    if output == "-":
        yield Rows(sys.stdout, kind, labels, network)
        return
    path = Path(output)
    if settings is None:
        with replacing(path) as temporary:
            rows = temporary.parent / "rows" if kind == "parquet" else temporary
            with open(rows, "w", newline="", encoding="utf-8") as file:
                yield Rows(file, kind, labels, network)
            if kind == "parquet":
                write_parquet(rows, temporary, labels)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with Resumable(path, settings) as run:
        yield Rows(run.rows, kind, labels, network, run.journal, run.done)
    if kind == "parquet":
        with replacing(path) as temporary:
            write_parquet(run.partial, temporary, labels)
        run.partial.unlink()
    else:
        run.partial.replace(path)
    run.journal_path.unlink()


class Resumable:
    """The unfinished files of a run: opened where it ended, or anew.

    Attributes:
        rows, journal: open for appending.
        done: as of `Rows`.
    """

    def __init__(self, path: Path, settings: dict) -> None:
        self.partial, self.journal_path = (Path(f"{path}.{ending}") for ending in ("partial", "journal"))
        self.done: dict[str, str | None] = {}
        if self.journal_path.is_file() and self.partial.is_file():
            end, length = self._read(settings)
        else:
            end = length = 0
            self.partial.write_bytes(b"")
        os.truncate(self.partial, end)  # what was being written when the run ended goes
        self.journal = open(self.journal_path, "a", encoding="utf-8")  # noqa: SIM115 (closed by __exit__)
        self.journal.truncate(length)
        if not length:
            self.journal.write(json.dumps({"settings": settings}) + "\n")
            self.journal.flush()
        self.rows = open(self.partial, "a", newline="", encoding="utf-8")  # noqa: SIM115

    def _read(self, settings: dict) -> tuple[int, int]:
        """How many bytes of the rows and of the journal are sound; the last line of each may be cut off."""
        size, end, length = self.partial.stat().st_size, 0, 0
        for number, text in enumerate(self.journal_path.read_bytes().splitlines(keepends=True)):
            line = json.loads(text) if text.endswith(b"\n") else None
            if line is None or line.get("end", 0) > size:
                break
            if number:
                self.done[line["name"]], end = line["error"], line["end"]
            elif line["settings"] != json.loads(json.dumps(settings)):
                raise ValueError(
                    f"{self.journal_path} must be of a run with the same options to be resumed, got others; give "
                    f"those, or delete it and {self.partial} to begin anew."
                )
            length += len(text)
        return end, length

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.rows.close()
        self.journal.close()


def write_parquet(rows: Path, target: Path, labels: Sequence[str]) -> None:
    """JSON lines → a Parquet file with the columns of the CSV."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    whole = {"width", "height", "face", "xmin", "ymin", "xmax", "ymax"}
    kinds = {name: pa.int32() if name in whole else pa.float64() for name in (*COLUMNS, *labels)}
    kinds |= dict.fromkeys(("path", "emotion", "model", "version"), pa.string())
    content: list[dict] = []
    with pq.ParquetWriter(target, pa.schema(list(kinds.items()))) as writer, open(rows, encoding="utf-8") as source:
        for line in source:
            row = json.loads(line)
            content.append(row | (row.get("box") or {}) | (row.get("probabilities") or {}))
            if len(content) == CHUNK:
                writer.write_table(pa.Table.from_pylist(content, writer.schema))
                content = []
        writer.write_table(pa.Table.from_pylist(content, writer.schema))
