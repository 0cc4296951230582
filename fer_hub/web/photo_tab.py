"""The tab for photographs: one with a closer look at every face, or several at once."""

import json
from collections.abc import Sequence
from pathlib import Path

import gradio as gr
from PIL import Image

from fer_hub.drawing import draw
from fer_hub.results import FacePrediction
from fer_hub.web.downloads import HEADERS, as_csv, downloads, save, save_picture, table
from fer_hub.web.endpoints import find, largest
from fer_hub.web.sentences import refuse
from fer_hub.web.service import Service
from fer_hub.web.uploads import Photo, Photos, photograph

NO_FACE = "No face was found. Try a photograph in which a face is larger, or lower the detector confidence."


def add_photo_tab(service: Service, model: gr.Dropdown, min_score: gr.Slider, examples: Sequence[str]) -> None:
    """Photograph in, boxes out; a click on a face or a choice in the list shows all its probabilities."""

    def nothing():
        return None, None, gr.Radio(choices=[], value=None, visible=False), [], None, [], "", {}

    def analyse(image: Image.Image | None, model: str, min_score: float):
        if image is None:
            return nothing()
        faces = find(service, image, model, min_score)
        names = face_names(faces)
        note = f"{count(faces)} found." if faces else NO_FACE
        choice = gr.Radio(choices=names, value=names[0] if names else None, visible=len(names) > 1)
        annotated = draw(image, faces)
        report = service.report(image, faces, model)
        files, known = downloads(annotated, report), dict(zip(names, report["faces"], strict=True))
        return files[0], largest(faces), choice, table(faces), report, files, note, known

    def choose(name: str | None, faces: dict | None):
        return (faces or {}).get(name, {}).get("probabilities")

    def click(faces: dict | None, event: gr.EventData):  # gr.SelectData fails where a client sends no index
        place = event._data.get("index") if isinstance(event._data, dict) else None
        if not isinstance(place, list) or not all(isinstance(part, (int, float)) for part in place) or len(place) != 2:
            return gr.skip()
        x, y = place
        hit = [
            name for name, face in (faces or {}).items()
            if face["box"]["xmin"] <= x <= face["box"]["xmax"] and face["box"]["ymin"] <= y <= face["box"]["ymax"]
        ]  # fmt: skip
        return hit[-1] if hit else gr.skip()  # the smallest, where boxes overlap

    with gr.Row():
        with gr.Column():
            photo = Photo(label="Photograph", sources=["upload", "webcam", "clipboard"], elem_id="photo")
            gr.Examples(list(examples), photo, label="Example photographs (public domain)", cache_examples=False)
        with gr.Column():
            note = gr.Markdown(elem_id="photo-note")
            annotated = gr.Image(
                label="Faces; click one to see its probabilities", format="jpeg", interactive=False,
                elem_id="annotated", buttons=["download", "fullscreen"],
            )  # fmt: skip
            chosen = gr.Radio([], label="Face", visible=False, elem_id="faces")
            probabilities = gr.Label(label="Probabilities of the chosen face", elem_id="probabilities")
    with gr.Accordion("All faces: table, JSON and downloads", open=False):
        rows = gr.Dataframe(headers=HEADERS, label="Faces, the largest first", interactive=False)
        files = gr.File(label="Annotated picture, JSON and CSV", file_count="multiple", interactive=False)
        report = gr.JSON(label="Answer of /predict")
    known = gr.State({})  # name in the list → face
    outputs = [annotated, probabilities, chosen, rows, report, files, note, known]
    # an error leaves old outputs standing, so they are cleared before the new photograph is looked at
    cleared = photo.change(nothing, None, outputs, queue=False, api_visibility="private")
    cleared.then(
        analyse, [photo, model, min_score], outputs, api_visibility="private", concurrency_id="photo",
        concurrency_limit=2,
    )  # fmt: skip
    for setting in (model, min_score):
        setting.input(
            analyse, [photo, model, min_score], outputs, api_visibility="private", concurrency_id="photo",
            show_progress="hidden",
        )  # fmt: skip
    chosen.change(choose, [chosen, known], probabilities, queue=False, api_visibility="private")
    annotated.select(click, known, chosen, queue=False, api_visibility="private")


def add_batch_tab(service: Service, model: gr.Dropdown, min_score: gr.Slider) -> None:
    """Several photographs at once: a gallery of annotated pictures, one table, one JSON."""

    def analyse(photos: list[tuple[str, Path]], model: str, min_score: float, progress=gr.Progress()):  # noqa: B008
        if not photos:
            raise refuse("the photographs must be given, got none; choose some files first.")
        gallery, rows, reports = [], [], []
        for name, path in progress.tqdm(photos, unit="photos"):
            try:
                image = photograph(path.read_bytes())
            except gr.Error as error:
                raise refuse(f"{name}: {error.message}") from None
            faces = find(service, image, model, min_score)
            gallery.append((save_picture(draw(image, faces)), f"{name}: {count(faces)}"))
            rows += [[name, *row] for row in table(faces)] or [[name, "no face", *[None] * (len(HEADERS) - 1)]]
            reports.append({"file": name, **service.report(image, faces, model)})
        texts = {"faces.json": json.dumps(reports, indent=1), "faces.csv": as_csv(rows, ("file", *HEADERS))}
        return gallery, rows, save(texts)

    photos = Photos(label="Photographs, at most 20", file_count="multiple", elem_id="photos")
    start = gr.Button("Analyse", variant="primary")
    gallery = gr.Gallery(
        label="Annotated photographs", columns=3, format="jpeg", object_fit="contain", elem_id="gallery",
        buttons=["download", "fullscreen"],
    )  # fmt: skip
    rows = gr.Dataframe(headers=["file", *HEADERS], label="All faces", interactive=False)
    files = gr.File(label="JSON and CSV", file_count="multiple", interactive=False)
    start.click(
        analyse, [photos, model, min_score], [gallery, rows, files], api_visibility="private", concurrency_id="photo"
    )


def count(faces: Sequence[FacePrediction]) -> str:
    """How many faces there are, in words.

    >>> count([])
    '0 faces'
    """
    return f"{len(faces)} face{'' if len(faces) == 1 else 's'}"


def face_names(faces: Sequence[FacePrediction]) -> list[str]:
    """One line for each face, by which a person chooses it: its number, emotion and probability."""
    return [
        f"{number} {face.emotion} {face.probabilities[face.emotion]:.0%}" for number, face in enumerate(faces, start=1)
    ]
