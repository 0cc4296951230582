"""Compares the tensors of a file with those of a network."""

from collections.abc import Mapping

COUNTER = "num_batches_tracked"
"""Step counter of batch norm; unused, and missing in older files."""

Shape = tuple[int, ...]


def first_misfit(wanted: Mapping[str, Shape], held: Mapping[str, Shape]) -> tuple[str, Shape | str, Shape | str] | None:
    """The first tensor of a file that does not match a network; counters of batch norms may be missing.

    Args:
        wanted: name → shape of the network's tensors.
        held: name → shape of the file's.

    Returns:
        Its name, the expected shape and the shape found, "absent" if there is none; None if all match.

    Example:
        >>> first_misfit({"weight": (3, 1)}, {"weight": (3, 1), "bias": (3,)})
        ('bias', 'absent', (3,))
    """
    for name in [*wanted, *sorted(held.keys() - wanted.keys())]:
        if name not in held and name.endswith(COUNTER):
            continue
        if wanted.get(name) != held.get(name):
            return name, wanted.get(name, "absent"), held.get(name, "absent")
    return None
