"""The tab for one photo: the picture with numbered faces, and a card for each."""

from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import gradio as gr
from PIL import Image

from fer_hub.detection.detector import DEFAULT_MIN_SCORE
from fer_hub.detection.quality import TOO_POOR, weakness
from fer_hub.drawing import draw
from fer_hub.inference.priors import TRAINING
from fer_hub.results import FacePrediction
from fer_hub.web.downloads import HEADERS, downloads, table
from fer_hub.web.endpoints import find, takes_long
from fer_hub.web.sentences import refuse
from fer_hub.web.service import Service
from fer_hub.web.tabs.examples import Example
from fer_hub.web.tabs.faces import count, result, why
from fer_hub.web.tabs.notes import busy, problem, told
from fer_hub.web.texts import longer, thorough_costs
from fer_hub.web.turns import IN_FLIGHT, Turns
from fer_hub.web.uploads import MAX_PHOTO_BYTES, MAX_PIXELS, PhotoFile, photograph

LIMITS = f"At most {MAX_PHOTO_BYTES // 10**6} MB and {MAX_PIXELS // 10**6} million pixels"

NO_PHOTO = f"Upload, drop, paste or take a photo, or choose an example. {LIMITS}."
NO_FACE = "No face was found. Try a photo in which a face is larger, or lower the detector confidence{}."
BUSY = "Analysing ..."
GONE = "The photo was deleted from the server, as all are after a while; upload it again."
NOT_ANALYSED = "The server was busy or failed on this photo. Try again in a minute, or choose another one."
LOOK_CLOSER = "Search thoroughly for more faces"


