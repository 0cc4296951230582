"""The table of docs/alternatives.md: fer_hub beside packages that were measured in the same run."""

from docs.markdown import percent, span, table, wrap

NAMES = {"fer_hub": "fer_hub", "fer": "`fer`", "facex": "`facex`", "face-api": "`@vladmandic/face-api`"}
"""Row of the file → what the table calls it."""


def peers(figures: dict) -> list[str]:
    """A heading, what was measured, a table and who could not be; empty where nothing was measured."""
    if not figures:
        return []
    rows = figures["rows"]
    lines: list[tuple[str, list[str]]] = [
        ("CPU ms, a frame of 640x480 with one face", [f"{row['frame_ms']:.0f}" for row in rows.values()]),
        ("CPU ms, a photograph of 350 px from its file", [f"{row['cpu_ms']:.0f}" for row in rows.values()]),
        ("such photographs a second on one core, on two",
         [f"{row['per_second'][0]:.1f}, {row['per_second'][1]:.1f}" for row in rows.values()]),
        ("CPU seconds to the first result of a process", [f"{row['start_seconds']:.1f}" for row in rows.values()]),
        ("peak memory, MiB", [f"{row['peak_mib']:.0f}" for row in rows.values()]),
        ("installed with all it requires, MB", [f"{row['installed_mb']:,.0f}" for row in rows.values()]),
        ("accuracy, FER-2013 on a canvas",
         [f"{percent(row['faces']['accuracy'])} ({span(row['faces']['interval'])})" for row in rows.values()]),
        ("of these missed by the detector", [f"{row['faces']['missed']}" for row in rows.values()]),
        ("accuracy of the network alone, told where the face is",
         [f"{percent(row['alone']['accuracy'])} ({span(row['alone']['interval'])})" for row in rows.values()]),
        ("recall of faces in groups",
         [f"{percent(row['groups']['recall'])} ({span(row['groups']['interval'])})" for row in rows.values()]),
        ("precision there", [percent(row["groups"]["precision"]) for row in rows.values()]),
    ]  # fmt: skip
    first = next(iter(rows.values()))
    said = wrap(
        "On one machine within half an hour, each package as its own page shows it, with its defaults "
        "(`python -m benchmarks.peers`, its parts one after the other; photographs a second are the best of three "
        f"runs): {figures['images']} of FER-2013's test images and {figures['photographs']} "
        f"photographs of groups with {first['groups']['faces']} marked faces from 24 px, both drawn with seed "
        f"{figures['seed']}; intervals are 95 %. `@vladmandic/face-api` runs on TensorFlow.js's WebAssembly in Node, "
        "as its faster native library is in no package. The machine was busy with other work, so that a second core "
        "was rarely free: photographs a second on two cores say little (docs/many_photographs.md has ours from a "
        "quieter hour), CPU times more."
    )
    others = ", ".join(f"`{name}`" for name in figures["not_measured"])
    missing = wrap(f"Not measured: {others}. Their networks are not in their packages but fetched at first use.")
    seen = wrap(
        "FER-2013's faces are cut off at hairline and chin, and our framing was chosen on them: detectors of others "
        "miss what is no whole head, the SSD network of `@vladmandic/face-api` nearly all. Networks alone are closer. "
        "The score from which fer_hub takes a face was chosen on photographs of groups, these among them; a box counts "
        "as right from an overlap of 0.4, which large boxes of Haar cascades do not always reach."
    )
    head = ["", *(NAMES[name] for name in rows)]
    return [
        "## Measured beside each other",
        said,
        table(head, [[name, *cells] for name, cells in lines]),
        seen,
        missing,
    ]
