"""The figures that documents state, as Markdown made from the files of checkpoints/ and results/."""

from docs import app_figures, face_figures, speed_figures
from docs.check_figures import library_tests, mutants
from docs.comparison_figures import alternatives, base_rates
from docs.markdown import percent, span, table, wrap
from docs.sources import LABELS, WAYS, Files, missed
from fer_hub.files import read_json
from fer_hub.hub.card_facts import card_facts, wilson


def front(files: Files) -> str:
    """The short table of README.md."""
    rows = []
    for name, metrics in files.metrics.items():
        test = metrics["test"]
        rows.append([
            f"`{name}`", LABELS[files.kinds[name]], str(len(test["recall"])), f"{test['images']:,}",
            f"**{percent(test['accuracy'])}** ({span(test['accuracy_interval'])})", f"{test['macro_f1']:.3f}",
            percent(test["calibration_error"]), f"{metrics['training']['parameters']:,}",
        ])  # fmt: skip
    head = ["checkpoint", "labels", "expressions", "test images", "accuracy (95 % interval)", "macro-F1",
            "calibration error", "parameters"]  # fmt: skip
    said = (
        "One forward pass per image; epoch (of `photographs` the last one) and temperature were chosen on validation, "
        "test chose nothing. Rows with other labels cannot be compared: the labels differ, and so do the images."
    )
    return f"{table(head, rows)}\n\n{wrap(f'{said} {ceiling(files)} {clean(files)}')}"


def ceiling(files: Files) -> str:
    """How good the labels are."""
    known = read_json(files.root / "fer_hub" / "assets" / "fer2013_labels.json")
    same, agrees = (percent(known[name]["share"]) for name in ("label_is_plurality", "annotator_agrees"))
    return (
        f"The labels limit every figure: FER-2013's is the one with the most FER+ votes on {same} of the test images, "
        f"and one annotator agrees with the others on {agrees}."
    )


def clean(files: Files) -> str:
    """How many test images have a copy elsewhere, and what checkpoints are worth without those."""
    test = files.result("fer2013_duplicates").get("splits", {}).get("test")
    if not test:
        return ""
    measured = [(name, files.result("clean_accuracy").get(f"checkpoints/{name}")) for name in files.metrics]
    each = "; ".join(
        f"`{name}` {percent(row['clean']['accuracy'])} ({span(row['clean']['accuracy_interval'])}) of "
        f"{row['clean']['images']:,} images, on the whole {percent(row['whole']['accuracy'])}"
        for name, row in measured
        if row
    )
    return (
        f"At least {test['copies']['train']:,} of the {test['images']:,} FER-2013 test images show the same photograph "
        f"as an image of the official training images, and {test['copies']['validation']:,} as one of validation, "
        "often cropped anew (results/fer2013_duplicates.json); published figures include them."
        + (f" On test without those copies: {each}." if each else "")
    )


def full(files: Files) -> str:
    """docs/accuracy.md: the rest."""
    parts = [averaged(files), recalls(files), photographs(files), speed(files)]
    return "\n\n".join(part for part in parts if part)


def averaged(files: Files) -> str:
    rows = []
    for name, metrics in files.metrics.items():
        for split in ("validation", "test"):
            row = metrics[split]
            flip = row.get("flip_averaged", {}).get("accuracy")
            interval = f" ({span(wilson(flip * row['images'], row['images']))})" if flip is not None else ""
            rows.append([
                f"`{name}`", split, f"{row['images']:,}",
                f"{percent(row['accuracy'])} ({span(row['accuracy_interval'])})",
                f"{percent(flip)}{interval}" if flip is not None else "-",
                f"{row['macro_f1']:.3f}", f"{row['loss']:.3f}", percent(row["calibration_error"]),
            ])  # fmt: skip
    head = ["checkpoint", "split", "images", "accuracy", "flip-averaged", "macro-F1", "loss", "calibration error"]
    said = wrap(
        "Intervals are 95 %: bootstrap over the images, Wilson's for recalls and for the mean over an image and its "
        "mirror image (`FERPipeline(..., flip_average=True)`, twice the work). The calibration error has 15 bins."
    )
    clear = []
    for name, metrics in files.metrics.items():
        images = metrics["test"].get("clear_majority_images")
        if images:
            share = metrics["test"]["clear_majority_accuracy"]
            clear.append(
                f"On the {images:,} FER+ test images with a clear majority `{name}` has {percent(share)} "
                f"({span(wilson(share * images, images))})."
            )
    return "\n\n".join([table(head, rows), said, *clear])


def recalls(files: Files) -> str:
    parts = ["## Each expression", "Recall on test with its interval, and the precision."]
    for name, metrics in files.metrics.items():
        facts = card_facts(list(metrics["test"]["recall"]), metrics["test"])
        rows = [
            [each["name"], f"{each['images']:,}", f"{percent(each['recall'])} ({span(each['recall_interval'])})",
             "-" if each["precision"] is None else percent(each["precision"])]
            for each in facts["classes"]
        ]  # fmt: skip
        parts.append(table([f"`{name}`", "test images", "recall", "precision"], rows))
    return "\n\n".join(parts)


