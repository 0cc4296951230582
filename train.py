"""Train a facial expression network on FER-2013 and leave a checkpoint ready for the Hub.

    python train.py --data path/to/fer2013                     # the shipped recipe
    python train.py --data path/to/fer2013 --architecture scratch_cnn --num_train_epochs 100
    python train.py --data path/to/fer2013 --resume            # go on after an interruption
    python train.py --data path/to/fer2013 --push_to_hub --hub_model_id owner/name   # and publish the result

`--data` is a Hub dataset id, a parquet folder or file, the Kaggle CSV or an image folder (see `fer_hub/data`).
The epoch is chosen on the validation split; the test split is looked at once, at the end. Everything lands in
`--output_dir`: `checkpoint-*` folders to resume from, and `final/`, the checkpoint: config.json,
model.safetensors, preprocessor_config.json, the code files, metrics.json, training_args.json, training_log.json
and README.md. Every option of transformers' TrainingArguments is an option here.
"""

import logging
import os
import sys
from pathlib import Path

# Two processes on two cores starve each other when idle threads spin; must be set before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from transformers import EarlyStoppingCallback, HfArgumentParser, set_seed
from transformers.trainer_utils import get_last_checkpoint

from fer_hub.arguments import DataArguments, FERTrainingArguments, ModelArguments, recipe
from fer_hub.augment import PRESETS
from fer_hub.checkpoint import write_checkpoint
from fer_hub.data import decode_images, load_fer2013, targets
from fer_hub.evaluate import measure
from fer_hub.hub import publish_model, take_over_push
from fer_hub.model import FERConfig, FERForImageClassification, FERImageProcessor
from fer_hub.training import FaceDataset, FERTrainer, TrainingClock

logger = logging.getLogger("fer_hub.train")


def main(argv: list[str] | None = None) -> dict:
    """Train as the command line says; returns what `final/metrics.json` holds."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for name in ("httpx", "httpx2"):  # the Hub's client would log every request
        logging.getLogger(name).setLevel(logging.WARNING)
    parser = HfArgumentParser((DataArguments, ModelArguments, FERTrainingArguments), description=__doc__)
    data_args, model_args, args = parser.parse_args_into_dataclasses(argv)
    last_checkpoint = find_checkpoint(args.output_dir, data_args.resume)
    destination = take_over_push(args)  # refused now rather than after training; the Trainer itself pushes nothing
    set_seed(args.seed)

    # data: decoded once, kept in memory
    splits = load_fer2013(
        data_args.data,
        ferplus_csv=data_args.ferplus_csv,
        validation_fraction=data_args.validation_fraction,
        seed=args.data_seed or 0,
    )
    wanted = {name: targets(split, data_args.labels) for name, split in splits.items()}
    names = wanted["train"].names

    # model: new, or continued from a checkpoint
    if model_args.start_from:
        model = FERForImageClassification.from_pretrained(model_args.start_from)
        image_processor = FERImageProcessor.from_pretrained(model_args.start_from)
    else:
        config = FERConfig(
            architecture=model_args.architecture, dropout=model_args.dropout, id2label=dict(enumerate(names))
        )
        model, image_processor = FERForImageClassification(config), FERImageProcessor()
    logger.info(f"{model.config.architecture}: {model.num_parameters():,} parameters, {args.device}, bf16 {args.bf16}")

    images = {
        name: decode_images(split, model.config.image_size)[wanted[name].rows] for name, split in splits.items()
    }
    labels = {name: target.classes for name, target in wanted.items()}
    soft = data_args.labels == "ferplus_votes"
    trainer = FERTrainer(
        model=model,
        args=args,
        image_processor=image_processor,
        augmentation=PRESETS[data_args.augmentation],
        train_dataset=FaceDataset(images["train"], wanted["train"].votes if soft else labels["train"]),
        eval_dataset=FaceDataset(images["validation"], labels["validation"]),
        callbacks=[TrainingClock(), *([EarlyStoppingCallback(data_args.patience)] if data_args.patience else [])],
    )
    trainer.train(resume_from_checkpoint=last_checkpoint)
    clock = next(callback for callback in trainer.callback_handler.callbacks if isinstance(callback, TrainingClock))
    if not trainer.is_world_process_zero():
        return {}

    # the chosen epoch, measured: validation again, test this once; without accelerate's bfloat16 wrapper
    model = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)
    metrics = {
        split: measure(model, image_processor, images[split], labels[split], progress=f"evaluate {split}")
        for split in ("validation", "test")
    }
    metrics["training"] = {
        "epochs": trainer.state.epoch,
        "chosen_step": trainer.state.best_global_step,
        "steps": trainer.state.global_step,
        "seconds": round(clock.seconds, 1),
        "timed_from_step": clock.from_step,
        "parameters": model.num_parameters(),
        "device": str(args.device),
        "train_images": len(images["train"]),
    }
    final = write_checkpoint(
        Path(args.output_dir) / "final",
        model,
        image_processor,
        metrics=metrics,
        training_args=recipe(data_args, model_args, args),
        log=trainer.state.log_history,
    )
    for split in ("validation", "test"):
        logger.info(f"{split}: accuracy {metrics[split]['accuracy']:.4f}, macro-F1 {metrics[split]['macro_f1']:.4f}")
    logger.info(f"checkpoint: {final}")
    if destination:
        publish_model(final, **destination, say=logger.info)
    return metrics


def find_checkpoint(output_dir: str, resume: bool) -> str | None:
    """The checkpoint to go on from; refuses to mix a new run into the folder of an old one."""
    last = get_last_checkpoint(output_dir) if os.path.isdir(output_dir) else None
    if resume and last is None:
        raise SystemExit(f"--resume needs a checkpoint-* folder in {output_dir}, found none; leave --resume out.")
    if last is not None and not resume:
        raise SystemExit(
            f"output_dir must be a folder without an earlier run, {output_dir} holds {Path(last).name}; add --resume "
            "to go on with it, or choose another --output_dir."
        )
    return last if resume else None


if __name__ == "__main__":
    main()
