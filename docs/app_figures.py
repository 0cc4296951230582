"""The figures of docs/operators.md: what the page weighs, and the memory that photos take."""

from docs.markdown import table, wrap


def page(figures: dict) -> str:
    """results/page.json as Markdown: the page beside a bare `gr.Interface`."""
    ours, bare = figures["page"], figures["bare"]
    rows = [
        [what, form.format(ours[name]), form.format(bare[name])]
        for what, name, form in (
            ("performance score", "score", "{:.2f}"), ("transferred", "kib", "{:.0f} KiB"),
            ("requests", "requests", "{:.0f}"), ("first paint", "first_paint", "{:.1f} s"),
            ("largest paint", "largest_paint", "{:.1f} s"),
        )
    ]  # fmt: skip
    missed = []
    if ours["score"] < bare["score"]:
        missed.append("The score is below the bare page's: gradio builds a component for each of the page's controls.")
    if figures["ratio"] > figures["goals"]["ratio"]:
        missed.append("It weighs more than it should.")
    said = (
        f"Lighthouse {figures['lighthouse']} with its phone on a slow mobile network, the page and a bare "
        f"`gr.Interface` in turns (`python -m benchmarks.page_weight`). The page weighs {figures['ratio']:.2f} times "
        f"as much; the goal is at most {figures['goals']['ratio']} times, and no lower a score. {' '.join(missed)}"
    )
    result = wrap(f"On a computer without throttling the first result is shown after {figures['first_result']:.1f} s.")
    return "\n\n".join([wrap(said), table(["", "the page", "bare"], rows), result])


def memory(figures: dict) -> str:
    """results/image_memory.json as Markdown: the peak for each format."""
    rows = [
        [name, f"{row['file_mb']:.1f} MB", f"{row['peak_mb']:.0f} MB", f"{row['seconds']:.2f} s"]
        for name, row in sorted(figures["formats"].items(), key=lambda pair: -pair[1]["peak_mb"])
    ]
    said = (
        f"Peak memory while a photo of {figures['pixels'] // 10**6} million pixels, the most that the page takes, is "
        f"decoded (`python -m benchmarks.image_memory`): at most {figures['peak_mb']:.0f} MB. Formats that nobody "
        f"needs are refused by their kind: {', '.join(figures['refused'])}."
    )
    return "\n\n".join([wrap(said), table(["format", "file", "peak", "time"], rows)])


def operators(page_figures: dict, memory_figures: dict) -> str:
    """The generated part of docs/operators.md."""
    parts = ["## What the page weighs", page(page_figures), "## What a photo takes", memory(memory_figures)]
    return "\n\n".join(parts)
