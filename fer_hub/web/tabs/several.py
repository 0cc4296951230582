"""The tab for several photos at once."""

import json
from pathlib import Path

import gradio as gr

from fer_hub.drawing import draw
from fer_hub.web.downloads import CSV_HEADERS, HEADERS, as_csv, csv_rows, save, save_picture, table
from fer_hub.web.endpoints import find, takes_long
from fer_hub.web.service import Service
from fer_hub.web.tabs.faces import count
from fer_hub.web.tabs.notes import busy, problem, told
from fer_hub.web.tabs.photo import LIMITS, thorough_checkbox
from fer_hub.web.turns import IN_FLIGHT, Turns
from fer_hub.web.uploads import MAX_PHOTOS, Photos, photograph

MISSING = "The photos are missing; choose some files first."
NOT_ANALYSED = "These could not be analysed; choose other photos."


def add_several_tab(
    service: Service, model: gr.Dropdown, min_score: gr.Slider, prior: gr.Dropdown, detection_model: gr.Dropdown,
    turns: Turns,
) -> None:  # fmt: skip
    """Several photos at once: a gallery of annotated photos, one table, one JSON."""

    async def analyse(
        photos: list[tuple[str, Path]], model: str, min_score: float, thorough: bool, prior: str, detection_model: str
    ):
        if not photos:
            yield *empty(), problem(MISSING)
            return
        gallery, rows, lines, reports, unread = [], [], [], [], []
        for number, (name, path) in enumerate(photos):
            yield *empty(), busy(f"{number} of {len(photos)} photos", number / len(photos))
            slow = thorough or await takes_long(service, turns, path, model)  # a turn for each: others come between
            try:
                one = await turns.run(slow, search, path, model, min_score, thorough, prior, detection_model)
            except gr.Error as error:  # a setting that does not fit would stop every photo
                yield *empty(), problem(error.message)
                return
            if isinstance(one, str):  # the others are still analysed
                unread.append(f"Not read: {name}: {one}")
                rows.append([name, "not read"])
                lines.append([name, "not read"])
                reports.append({"file": name, "error": one})
                continue
            picture, report, faces = one
            gallery.append((picture, f"{name}: {count(faces)}"))
            rows += [[name, *row] for row in table(faces)] or [[name, "no face"]]
            lines += [[name, *row] for row in csv_rows(report)] or [[name, "no face"]]
            reports.append({"file": name, **report})
        header = ["file", *CSV_HEADERS, *service.labels(model)]
        texts = {"faces.json": json.dumps(reports, indent=1), "faces.csv": as_csv(_filled(lines, header), header)}
        done = told(f"{len(gallery)} of {len(photos)} photos analysed.") + "".join(map(problem, unread))
        yield (
            gr.Gallery(gallery, visible=bool(gallery)),
            gr.Dataframe(_filled(rows, ["file", *HEADERS]), visible=True),
            gr.File(save(texts), visible=True),
            done,
        )

    def search(path: Path, model: str, min_score: float, thorough: bool, prior: str, detection_model: str):
        """(annotated picture, report, faces) of a photo, or the sentence why it cannot be read."""
        try:
            image = photograph(path.read_bytes())
        except gr.Error as error:
            return error.message
        faces = find(service, image, model, min_score, thorough, prior, detection_model)
        return save_picture(draw(image, faces)), service.report(image, faces, model), faces

    def empty() -> tuple:
        return gr.Gallery([], visible=False), gr.Dataframe([], visible=False), gr.File([], visible=False)

    gr.Markdown(f"At most **{MAX_PHOTOS} photos** at once. {LIMITS} each.")
    photos = Photos(label="Photos", file_count="multiple", elem_id="photos", height=180)
    thorough = thorough_checkbox("thorough-several")
    start = gr.Button("Analyse", variant="primary", elem_id="analyse-several")
    note = gr.HTML("", elem_id="several-note", js_on_load=None)
    gallery = gr.Gallery(
        label="Annotated photos", columns=3, format="jpeg", object_fit="contain", elem_id="gallery",
        buttons=["download", "fullscreen"], visible=False,
    )  # fmt: skip
    rows = gr.Dataframe(headers=["file", *HEADERS], label="All faces", interactive=False, visible=False)
    files = gr.File(
        label="JSON and CSV", file_count="multiple", interactive=False, elem_id="several-files", visible=False
    )
    start.click(
        analyse, [photos, model, min_score, thorough, prior, detection_model], [gallery, rows, files, note],
        api_visibility="private", concurrency_id="photo", concurrency_limit=IN_FLIGHT, show_progress="hidden",
    ).failure(
        lambda: problem(NOT_ANALYSED), None, note, queue=False, api_visibility="private", show_progress="hidden"
    )  # fmt: skip


def _filled(rows: list[list], header: list[str]) -> list[list]:
    """Rows as long as their header."""
    return [row + [None] * (len(header) - len(row)) for row in rows]
