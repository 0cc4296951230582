"""Train a facial expression network on FER-2013 or on your own photos, and write a checkpoint for the Hub.

    python train.py --data path/to/fer2013
    python train.py --recipe photographs --data path/to/fer2013     # options from recipes/photographs.json
    python train.py --data path/to/fer2013 --architecture scratch_cnn --num-train-epochs 100
    python train.py --data path/to/fer2013 --resume            # continue after an interruption
    python train.py --data my_photos --images photographs --start-from ./checkpoints/fer2013 --learning-rate 0.003 \\
        --num-train-epochs 10 --per-device-train-batch-size 32 --output-dir runs/mine   # custom classes
    torchrun --nproc-per-node 2 train.py --data path/to/fer2013                      # on several GPUs
    python train.py --data path/to/fer2013 --push-to-hub --hub-model-id owner/name   # and publish the result

`--data` is a Hub dataset id, a parquet folder or file, the Kaggle CSV or an image folder (see `fer_hub/data`), of
FER-2013 or with any other classes, which the network then predicts: a folder `<class>/<images>` or
`<split>/<class>/<images>` is enough. With `--images photographs` the largest face of each photo is detected and
cropped; `faces.csv` in `--output-dir` lists the boxes, and the photos without a face, which are left out.
The epoch is selected on the validation split; the test split is evaluated once, at the end. All output is in
`--output-dir`: `checkpoint-*` folders for resuming, `report/` with metrics and figures, and `final/`, the
checkpoint: config.json, model.safetensors, preprocessor_config.json, the code files, metrics.json,
training_args.json, training_log.json and .csv, and README.md with its figures. `--recipe` reads options from a file,
such as the training_args.json of any checkpoint; the command line overrides them. All options of transformers'
TrainingArguments are available.
"""

import logging
import os
import sys
from datetime import date
from pathlib import Path

# Two processes on two cores starve each other when idle threads spin; must be set before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
if os.environ.get("RANK", "0") != "0":  # with torchrun; only the first process shows progress
    os.environ["TQDM_DISABLE"] = "1"

import numpy as np
from transformers import EarlyStoppingCallback, set_seed

from fer_hub import __version__
from fer_hub.data import decode_images, prepare, targets, write_faces
from fer_hub.data.duplicates import without_duplicates
from fer_hub.data.duplicates_file import known_copies, load_groups
from fer_hub.environment import print_every_letter
from fer_hub.evaluation.measuring import measure_trained
from fer_hub.hub import publish_model, take_over_push
from fer_hub.hub.afterwards import Afterwards
from fer_hub.hub.checkpoint import write_checkpoint, write_network
from fer_hub.model import FERConfig, FERForImageClassification, FERImageProcessor
from fer_hub.training.augmentation import PRESETS
from fer_hub.training.fine_tuning import continue_from, fit_last_layer
from fer_hub.training.parser import FERArgumentParser
from fer_hub.training.recipe import recipe
from fer_hub.training.refit import refit_last_layer
from fer_hub.training.resuming import find_checkpoint
from fer_hub.training.saving import check_shared_memory, room_on_disk
from fer_hub.training.soft_labels import class_shares
from fer_hub.training.starting import check_start, load_pretrained
from fer_hub.training.trainer import FaceDataset, FERTrainer, TrainingClock

logger = logging.getLogger("fer_hub.train")