def photographs(files: Files) -> str:
    known = {name: each["photographs"] for name, each in files.metrics.items() if "photographs" in each}
    if not known:
        return ""
    rows = [
        [said, *(f"{percent(each[way])}{missed(each, way, each['images'])}" for each in known.values())]
        for way, said in WAYS.items()
    ]
    said = wrap(
        "Test images given in three ways; a missed face counts as wrong. They are enlarged crops, and framing was "
        "chosen on images like them, so they say little about real photographs."
    )
    known_ways = table(["how the face reaches the network", *(f"`{name}`" for name in known)], rows)
    return f"## The same faces as photographs\n\n{said}\n\n{known_ways}"


def speed(files: Files) -> str:
    """How fast the networks and the app are, as measured."""
    latency, webcam, load, gpu, cpu = (
        files.result(name) for name in ("latency", "webcam", "load", "throughput_gpu", "throughput")
    )
    rows = [
        [f"`{name}`", f"{each['network']:.2f} ms", f"{each['pipeline']:.2f} ms", f"{each['pipeline_mirrored']:.2f} ms"]
        for name, each in latency["milliseconds"].items()
    ]
    width, height = webcam["frame_size"]
    head = ["checkpoint", "network", "crop to probabilities", "the same with the mirror image"]
    app = wrap(
        f"On {webcam['cores']} CPU cores the webcam tab processes {webcam['app_fps']:.0f} frames of {width}x{height} "
        f"pixels per second in a browser; a page that only echoes them {webcam['echo_fps']:.0f} "
        f"(`benchmarks/webcam_rate.py`). Under load, {load['clients']} clients for {load['seconds']:.0f} seconds: "
        f"{load['good']:,} valid requests answered, {load['requests'] - load['good'] - load['rude']:,} deliberately "
        f"invalid ones rejected, {load['rude']:,} that broke off, left or read slowly, {load['wrong'] or 'no'} wrong "
        f"answers, median {load['median_seconds']:.1f} seconds. Memory changed by {100 * load['memory_growth']:+.1f} "
        f"%, {load['files_left'] or 'no'} file of a visitor was left after the sweep, and a normal photo took "
        f"{load['normal_seconds']:.2f} s, {load['normal_seconds_beside_thorough']:.2f} s beside thorough searches "
        "(`benchmarks/load.py`)."
    )
    training = wrap(
        "The Trainer costs little beside a bare PyTorch loop over the same network, batch and augmentation (`python -m "
        f"benchmarks.throughput`): a ratio of {cpu['ratio']:.3f} on a CPU. On an {gpu['device']} it is "
        f"{gpu['ratio']:.3f}, the median of {gpu['rounds']} rounds, below the {gpu['floor']} that was aimed at: a step "
        f"of the small network is short there, and what the Trainer does in Python adds "
        f"{gpu['overhead_ms_per_step']:.1f} ms."
    )
    said = wrap(
        "Time for one face on one CPU core, batch 1, float32 (`python -m benchmarks.latency`). The three networks are "
        "alike but for the last layer, so what they differ by is the machine's other work:"
    )
    return "\n\n".join(["## Speed", said, table(head, rows), app, training])


def many(files: Files) -> str:
    """docs/many_photographs.md: what the chain costs."""
    return speed_figures.chain(files.result("chain"))


def operators(files: Files) -> str:
    """docs/operators.md: weight of the page, memory of photos."""
    return app_figures.operators(files.result("page"), files.result("image_memory"))


def finding(files: Files) -> str:
    """docs/faces.md: what the detector finds, and what it costs."""
    return face_figures.faces(*(files.result(name) for name in ("detection", "detection_score", "quality")))


def own_classes(files: Files) -> str:
    """docs/training.md: how many photographs a class of one's own needs."""
    found = files.result("fine_tuning")
    said = wrap(
        f"`{found['checkpoint']}` trained as above on {len(found['classes'])} classes that it does not know, made of "
        f"FER-2013's training images: {', '.join(found['classes'])}. Accuracy on {found['tested']} validation images, "
        f"the mean of {len(found['per_class'][0]['of_draws'])} draws, least and most in brackets, and seconds on one "
        "CPU core (`python -m benchmarks.fine_tuning`)."
    )
    rows = [
        [str(row["images"]), f"{percent(row['accuracy'])} ({span([min(row['of_draws']), max(row['of_draws'])])})",
         f"{row['seconds']:.0f}"]
        for row in found["per_class"]
    ]  # fmt: skip
    first, last = found["per_class"][0], found["per_class"][-1]
    advice = wrap(
        f"Begin with what there is: from {first['images']} to {last['images']} images accuracy rises by only "
        f"{100 * (last['accuracy'] - first['accuracy']):.1f} points. That is as good as it gets: the checkpoint was "
        "trained on these images under other names. Classes that divide faces in another way need more."
    )
    return "\n\n".join([said, table(["images of each class", "accuracy", "seconds"], rows), advice])


DOCUMENTS = {
    "README.md": front,
    "docs/accuracy.md": full,
    "docs/alternatives.md": alternatives,
    "docs/faces.md": finding,
    "docs/many_photographs.md": many,
    "docs/operators.md": operators,
    "docs/photographs.md": base_rates,
    "docs/training.md": own_classes,
    "docs/transformers.md": library_tests,
    "docs/tests.md": mutants,
}
"""Document → what makes the figures between its two markers."""
