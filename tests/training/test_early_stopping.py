"""--patience: training ends when validation has not improved for this many evaluations."""

from transformers import EarlyStoppingCallback

from tests.training.making import log, small_trainer


def test_it_stops_and_keeps_the_best(tmp_path):
    trainer = small_trainer(
        tmp_path, max_steps=60, eval_steps=2, save_steps=2, learning_rate=1e-9, callbacks=[EarlyStoppingCallback(2)]
    )
    trainer.train()  # at this learning rate only batch norm's statistics change
    last = trainer.state.global_step
    assert last < 60
    accuracies = [row["eval_accuracy"] for row in log(tmp_path / f"checkpoint-{last}") if "eval_accuracy" in row]
    assert max(accuracies[:-2]) >= max(accuracies[-2:])
    assert trainer.state.best_metric == max(accuracies)
