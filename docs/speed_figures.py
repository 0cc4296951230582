"""The figures of docs/many_photographs.md: what the chain from photograph to expressions costs."""

from docs.markdown import table, wrap

PHOTOGRAPHS = {
    "one": ("one face, 640x480", "one face"),
    "tilted": ("one tilted face, 640x480", "one tilted face"),
    "one_large": ("one face, 1280x960", "one face, 1280x960"),
    "twenty": ("twenty large faces, 1280x960", "twenty faces, 1280x960"),
    "small": ("twenty small faces, 1280x960", "twenty small faces, 1280x960"),
}
"""Photograph in the file → what it is, and the name of its time."""

GOALS = {
    "one face": "one face in 640x480, against one pass of MediaPipe's BlazeFace and the network",
    "twenty faces": "twenty large faces in 1280x960, against one face in 640x480",
    "two cores": "photographs a second of `stream` on two cores, against one",
    "two workers": "photographs a second of `fer-hub predict` with two workers, against one",
    "start": "first result of a new process, against loading ONNX Runtime, NumPy, Pillow and two networks",
    "start, of PyTorch's": "first result, against PyTorch",
    "peak memory": "peak memory of one result, MiB",
    "logits apart": "logits of ONNX Runtime and PyTorch, largest difference",
    "other faces": "photographs with other faces on PyTorch",
    "calls, memory": "memory after the last of many calls, against that after a tenth",
    "stream, memory": "the same of a stream",
}
"""Key of the goals in the file → what it says."""


def chain(figures: dict) -> str:
    """Times, goals and memory of results/chain.json as Markdown."""
    photo, before = figures["photo"], figures["before"]
    times = photo["milliseconds"]
    rows = [
        [said, f"{photo['found'][name]}", f"{times[key]:.1f}", f"{before['found'][name]}",
         f"{before['milliseconds'][name]:.1f}"]
        for name, (said, key) in PHOTOGRAPHS.items()
    ]  # fmt: skip
    said = wrap(
        f"Milliseconds of one CPU core from the decoded photograph to the results, medians of {photo['rounds']} rounds "
        f"(`python -m benchmarks.chain`; before: {before['commit']}, on PyTorch). One pass of BlazeFace by MediaPipe "
        f"itself takes {times['one BlazeFace pass']:.1f}, the network {times['network, one face']:.1f} for a face and "
        f"{times['network, twenty faces']:.0f} for twenty; one face without BlazeFace (`--detection-model yunet`) "
        f"{times['one face, YuNet alone']:.1f}."
    )
    photographs = table(["photograph", "faces found", "ms", "found before", "ms before"], rows)
    return "\n\n".join([said, photographs, *_processes(figures), *_goals(figures), *_long(figures)])


def _processes(figures: dict) -> list[str]:
    start, cores, before, video = (figures[name] for name in ("start", "cores", "before", "video"))
    rows = [
        [name, f"{row['cpu_seconds']:.2f}", f"{row['peak_mib']:.0f}"]
        for name, row in (
            ("ONNX Runtime, NumPy and Pillow with both networks loaded", start["floor"]),
            ("first result", start["default"]),
            ("first result, YuNet alone", start["YuNet alone"]),
            ("first result, PyTorch", start["PyTorch"]),
            ("first result, before", before["start"]),
        )
    ]
    said = wrap(
        f"A folder of 350-pixel photographs: {cores['one core']['per_second']:.0f} a second on one core, "
        f"{cores['two cores']['per_second']:.0f} on two; {cores['two processes']['per_second']:.0f} by two processes "
        f"of one core each. Before: {before['cores']['one core']['per_second']:.0f} and "
        f"{before['cores']['two cores']['per_second']:.0f}. A video of 640x480 with one face: {video['analysed']:.0f} "
        f"frames a second of one core, {video['analysed and written']:.0f} where the annotated video is written too."
    )
    return [table(["a new process", "CPU seconds", "peak MiB"], rows), said]


def _goals(figures: dict) -> list[str]:
    rows = []
    for name, row in figures["goals"].items():
        word = "at most" if "at most" in row else "at least"
        rows.append([GOALS[name], f"{row['reached']:.3g}", f"{word} {row[word]:g}", "yes" if row["met"] else "no"])
    return ["What was aimed at:", table(["figure", "reached", "goal", "met"], rows)]


def _long(figures: dict) -> list[str]:
    marks = list(figures["calls"]["mib"])
    rows = [
        [f"{figures[name]['pictures']:,} {said}", *(f"{figures[name]['mib'][mark]:.1f}" for mark in marks)]
        for name, said in (("calls", "calls"), ("stream", "pictures streamed"))
    ]
    crops, photographs = figures["equal"]["crops"], figures["equal"]["photographs"]
    said = wrap(
        f"ONNX Runtime and PyTorch differ by at most {crops['logits_apart']:.1g} in the logits of {crops['crops']:,} "
        f"of FER-2013's test images and {crops['probabilities_apart']:.1g} in the probabilities; on "
        f"{photographs['photographs']} photographs with {photographs['faces']} faces by "
        f"{photographs['probabilities_apart']:.1g}, and {photographs['other_faces'] or 'none'} of them shows other "
        "faces. Resident memory in MiB after a part of a long run:"
    )
    return [said, table(["", *marks], rows)]
