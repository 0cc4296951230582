"""The tab for one photo, with the probabilities of every face."""

from collections.abc import Sequence

import gradio as gr
from PIL import Image

from fer_hub.detection.quality import TOO_POOR, weakness
from fer_hub.drawing import draw
from fer_hub.results import FacePrediction
from fer_hub.web.downloads import HEADERS, downloads, table
from fer_hub.web.endpoints import AT_ONCE, find, largest
from fer_hub.web.service import Service
from fer_hub.web.texts import thorough_costs
from fer_hub.web.uploads import MAX_PHOTO_BYTES, MAX_PIXELS, Photo

LIMITS = f"At most {MAX_PHOTO_BYTES // 10**6} MB and {MAX_PIXELS // 10**6} million pixels"

NO_PHOTO = f"Upload, drop, paste or take a photo, or choose an example. {LIMITS}."
NO_FACE = "No face was found. Try a photo in which a face is larger, or lower the detector confidence{}."
NOT_ANALYSED = "This could not be analysed. Please choose another photo."


def add_photo_tab(
    service: Service, model: gr.Dropdown, min_score: gr.Slider, prior: gr.Dropdown, examples: Sequence[str]
) -> None:
    """Shows the boxes of a photo; clicking a face or selecting it in the list shows all its probabilities."""

    def nothing(note: str = ""):
        return None, None, gr.Radio(choices=[], value=None, visible=False), [], None, [], note, {}

    def analyse(image: Image.Image | None, model: str, min_score: float, thorough: bool, prior: str):
        if image is None:
            return nothing(NO_PHOTO)
        faces = find(service, image, model, min_score, thorough, prior)
        names = face_names(faces)
        note = f"{count(faces)} found." if faces else NO_FACE.format("" if thorough else ", or search thoroughly")
        note += "".join(poor_faces(image, faces))
        choice = gr.Radio(choices=names, value=names[0] if names else None, visible=len(names) > 1)
        annotated = draw(image, faces)
        report = service.report(image, faces, model)
        files, known = downloads(annotated, report), dict(zip(names, report["faces"], strict=True))
        return files[0], largest(faces), choice, table(faces), report, files, note, known

    def choose(name: str | None, faces: dict | None):
        return (faces or {}).get(name, {}).get("probabilities")

    def click(faces: dict | None, event: gr.EventData):  # gr.SelectData fails if a client sends no index
        place = event._data.get("index") if isinstance(event._data, dict) else None
        if not isinstance(place, list) or not all(isinstance(part, (int, float)) for part in place) or len(place) != 2:
            return gr.skip()
        x, y = place
        hit = [
            name for name, face in (faces or {}).items()
            if face["box"]["xmin"] <= x <= face["box"]["xmax"] and face["box"]["ymin"] <= y <= face["box"]["ymax"]
        ]  # fmt: skip
        # the smallest of several
        return min(hit, key=lambda name: faces[name]["box"]["xmax"] - faces[name]["box"]["xmin"], default=gr.skip())

    with gr.Row():
        with gr.Column():
            photo = Photo(label="Photo", sources=["upload", "webcam", "clipboard"], elem_id="photo")
            gr.Examples(list(examples), photo, label="Example photos (public domain)", cache_examples=False)
            thorough = thorough_checkbox("thorough")
        with gr.Column():
            note = gr.Markdown(NO_PHOTO, elem_id="photo-note")
            annotated = gr.Image(
                label="Faces; click one to see its probabilities", format="jpeg", interactive=False,
                elem_id="annotated", buttons=["download", "fullscreen"],
            )  # fmt: skip
            chosen = gr.Radio([], label="Face", visible=False, elem_id="faces")
            probabilities = gr.Label(label="Probabilities of the selected face", elem_id="probabilities")
    with gr.Accordion("All faces: table, JSON and downloads", open=False):
        rows = gr.Dataframe(headers=HEADERS, label="Faces, the most prominent first", interactive=False)
        files = gr.File(
            label="Annotated photo, JSON and CSV", file_count="multiple", interactive=False, elem_id="photo-files"
        )
        report = gr.JSON(label="Result of /predict")
    known = gr.State({})  # name in the list → face
    outputs = [annotated, probabilities, chosen, rows, report, files, note, known]
    # an error leaves the old outputs in place, so they are cleared before the new photo is analysed
    cleared = photo.change(nothing, None, outputs, queue=False, api_visibility="private")
    analysed = cleared.then(
        analyse, [photo, model, min_score, thorough, prior], outputs, api_visibility="private", concurrency_id="photo",
        concurrency_limit=AT_ONCE,
    )  # fmt: skip
    analysed.failure(lambda: NOT_ANALYSED, None, note, queue=False, api_visibility="private")
    for setting in (model, min_score, thorough, prior):
        setting.input(
            analyse, [photo, model, min_score, thorough, prior], outputs, api_visibility="private",
            concurrency_id="photo", concurrency_limit=AT_ONCE, show_progress="hidden",
        )  # fmt: skip
    chosen.change(choose, [chosen, known], probabilities, queue=False, api_visibility="private")
    annotated.select(click, known, chosen, queue=False, api_visibility="private")


def count(faces: Sequence[FacePrediction]) -> str:
    """The number of faces in words.

    >>> count([])
    '0 faces'
    """
    return f"{len(faces)} face{'' if len(faces) == 1 else 's'}"


def face_names(faces: Sequence[FacePrediction]) -> list[str]:
    """One line per face for the selection list: number, emotion and probability."""
    return [
        f"{number} {face.emotion} {face.probabilities[face.emotion]:.0%}" for number, face in enumerate(faces, start=1)
    ]


def poor_faces(image: Image.Image, faces: Sequence[FacePrediction]) -> list[str]:
    """A sentence for each face of which too little can be seen."""
    return [
        f" Face {number}: {weakness(image, face.box)} to tell."
        for number, face in enumerate(faces, start=1)
        if face.quality is not None and face.quality < TOO_POOR
    ]


def thorough_checkbox(elem_id: str) -> gr.Checkbox:
    """The checkbox for the thorough search, with its cost."""
    return gr.Checkbox(
        False, label="Search thoroughly: small, tilted, turned faces", info=thorough_costs(), elem_id=elem_id
    )