def add_photo_tab(
    service: Service,
    model: gr.Dropdown,
    min_score: gr.Slider,
    prior: gr.Dropdown,
    detection_model: gr.Dropdown,
    examples: Sequence[Example],
    turns: Turns,
) -> None:
    """Shows the faces of a photo, and before the first one those of the first example."""
    settings = [model, min_score, prior, detection_model]

    async def analyse(
        path: Path | None, thorough: bool, model: str, min_score: float, prior: str, detection_model: str
    ):
        """(the result as HTML, note, button for the thorough search, table, JSON, files, the faces, no heat map,
        whether there is more to see)"""
        try:
            checked = present(path)
            slow = thorough or await takes_long(service, turns, checked, model)
            return await turns.run(slow, search, checked, thorough, model, min_score, prior, detection_model)
        except gr.Error as error:  # the note keeps the sentence, where a message in the corner would go
            nothing = gr.Button(visible=False), [], None, [], (), "", gr.Accordion(visible=False)
            return "", problem(error.message), *nothing

    def search(path: Path, thorough: bool, model: str, min_score: float, prior: str, detection_model: str):
        image = photograph(path.read_bytes())
        faces = find(service, image, model, min_score, thorough, prior, detection_model)
        report = service.report(image, faces, model)
        files = downloads(draw(image, faces), report)
        more = gr.Button(visible=not thorough)
        parts = *shown(service, image, faces, model, thorough), more, table(faces), report, files
        return *parts, tuple(faces), "", gr.Accordion(visible=True)

    def start(photo: Path | None):
        """Keeps the photo of the visitor for the thorough search and other settings; the field is free again."""
        if photo is None:
            return gr.skip(), gr.skip(), gr.skip()
        return photo, None, busy(BUSY)

    def chosen(event: gr.EventData):  # gr.SelectData fails if a client sends no index
        number = event._data.get("number") if isinstance(event._data, dict) else None
        if not isinstance(number, int) or not 0 <= number < len(examples):
            return gr.skip(), gr.skip()
        return examples[number].path, busy(BUSY)

    async def heat_map(path: Path | None, faces: tuple, model: str, event: gr.EventData):
        """The heat map of the face whose button was pressed."""
        number = event._data.get("number") if isinstance(event._data, dict) else None
        if not isinstance(number, int) or not 1 <= number <= len(faces):
            return gr.skip()

        def explained(path: Path) -> str:
            face = faces[number - 1]
            return why(service.explanation(photograph(path.read_bytes()), face, model), face, number)

        try:
            return await turns.run(True, explained, present(path))
        except gr.Error as error:
            return problem(error.message)
        except ValueError as error:  # another network was chosen meanwhile
            return problem(str(error))

    first, known = examples[0] if examples else None, []
    ready = "", told(NO_PHOTO)
    if first is not None:
        image = photograph(first.path.read_bytes())
        known = service.faces(image, service.names[0], DEFAULT_MIN_SCORE, "normal", TRAINING)
        ready = shown(service, image, known, service.names[0], thorough=False)
    with gr.Row(elem_id="photo-input"):
        photo = PhotoFile(
            label="Photo", show_label=False, sources=["upload", "webcam", "clipboard"], elem_id="photo", height=104,
            placeholder="Upload or drop a photo", scale=1, min_width=260,
        )  # fmt: skip
        if examples:
            gallery = gr.HTML(
                "".join(each.html(number) for number, each in enumerate(examples)), elem_id="examples",
                js_on_load=CHOOSE_EXAMPLE, scale=2, min_width=260,
            )  # fmt: skip
    with gr.Row(elem_id="photo-said"):
        note = gr.HTML(ready[1], elem_id="photo-note", js_on_load=None, scale=3, min_width=240)
        thorough = gr.Button(LOOK_CLOSER, elem_id="thorough", size="sm", visible=first is not None, scale=0)
    answer = gr.HTML(ready[0], elem_id="result", js_on_load=ASK_WHY)
    heat = gr.HTML("", elem_id="why", js_on_load=None)
    with gr.Accordion("Table, JSON and downloads", open=False, elem_id="photo-more") as more_to_see:
        rows = gr.Dataframe(headers=HEADERS, label="Faces, the most prominent first", interactive=False)
        files = gr.File(
            label="Annotated photo, JSON and CSV", file_count="multiple", interactive=False, elem_id="photo-files"
        )
        report = gr.JSON(label="Result of /predict")
    kept = gr.State(first.path if first else None)
    seen = gr.State(tuple(known))
    no, yes = gr.State(False), gr.State(True)
    outputs = [answer, note, thorough, rows, report, files, seen, heat, more_to_see]
    quiet = {"api_visibility": "private", "show_progress": "hidden"}
    # always_last: who chooses another photo during the analysis of the first gets the second
    paid = {"trigger_mode": "always_last", "concurrency_id": "photo", "concurrency_limit": IN_FLIGHT, **quiet}
    # not input, which is also the emptying of the field before something is pasted
    begun = [photo.upload(start, photo, [kept, photo, note], queue=False, **quiet)]
    if examples:
        begun.append(gallery.select(chosen, None, [kept, note], queue=False, **quiet))
    for event in begun:
        event.failure(lambda: problem(NOT_ANALYSED), None, note, queue=False, **quiet)
        event.success(analyse, [kept, no, *settings], outputs, **paid).failure(
            lambda: ("", problem(NOT_ANALYSED)), None, [answer, note], queue=False, **quiet
        )
    for setting in settings:
        setting.input(analyse, [kept, no, *settings], outputs, **paid)
    answer.select(heat_map, [kept, seen, model], heat, **paid)
    thorough.click(lambda: busy("Searching thoroughly ..."), None, note, queue=False, **quiet).then(
        analyse, [kept, yes, *settings], outputs, **paid
    )


def present(path: Path | None) -> Path:
    """The file of the kept photo.

    Raises:
        gr.Error: there is none, it is too large, or the server has deleted it.
    """
    if path is None:
        raise refuse(NO_PHOTO)
    try:
        size = path.stat().st_size
    except OSError:
        raise refuse(GONE) from None
    if size > MAX_PHOTO_BYTES:
        raise refuse(f"the file must be at most {MAX_PHOTO_BYTES // 10**6} MB; send a smaller one.")
    return path


def shown(
    service: Service, image: Image.Image, faces: Sequence[FacePrediction], model: str, thorough: bool
) -> tuple[str, str]:
    """The result and the note of a photo's faces, both as HTML."""
    note = f"{count(faces)} found." if faces else NO_FACE.format("" if thorough else ", or search thoroughly")
    note += "".join(poor_faces(image, faces))
    aside = "" if thorough else f"Small, tilted or turned ones may be missing; {longer()}"
    crops, number = service.crops(image, faces, model), uuid4().hex
    return result(image, faces, crops, service.labels(model), number), told(note, aside, number)


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


ASK_WHY = """
element.addEventListener('click', event => {
    const asked = event.target.closest('button.fer-why');
    if (asked) trigger('select', {number: Number(asked.dataset.number)});
});
"""

CHOOSE_EXAMPLE = """
element.addEventListener('click', event => {
    const chosen = event.target.closest('button[data-number]');
    if (chosen) trigger('select', {number: Number(chosen.dataset.number)});
});
"""
