"""`fer-hub train`."""

import typer

from fer_hub.commands.parts import Command, Interrupted


class TrainCommand(Command):
    """A command that hands its words to the parser of train.py, but for `--help`."""

    takes_debug = False  # it is an option of transformers' TrainingArguments


SETTINGS = {"ignore_unknown_options": True, "allow_extra_args": True}


def train(context: typer.Context) -> None:
    """Train a network on FER-2013 or on photographs of your own.

        fer-hub train --data path/to/fer2013 --output-dir runs/mine
        fer-hub train --data path/to/fer2013 --output-dir runs/mine --resume
        fer-hub train --data my_photos --images photographs --start-from ./checkpoints/fer2013
            --learning-rate 0.003 --num-train-epochs 10 --output-dir runs/mine

    The same as train.py, with the options of transformers' TrainingArguments and our own:

        --data DATA                Hub dataset id, parquet, Kaggle CSV or image folder (required)
        --recipe NAME|FILE         take options from there, such as a checkpoint's training_args.json
        --images crops|photographs what the images are
        --labels LABELS            which labels of the data set
        --architecture NAME        of the network
        --start-from CHECKPOINT    fine-tune this one
        --num-train-epochs X, --learning-rate X, --per-device-train-batch-size N
        --augmentation PRESET      see fer-hub contact-sheet
        --output-dir FOLDER        for checkpoint-*, report/ and final/
        --resume                   go on after an interruption
        --push-to-hub --hub-model-id OWNER/NAME

    All of them: fer-hub train --help-all
    """
    from fer_hub.training.main import main
    from fer_hub.training.memory import keep_memory

    keep_memory()
    try:
        main(["--help" if word == "--help-all" else word for word in context.args], prog=context.command_path)
    except KeyboardInterrupt:
        raise Interrupted("interrupted; the same command with --resume goes on from the last checkpoint.") from None
