"""The figures of docs/transformers.md and docs/tests.md: which tests pass, and what they notice."""

from collections.abc import Sequence

from docs.markdown import percent, table, wrap
from docs.sources import Files


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
