"""Numbers as arguments: Python's own, and those of numpy, which are neither `int` nor `float` and compute the same."""

from numbers import Integral, Real
from typing import Any


def is_whole(value: Any) -> bool:
    """Whether this is a whole number.

    Example:
        >>> import numpy as np
        >>> [is_whole(value) for value in (3, np.int64(3), 3.0, True, np.True_, "3")]
        [True, True, False, False, False, False]
    """
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether this is a number, whole or not.

    Example:
        >>> import numpy as np
        >>> [is_number(value) for value in (3, 0.5, np.float32(0.5), np.int8(3), True, "3")]
        [True, True, True, True, False, False]
    """
    return isinstance(value, Real) and not isinstance(value, bool)
