"""The training log as a table: one row per logged or evaluated step."""

import csv
import io
from collections.abc import Sequence

COLUMNS = (
    "epoch",
    "step",
    "loss",
    "eval_loss",
    "eval_accuracy",
    "eval_macro_f1",
    "eval_calibration_error",
    "learning_rate",
    "grad_norm",
)
"""Epoch and step after which the row was written; mean training loss since the previous row; loss, accuracy,
macro-F1 and calibration error on validation; learning rate and gradient norm of that step."""


def training_csv(log: Sequence[dict]) -> str:
    """The Trainer's log as CSV with the columns `COLUMNS`; missing values are empty.

    Args:
        log: the Trainer's `log_history`; its last entry, a summary of the whole training, gets no row.

    Example:
        >>> print(training_csv([{"epoch": 0.5, "step": 10, "loss": 1.9}, {"epoch": 0.5, "step": 10, "eval_loss": 1.8}]))
        epoch,step,loss,eval_loss,eval_accuracy,eval_macro_f1,eval_calibration_error,learning_rate,grad_norm
        0.5,10,1.9,1.8,,,,,
        <BLANKLINE>
    """
    rows: dict[int, dict] = {}
    for entry in log:
        if "loss" in entry or "eval_loss" in entry:
            rows.setdefault(entry["step"], {}).update(entry)
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    table.writerows(rows.values())
    return text.getvalue()
