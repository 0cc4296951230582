"""A stream of photos through two steps: threads find the faces ahead of a network that classifies them in batches."""

import contextlib
import itertools
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from fer_hub.ahead import ahead, cores
from fer_hub.image_sources import each
from fer_hub.own_numbers import is_whole

Found = TypeVar("Found")
Result = TypeVar("Result")


def in_batches(
    find: Callable[[Any], Found],
    classify: Callable[[Sequence[Found]], Sequence[Result]],
    images: Iterable[Any],
    *,
    batch_size: int,
    on_error: str,
    threads: int | None,
) -> Generator[Result | Exception, None, None]:
    """`classify([find(image), ...])` for batches of a stream of images, one result after the other.

    Args:
        find: called in several threads at once.
        classify: called in the thread of the caller; gives as many results as it gets.
        images: of any length.
        batch_size, on_error, threads: as for `FERPipeline.stream`.

    Raises:
        TypeError: `images` is a single image. ValueError: an argument is invalid.
    """
    workers = cores() if threads is None else threads
    for name, value in (("batch_size", batch_size), ("threads", workers)):
        if not is_whole(value) or value < 1:
            raise ValueError(f"{name} must be a whole number above 0, got {value!r}; leave it out for the default.")
    if on_error not in ("raise", "yield"):
        raise ValueError(f"on_error must be raise or yield, got {on_error!r}; choose one of these.")
    batch_size, workers = int(batch_size), int(workers)
    futures = ahead(find, each(images), threads=workers, depth=batch_size + 2 * workers)
    return _results(futures, classify, batch_size, on_error)


def _results(
    futures: Generator[Future[Found], None, None],
    classify: Callable[[Sequence[Found]], Sequence[Result]],
    batch_size: int,
    on_error: str,
) -> Generator[Result | Exception, None, None]:
    with contextlib.closing(futures):  # ends its threads when the caller leaves
        position = 0
        while batch := list(itertools.islice(futures, batch_size)):
            errors = [future.exception() for future in batch]
            classified = iter(classify([future.result() for future in batch if future.exception() is None]))
            for error in errors:
                if error is None:
                    yield next(classified)
                elif not isinstance(error, (TypeError, ValueError, OSError)):
                    raise error
                elif on_error == "raise":
                    raise at(position, error, "stream") from None
                else:
                    yield error
                position += 1


def second(pairs: Generator[Any, None, None]) -> Generator[Any, None, None]:
    """The second of every pair; errors as they are."""
    with contextlib.closing(pairs):
        for pair in pairs:
            yield pair if isinstance(pair, Exception) else pair[1]


def at(position: int, error: Exception, where: str = "list") -> Exception:
    """The same error with the position in a list in its sentence, which of system errors cannot be set."""
    kinds = (FileNotFoundError, PermissionError, TimeoutError, ConnectionError, OSError, TypeError, ValueError)
    kind = next(kind for kind in kinds if isinstance(error, kind))
    return kind(f"image {position} of the {where}: {error}")