def main(argv: list[str] | None = None, *, prog: str = "train.py") -> dict:
    """Train with the options of the command line `argv`; returns the content of `final/metrics.json`."""
    print_every_letter()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for name in ("httpx", "httpx2"):  # the Hub's client would log every request
        logging.getLogger(name).setLevel(logging.WARNING)
    data_args, model_args, args = FERArgumentParser(__doc__, prog).parse_args_into_dataclasses(argv)
    if args.process_index > 0:  # with torchrun; only the first process logs
        logging.getLogger().setLevel(logging.ERROR)
    check_start(model_args)
    if data_args.duplicates:
        if not data_args.drop_duplicates:
            raise ValueError("--duplicates must stand beside --drop-duplicates, which uses the file; add that option.")
        load_groups(Path(data_args.duplicates))
    if data_args.patience and args.eval_strategy == "no":
        raise ValueError("patience must be left out where nothing is evaluated; choose another --eval-strategy.")
    last_checkpoint = find_checkpoint(args.output_dir, data_args.resume)
    destination = take_over_push(args)  # fails now rather than after training; the Trainer itself pushes nothing
    set_seed(args.seed)

    # data: decoded once, kept in memory
    new_size = FERConfig().image_size if model_args.image_size is None else model_args.image_size
    prepared = prepare(
        data_args.data,
        images=data_args.images,
        size=FERConfig.from_pretrained(model_args.start_from).image_size if model_args.start_from else new_size,
        ferplus_csv=data_args.ferplus_csv,
        validation_fraction=data_args.validation_fraction,
        seed=args.data_seed or 0,
        image_column=data_args.image_column,
        label_column=data_args.label_column,
        label_names=data_args.label_names or (),
    )
    splits = prepared.splits
    if prepared.photographs and args.process_index == 0:
        write_faces(Path(args.output_dir) / "faces.csv", prepared.photographs)
    labels = data_args.labels
    measured = "ferplus" if labels == "both" else labels  # the mean of labels and votes is used for training only
    wanted = {name: targets(split, measured) for name, split in splits.items()}
    wanted["train"] = targets(splits["train"], labels, data_args.label_share)
    classes = list(wanted["train"].names)

    # model: new, or continued from a checkpoint
    if model_args.start_from:
        model, image_processor, new_classes = continue_from(model_args.start_from, classes, say=logger.info)
    else:
        config = FERConfig(
            architecture=model_args.architecture,
            image_size=new_size,
            dropout=model_args.dropout,
            id2label=dict(enumerate(classes)),
            **model_args.sizes(),
        )
        model = FERForImageClassification(config)
        image_processor = FERImageProcessor(size={"height": new_size, "width": new_size})
        model_args.pretrained = load_pretrained(model, model_args.pretrained, resuming=last_checkpoint is not None)
    if model_args.stretch is not None:
        image_processor.stretch = model_args.stretch
    model_args.stretch = image_processor.stretch
    logger.info(f"{model.config.architecture}: {model.num_parameters():,} parameters, {args.device}, bf16 {args.bf16}")

    size = model.config.image_size
    images = {name: decode_images(split, size)[wanted[name].rows] for name, split in splits.items()}
    if data_args.drop_duplicates:
        if data_args.duplicates:
            left_out = known_copies(Path(data_args.duplicates), {name: len(split) for name, split in splits.items()})
            kept = np.flatnonzero(~np.isin(wanted["train"].rows, left_out))
        else:
            kept = without_duplicates(images["train"], images["validation"], images["test"], progress=True)
        logger.info(f"train: {len(images['train']) - len(kept):,} near-duplicates of validation and test left out")
        images["train"], wanted["train"] = images["train"][kept], wanted["train"].only(kept)
    classes_of = {name: target.classes for name, target in wanted.items()}
    if model_args.start_from and new_classes and not last_checkpoint:
        fit_last_layer(model, image_processor, images["train"], classes_of["train"])
    learnt = wanted["train"].votes if labels in ("ferplus_votes", "both") else classes_of["train"]
    model.config.class_shares = class_shares(learnt, len(classes))
    trainer = FERTrainer(
        model=model,
        args=args,
        image_processor=image_processor,
        augmentation=PRESETS[data_args.augmentation],
        train_dataset=FaceDataset(images["train"], learnt),
        eval_dataset=FaceDataset(images["validation"], classes_of["validation"]),
        callbacks=[TrainingClock(), *([EarlyStoppingCallback(data_args.patience)] if data_args.patience else [])],
    )
    check_shared_memory(
        trainer.train_dataset, args.dataloader_num_workers, args.train_batch_size, args.dataloader_prefetch_factor
    )
    with room_on_disk(args.output_dir, "trains on"):
        trainer.train(resume_from_checkpoint=last_checkpoint)
    clock = next(callback for callback in trainer.callback_handler.callbacks if isinstance(callback, TrainingClock))
    if not trainer.is_world_process_zero():
        return {}

    # evaluate the selected epoch: validation again, test once; without accelerate's bfloat16 wrapper
    model = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)
    about = {
        "data": prepared.about,
        "training": {
            "date": date.today().isoformat(),
            "fer_hub": __version__,
            "epochs": trainer.state.epoch,
            "chosen_step": trainer.state.best_global_step if args.load_best_model_at_end else trainer.state.global_step,
            "steps": trainer.state.global_step,
            "seconds": round(clock.seconds, 1),
            "timed_from_step": clock.from_step,
            "device": str(args.device),
            "train_images": len(images["train"]),
        },
    }
    options = recipe(data_args, model_args, args)
    folder, afterwards = Path(args.output_dir) / "final", Afterwards()
    with room_on_disk(args.output_dir, "saves the network, without training again,"):
        write_network(folder, model, image_processor, training_args=options, log=trainer.state.log_history)
    if model_args.refit_last_layer:
        with afterwards.step("fitting the last layer", "the same command with --resume does it without training again"):
            refit_last_layer(
                model,
                image_processor,
                images["train"],
                learnt,
                PRESETS[data_args.augmentation],
                progress="fit the last layer",
            )
    metrics = measure_trained(
        model,
        image_processor,
        images,
        wanted,
        calibrate=model_args.calibrate,
        degraded=model_args.calibrate_degraded,
        report=Path(args.output_dir) / "report",
        say=logger.info,
        afterwards=afterwards,
    )
    metrics |= about | {"training": about["training"] | {"parameters": model.num_parameters()}}
    log = trainer.state.log_history
    write_checkpoint(
        folder, model, image_processor, metrics=metrics, training_args=options, log=log, afterwards=afterwards
    )
    for split in ("validation", "test"):
        logger.info(f"{split}: accuracy {metrics[split]['accuracy']:.4f}, macro-F1 {metrics[split]['macro_f1']:.4f}")
    logger.info(f"checkpoint: {folder}")
    if destination:
        again = f"fer-hub publish model {folder} {destination['repo_id']} sends it again"
        with afterwards.step("the upload", again):
            publish_model(folder, **destination, say=logger.info)
    if afterwards.failed:
        raise SystemExit(1)
    return metrics
