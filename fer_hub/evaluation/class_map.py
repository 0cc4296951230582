"""Maps the classes of any model to those of a data set by name, including usual synonyms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fer_hub.data.names import expression_name
from fer_hub.data.targets import Targets


@dataclass(frozen=True)
class ClassMap:
    """The result of `map_classes`.

    Attributes:
        theirs: class names of the model, in the order of its logits.
        ours: class names of the data set, in the order of its labels.
        columns: for each of theirs the position in ours, or None if it is dropped.
    """

    theirs: tuple[str, ...]
    ours: tuple[str, ...]
    columns: tuple[int | None, ...]

    @property
    def dropped(self) -> tuple[str, ...]:
        """Classes of the model that the data set does not have."""
        return tuple(name for name, column in zip(self.theirs, self.columns, strict=True) if column is None)

    @property
    def missing(self) -> tuple[str, ...]:
        """Classes of the data set that the model does not have."""
        return tuple(name for index, name in enumerate(self.ours) if index not in self.columns)

    @property
    def same(self) -> bool:
        """Whether both have the same names in the same order."""
        return self.theirs == self.ours

    def apply(self, probabilities: np.ndarray) -> np.ndarray:
        """Probabilities of theirs → probabilities of ours.

        Classes that map to the same one are added, dropped ones are removed, and every row is renormalised to a sum
        of 1; a row without any remaining probability becomes uniform.

        Args:
            probabilities: float array (images, theirs), rows sum to 1.

        Returns:
            Array of the same type, (images, ours).

        Example:
            >>> found = map_classes(["contempt", "anger"], ["angry", "calm"])
            >>> found.apply(np.array([[0.2, 0.8]]))
            array([[1., 0.]])
        """
        matrix = np.zeros((len(self.theirs), len(self.ours)), probabilities.dtype)
        for row, column in enumerate(self.columns):
            if column is not None:
                matrix[row, column] = 1
        kept = probabilities @ matrix
        total = kept.sum(1, keepdims=True)
        return np.where(total > 0, kept / np.where(total > 0, total, 1), 1 / len(self.ours)).astype(probabilities.dtype)

    def check(self, partial: bool = False) -> None:
        """Raise a ValueError if the model lacks classes of the data set; with `partial` only if it lacks almost all."""
        if len(self.ours) - len(self.missing) < 2:
            raise ValueError(
                f"the model's classes must be those of the data set, {', '.join(self.ours)}, got "
                f"{', '.join(self.theirs)}; say which is which, as in --map {self.theirs[0]}={self.ours[0]}."
            )
        if self.missing and not partial:
            raise ValueError(
                f"the model must have all classes of the data set, but has no {' and no '.join(self.missing)} among "
                f"{', '.join(self.theirs)}; name them with --map THEIRS=OURS, or leave their images out with --partial."
            )

    def without_missing(self, target: Targets) -> tuple["ClassMap", np.ndarray, Targets]:
        """The map without the classes that the model lacks.

        Args:
            target: the targets of a split, in terms of ours.

        Returns:
            The map onto the remaining classes; positions of the images of these, int64; and their targets, without
            votes if any class is missing, as a vote distribution without some of its classes is not meaningful.
        """
        if not self.missing:
            return self, np.arange(len(target.classes)), target
        kept = [index for index, name in enumerate(self.ours) if name not in self.missing]
        names = tuple(self.ours[index] for index in kept)
        columns = tuple(None if column is None else kept.index(column) for column in self.columns)
        positions = np.flatnonzero(np.isin(target.classes, kept))
        classes = np.searchsorted(kept, target.classes[positions])
        return ClassMap(self.theirs, names, columns), positions, Targets(names, target.rows[positions], classes)

    def about(self) -> dict:
        """JSON-ready: `map`, name of theirs → name of ours or None, and `missing`."""
        names = [None if column is None else self.ours[column] for column in self.columns]
        return {"map": dict(zip(self.theirs, names, strict=True)), "missing": list(self.missing)}


def map_classes(theirs: Sequence[str], ours: Sequence[str], wishes: Mapping[str, str] | None = None) -> ClassMap:
    """Match the classes of a model to those of a data set by name.

    Case is ignored, and expressions match under all their usual names: happy is happiness and joy.

    Args:
        theirs: class names of the model.
        ours: class names of the data set.
        wishes: name of theirs → name of ours for uninformative names such as LABEL_0; "" drops a class.

    Raises:
        ValueError: a name in `wishes` is not a class of theirs or ours.

    Example:
        >>> map_classes(["Happiness", "contempt"], ["happy", "sad"]).about()
        {'map': {'Happiness': 'happy', 'contempt': None}, 'missing': ['sad']}
    """
    wishes = dict(wishes or {})
    known = {_key(name): index for index, name in enumerate(ours)}
    for name, wish in wishes.items():
        if name not in theirs:
            raise ValueError(f"--map must begin with a class of the model, {', '.join(theirs)}; got {name!r}.")
        if wish and _key(wish) not in known:
            raise ValueError(f"--map must end with a class of the data set, {', '.join(ours)}; got {wish!r}.")
    columns = tuple(known.get(_key(wishes.get(name, name))) for name in theirs)
    return ClassMap(tuple(theirs), tuple(ours), columns)


def _key(name: str) -> str:
    return expression_name(name).casefold()
