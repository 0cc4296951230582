"""A predictor for Ray Data: a stateful actor class that takes batches of photographs.

Imports Ray nowhere, which calls it; what is returned is an Arrow table (extra "ray").
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fer_hub.image_sources import COLUMNS
from fer_hub.inference.identity import identity
from fer_hub.pipeline import FERPipeline
from fer_hub.results import FacePrediction

if TYPE_CHECKING:
    import pyarrow as pa

SOURCES = ("bytes", *COLUMNS)
"""Columns with photographs, which are not in the result."""


class RayPredictor:
    """Loads the pipeline once in every worker and gives one row for each photograph.

        ray.data.read_binary_files("photos", include_paths=True).map_batches(
            RayPredictor, batch_size=32, compute=ray.data.ActorPoolStrategy(size=2)
        ).write_parquet("faces")

    Args:
        options: of `FERPipeline.from_pretrained`, as Ray's `fn_constructor_kwargs`; with `device="cuda"` give
            `map_batches` `num_gpus=1`.

    Raises:
        OSError, ValueError: as from `FERPipeline.from_pretrained`.
    """

    def __init__(self, **options: Any) -> None:
        self.pipeline = FERPipeline.from_pretrained(**options)
        self._labels = list(self.pipeline.model.config.id2label.values())
        self._network = identity(self.pipeline.model, options.get("checkpoint"), options.get("revision"))

    def __call__(self, batch: Mapping[str, Sequence[Any]]) -> "pa.Table":
        """Find and classify the faces of a batch.

        Args:
            batch: columns of the same length, as `read_binary_files`, `read_images` and `read_parquet` of Ray give
                them: the photographs under "bytes", "image", "img", "photo" or "picture", in any form that a row of a
                data set may have, else under "path". All other columns are kept.

        Returns:
            One row for each photograph: the other columns, `width` and `height` of the upright photograph in pixels,
            `faces`, the most prominent first, `error` where it could not be read, else null, `model` and `version`
            (see `Identity`). A face has `detection_score`, `quality`, `angle`, `box` (xmin, ymin, xmax, ymax),
            `emotion` and `probabilities` by label.
        """
        import pyarrow as pa

        kept = {name: pa.array(list(column)) for name, column in batch.items() if name not in SOURCES}
        names = [name for name in batch if name in SOURCES] or ["path"]
        rows = ({name: batch[name][number] for name in names} for number in range(len(next(iter(batch.values())))))
        sizes: list[tuple[int | None, int | None]] = []
        faces: list[list[dict] | None] = []
        errors: list[str | None] = []
        for result in self.pipeline.stream_sized(rows, on_error="yield", threads=1):
            sizes.append((None, None) if isinstance(result, Exception) else result[0])
            faces.append(None if isinstance(result, Exception) else [_row(face) for face in result[1]])
            errors.append(str(result) if isinstance(result, Exception) else None)
        made = {
            "width": pa.array([width for width, _ in sizes], pa.int32()),
            "height": pa.array([height for _, height in sizes], pa.int32()),
            "faces": pa.array(faces, pa.list_(_kind(self._labels))),
            "error": pa.array(errors, pa.string()),
            **{name: pa.array([value] * len(sizes), pa.string()) for name, value in self._network._asdict().items()},
        }
        return pa.table(kept | made)


def _row(face: FacePrediction) -> dict[str, Any]:
    values = face.to_dict()
    return {name: values[name] for name in ("detection_score", "quality", "angle", "box", "emotion", "probabilities")}


def _kind(labels: Sequence[str]) -> "pa.DataType":
    """The Arrow type of a face."""
    import pyarrow as pa

    edges = pa.struct([(name, pa.int32()) for name in ("xmin", "ymin", "xmax", "ymax")])
    scores = [(name, pa.float64()) for name in ("detection_score", "quality", "angle")]
    shares = pa.struct([(label, pa.float64()) for label in labels])
    return pa.struct([*scores, ("box", edges), ("emotion", pa.string()), ("probabilities", shares)])
