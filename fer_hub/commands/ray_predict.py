"""`fer-hub predict --ray`: photographs go to the workers of a Ray cluster by name, results come back in order."""

import contextlib
import json
import logging
import os
import pickle
import socket
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any

from fer_hub.commands.parts import LOCAL
from fer_hub.commands.photograph_files import DATA_SET, Piece, each_photograph, pieces, rows_of_piece
from fer_hub.extras import missing

AT_ONCE = 64
"""Photographs, or row groups of a Parquet file, that a worker gets together."""

PATIENCE = 10.0
"""Seconds for which the computer of a cluster is waited for."""

MOST_BLOCKS = 20_000
"""Parts into which the photographs are divided."""


class NameWorker:
    """A stateful actor: names of photographs in, their pickled results out.

    Args:
        folder: where names that are no whole paths begin, if this computer has it.
        options: of `FERPipeline.from_pretrained`.
    """

    def __init__(self, folder: str, **options: Any) -> None:
        from fer_hub.pipeline import FERPipeline

        with contextlib.suppress(OSError):
            os.chdir(folder)
        self._pipeline = FERPipeline.from_pretrained(**options)

    def __call__(self, batch: Mapping[str, Sequence[str]]) -> Iterator[Any]:
        """Results of a batch of `piece`s, in tables with the columns `name` and `result`."""
        import pyarrow as pa

        names: list[str] = []

        def sources() -> Iterator[Any]:
            for text in batch["piece"]:
                piece = Piece(*json.loads(text))
                for name, source in rows_of_piece(piece) if piece.is_part else each_photograph([piece.name]):
                    names.append(name)
                    yield source

        done, results = 0, []
        for result in self._pipeline.stream_sized(sources(), on_error="yield", threads=1):
            results.append(pickle.dumps(result))
            if len(results) == AT_ONCE:
                yield pa.table({"name": names[done : done + AT_ONCE], "result": results})
                done, results = done + AT_ONCE, []
        kinds = pa.schema([("name", pa.string()), ("result", pa.binary())])
        yield pa.table({"name": names[done : done + len(results)], "result": results}, kinds)


def ray_results(
    address: str,
    names: Sequence[str],
    done: Mapping[str, Any],
    *,
    workers: int | None,
    options: Mapping[str, Any],
) -> Generator[tuple[str, None, Any], None, None]:
    """(name, nothing, ((width, height), faces) or an error) of every photograph, once, in the order of the names.

    A worker that dies is replaced, and what it was at work on is done again.

    Args:
        address: `LOCAL`, or that of a running cluster, whose computers have fer_hub and can read the names.
        names: as `find_photographs` gives them.
        done: names that are left out.
        workers: how many work at once, each on a core, or on a GPU if the network's device is one; all that the cluster
            has if `None`.
        options: of `FERPipeline.from_pretrained`.

    Raises:
        ValueError: a name is that of a data set on the Hub. ConnectionError: there is no cluster at the address.
        RuntimeError: Ray gives up.
    """
    if error := missing("ray", "ray", "pyarrow"):
        raise error
    if wrong := next((name for name in names if name.startswith(DATA_SET)), None):
        raise ValueError(
            f"photographs for --ray must be files, addresses or Parquet files, got the data set {wrong}; leave out "
            "--ray, or name its Parquet files."
        )
    # what it will be, so that Ray does not warn; and nothing of what its native parts say to their makers
    for variable, value in (("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0"), ("RAY_BACKEND_LOG_LEVEL", "fatal")):
        os.environ.setdefault(variable, value)
    _answers(address)
    import ray

    _connect(ray, address, workers)
    try:
        yield from _computed(ray, names, done, workers, options)
    except ray.exceptions.RayError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise RuntimeError(f"the cluster must classify the photographs, but Ray gave up: {lines[-1]}") from error
    finally:
        ray.shutdown()


def _answers(address: str) -> None:
    """Refuse the address of a computer that does not listen, for which Ray would wait two minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon:
        return
    try:
        socket.create_connection((host, int(port)), PATIENCE).close()
    except OSError as error:
        raise _nobody(address, error) from None


def _nobody(address: str, error: Exception) -> ConnectionError:
    return ConnectionError(
        f"--ray must name a running cluster, got {address}, which does not answer ({' '.join(str(error).split())[:200]}"
        "); start one with ray start, or leave out the address."
    )


def _connect(ray: Any, address: str, workers: int | None) -> None:
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == LOCAL:
        options |= {"num_cpus": workers, "include_dashboard": False}
    try:
        ray.init(address=address, **options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise _nobody(address, error) from None
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    logging.getLogger("ray.data").setLevel(logging.ERROR)


def _computed(
    ray: Any, names: Sequence[str], done: Mapping[str, Any], workers: int | None, options: Mapping[str, Any]
) -> Generator[tuple[str, None, Any], None, None]:
    items = [{"piece": json.dumps(piece)} for piece in pieces(names, done)]
    if not items:
        return
    on_gpu = str(options.get("device") or "cpu").partition(":")[0] == "cuda"
    kind = "GPU" if on_gpu else "CPU"
    size = workers or int(ray.cluster_resources().get(kind, 0)) or 1
    blocks = min(MOST_BLOCKS, -(-len(items) // AT_ONCE))
    share: dict[str, Callable] = {"num_gpus": 1} if on_gpu else {"num_cpus": 1}
    results = ray.data.from_items(items, override_num_blocks=max(blocks, min(size, len(items)))).map_batches(
        NameWorker, fn_constructor_kwargs={"folder": os.getcwd(), **options}, batch_size=AT_ONCE, **share,
        compute=ray.data.ActorPoolStrategy(size=min(size, len(items))),
    )  # fmt: skip
    seen: set[str] = set()
    for row in results.iter_rows():
        if row["name"] not in seen:
            seen.add(row["name"])
            yield row["name"], None, pickle.loads(row["result"])  # of our own workers
