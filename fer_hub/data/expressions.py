"""`load_expressions`: any image classification data set, with its own class names."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from datasets import Dataset, DatasetDict

from fer_hub.data.columns import fill_columns, normalise_columns
from fer_hub.data.ferplus import join_ferplus
from fer_hub.data.kept import keep_columns
from fer_hub.data.loading import check_arguments, read
from fer_hub.data.own_classes import class_names, labels_by_name, name_columns, without_labels
from fer_hub.data.problems import shortened
from fer_hub.data.splits import complete_splits, name_splits
from fer_hub.model.configuration_fer import EMOTIONS

logger = logging.getLogger(__name__)


def load_expressions(
    source: str | Path,
    *,
    ferplus_csv: str | Path | None = None,
    validation_fraction: float = 0.1,
    seed: int = 0,
    revision: str | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
    label_names: Sequence[str] = (),
) -> DatasetDict:
    """Load a data set of face crops with any classes as train, validation and test.

    A source with the seven classes of FER-2013, under any of their usual names, is loaded like in `load_fer2013`.

    Args:
        source: as for `load_fer2013`, but with any class names: an image folder `<class>/<images>` or
            `<split>/<class>/<images>`, a folder or file of parquet, or a Hub dataset id.
        ferplus_csv, validation_fraction, seed, revision: as for `load_fer2013`.
        image_column, label_column: column names in parquet and Hub data sets, needed only if types and names are
            ambiguous; see `own_classes.name_columns`.
        label_names: names of classes that are whole numbers in the data, in the order of the numbers.

    Returns:
        A `DatasetDict` whose splits all have the columns `image` (`datasets.Image`, encoded until it is read) and
        `label` (`ClassLabel`; names in the order of `own_classes.class_names`), and those that `load_fer2013` adds to
        FER-2013.

    Raises:
        FileNotFoundError, ConnectionError: as for `load_fer2013`.
        ValueError: columns, labels or images are invalid; the error names file, column or rows.
    """
    check_arguments(source, ferplus_csv, validation_fraction, seed)
    splits = read_expressions(
        source,
        ferplus_csv=ferplus_csv,
        revision=revision,
        image_column=image_column,
        label_column=label_column,
        label_names=label_names,
    )
    return complete_splits(splits, validation_fraction, seed, str(source))


def read_expressions(
    source: str | Path,
    *,
    ferplus_csv: str | Path | None = None,
    revision: str | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
    label_names: Sequence[str] = (),
    keep: Sequence[str] = (),
) -> dict[str, Dataset]:
    """The splits of a source, with normalised names of splits, columns and classes; see `load_expressions`.

    Args:
        keep: further columns of the result, see `keep_columns`.
    """
    where = str(source)
    named = name_splits(read(source, revision, any_class=True, label_names=label_names), where, others="left out")
    named = {
        split: name_columns(dataset, f"{where} ({split})", image_column, label_column)
        for split, dataset in named.items()
    }
    if hidden := [split for split, dataset in named.items() if split != "train" and without_labels(dataset)]:
        logger.warning("%s: splits without labels are left out: %s", where, ", ".join(hidden))
        named = {split: dataset for split, dataset in named.items() if split not in hidden}
    named = keep_columns(named, keep, where)
    classes = class_names(named, where, label_names)
    named = {split: labels_by_name(dataset, f"{where} ({split})", classes) for split, dataset in named.items()}
    names = tuple(dict.fromkeys(classes.values()))
    if names == EMOTIONS:
        checked = {split: normalise_columns(dataset, f"{where} ({split})", keep) for split, dataset in named.items()}
        checked = fill_columns(checked, keep)
        return checked if ferplus_csv is None else fill_columns(join_ferplus(checked, Path(ferplus_csv), where), keep)
    if ferplus_csv is not None:
        raise ValueError(
            f"{where}: FER+ votes belong to the images of FER-2013, but this data set has the classes "
            f"{', '.join(names)}; leave out ferplus_csv."
        )
    for split, dataset in named.items():
        if others := [name for name in dataset.column_names if name not in ("image", "label", *keep)]:
            logger.info("%s (%s): columns left out: %s", where, split, shortened(", ".join(others)))
    return {split: dataset.select_columns(["image", "label", *keep]) for split, dataset in named.items()}
