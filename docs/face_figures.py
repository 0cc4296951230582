"""The figures of docs/faces.md: what the detector finds and costs, what its score and the quality of a face say."""

from docs.markdown import percent, table, wrap

GOALS = {"24-32": 0.77, "32-48": 0.88, "48-64": 0.88, "64-96": 0.88, "96-100000": 0.96}
"""Height of a marked face in pixels → what was aimed at."""

ATTRIBUTE_GOALS = {
    "heavy blur": 0.75, "partly occluded": 0.88, "heavily occluded": 0.65, "odd pose": 0.55, "odd light": 0.90,
}  # fmt: skip
"""Attribute → what was aimed at."""

MOST_NOBODY = 8
"""What was aimed at: most pictures without people in which a face may be seen."""

CUT_GOALS = {"0.4": 0.97, "0.5": 0.92}


def faces(found: dict, scores: dict, quality: dict) -> str:
    """Tables of results/detection.json, results/detection_score.json and results/quality.json as Markdown."""
    return "\n\n".join([*_groups(found), *_press(found), *_costs(found["time"]), *_scores(scores), *_quality(quality)])


def _groups(found: dict) -> list[str]:
    groups, nobody = found["groups"], found["nobody"]
    said = wrap(
        f"On {groups['photographs']} photographs of groups, every face marked, at the default limit of "
        f"{groups['min_score']}: precision {percent(groups['precision'])} ({groups['false']} false), recall of faces "
        f"from 24 pixels {percent(groups['recall from 24'])}, average precision {groups['average_precision']:.3f} "
        f"(`python -m benchmarks.detection`). Of {nobody['pictures']} pictures without people "
        f"{nobody['with_a_face']} show a face, where at most {MOST_NOBODY} were aimed at. The limits were chosen on "
        "these photographs, so others will do a little worse."
    )
    rows = [
        [f"{name.removesuffix('-100000')} px" if "100000" not in name else "from 96 px", str(row["faces"]),
         percent(row["recall"]), percent(GOALS[name])]
        for name, row in groups["height"].items()
    ]  # fmt: skip
    rows += [
        [f"{name}, from 32 px", str(row["faces"]), percent(row["recall"]), percent(ATTRIBUTE_GOALS[name])]
        for name, row in groups["attributes"].items()
    ]  # fmt: skip
    picture = "![Precision and recall over the score, and how true the score is](../results/detection.png)"
    return ["## Groups", said, table(["faces", "marked", "recall", "aimed at"], rows), picture]


def _press(found: dict) -> list[str]:
    turned, cut = found["press"]["turned"], found["press"]["cut"]
    rows = [
        [f"{degrees}°", str(row["photographs"]), percent(row["found"]), percent(row["angle_right"]),
         percent(row["accuracy"])]
        for degrees, row in turned.items()
    ]  # fmt: skip
    said = wrap(
        "Press photographs with one main face, turned: the share whose face is found, found with an angle that is wrong"
        " by at most 20 degrees, and named as labelled."
    )
    cuts = " and ".join(
        f"{percent(row['found'])} where {100 * float(share):.0f} % are cut off (aimed at: {percent(CUT_GOALS[share])})"
        for share, row in cut.items()
    )
    border = wrap(
        f"Of faces that the border of the photograph cuts, {cuts} are found; a face without its eyes hardly ever is, "
        "and a lower limit (`min_score`) finds more of the others."
    )
    head = ["turned by", "photographs", "found", "angle right", "accuracy"]
    return ["## Turned and cut off", said, table(head, rows), border]


def _costs(time: dict) -> list[str]:
    rows = [
        [f"{count} in 1280x960", str(row["found"]), f"{row['ms']:.1f}", f"{row['ratio']:.1f}"]
        for count, row in time["faces"].items()
    ]
    rows += [
        [f"1 in {size} megapixels", str(row["found"]), f"{row['ms']:.1f}", f"{row['ratio']:.1f}"]
        for size, row in time["megapixels"].items()
    ]
    one = time["one face in 640x480"]
    rows.append(["1 in 640x480", str(one["found"]), f"{one['ms']:.1f}", f"{one['ratio']:.1f}"])
    video, followed = time["video"], time["one face followed in 640x480"]["ms"]
    said = wrap(
        "Milliseconds of one CPU core, the least of several, and how many passes of MediaPipe's BlazeFace over the "
        f"same photograph that is. A face that is only followed takes {followed:.1f} ms; in a video of two moving "
        "faces a frame takes "
        f"{video['watched']['ms_per_frame']:.1f} ms and {percent(video['watched']['found'])} of the faces are found, "
        f"{video['searched']['ms_per_frame']:.1f} ms and {percent(video['searched']['found'])} where every frame is "
        "searched."
    )
    return ["## Time", said, table(["faces", "found", "ms", "passes of BlazeFace"], rows)]


def _scores(scores: dict) -> list[str]:
    said = wrap(
        "A detection score is the share of boxes of that score that are faces, whichever detector found them. The "
        "curves are fitted on every second photograph; of the others:"
    )
    rows = [
        [name, f"from {part['from']:.1f}", str(part["boxes"]), percent(part["score"]), percent(part["faces"])]
        for name, report in scores.items()
        for part in report["other_half"]
    ]
    return ["## What a score means", said, table(["detector", "scores", "boxes", "mean score", "faces"], rows)]


def _quality(quality: dict) -> list[str]:
    said = wrap(
        "`quality` predicts errors over all, and of pictures that are blurred, noisy, compressed or small; of undamaged"
        f" and dark ones it does not. {quality['images']:,} validation images of FER-2013, each as it is or made dark, "
        "blurred, noisy, compressed, small or hidden in part, at one of five strengths, sorted by quality and cut into "
        f"fifths: accuracy of each fifth, the worst first (`python -m benchmarks.quality`). A fifth of one kind has "
        f"some {quality['kinds']['undamaged'][0]['images']} images, so that its accuracy is known to about ten points "
        "either way."
    )
    rows = [
        [name, *(f"{percent(part['accuracy'])} (to {part['quality_to']:.2f})" for part in parts)]
        for name, parts in {"all": quality["all"], **quality["kinds"]}.items()
    ]
    return ["## Quality", said, table(["images", *(f"fifth {number}" for number in range(1, 6))], rows)]
