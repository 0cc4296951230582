"""The training log as CSV: one row per step, with the numbers of the log."""

import csv
import io

from fer_hub.hub.training_log import COLUMNS, training_csv
from tests.training.making import log, small_trainer


def test_the_rows_match_the_log(tmp_path):
    trainer = small_trainer(tmp_path)
    trainer.train()
    rows = list(csv.DictReader(io.StringIO(training_csv(trainer.state.log_history))))
    assert tuple(rows[0]) == COLUMNS and [row["step"] for row in rows] == ["1", "2", "3", "4", "5", "6"]
    for entry in log(tmp_path / "checkpoint-6"):
        row = rows[entry["step"] - 1]
        for name in set(COLUMNS) & set(entry):
            assert float(row[name]) == entry[name]
    assert [row["step"] for row in rows if row["eval_accuracy"]] == ["3", "6"]
    assert all(row["loss"] and row["learning_rate"] for row in rows)


def test_an_empty_log_is_a_table_without_rows():
    assert training_csv([]) == ",".join(COLUMNS) + "\n"
