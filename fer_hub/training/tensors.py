"""Whether the tensors of a file are those of a network."""

from collections.abc import Mapping

COUNTER = "num_batches_tracked"
"""How often a batch norm was trained; nothing reads it, and older files do not have it."""

Shape = tuple[int, ...]


def first_misfit(wanted: Mapping[str, Shape], held: Mapping[str, Shape]) -> tuple[str, Shape | str, Shape | str] | None:
    """The first tensor by which a file does not fit a network; counters of batch norms may be missing.

    Args:
        wanted: name → shape of the network's tensors.
        held: name → shape of the file's.

    Returns:
        Its name, the shape that it must have and the one that it has, "absent" where there is none; None if all fit.

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
