"""The API: six named endpoints. Their parameters and JSON are a stable interface; changing them breaks clients."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from fer_hub.detection.detector import DEFAULT_MIN_SCORE, MODELS
from fer_hub.drawing import draw
from fer_hub.inference.priors import TRAINING, UNIFORM, Prior
from fer_hub.results import FacePrediction
from fer_hub.web.downloads import save_picture
from fer_hub.web.sentences import refuse
from fer_hub.web.service import LOWEST_SCORE, VERSION, Service
from fer_hub.web.turns import IN_FLIGHT, Turns
from fer_hub.web.uploads import Photo, Photos, VideoFile, much_work, photograph
from fer_hub.web.video_job import VideoResult, run_video


def add_endpoints(service: Service, turns: Turns) -> None:
    """Add the endpoints, from `/predict` to `/predict_video`, to the Blocks being built."""

    async def faces_of(
        photo: Path | None, model: str, min_score: float, thorough: bool, prior: str, detection_model: str,
        then: Callable[[Image.Image, list[FacePrediction]], Any],
    ) -> Any:  # fmt: skip
        """What `then` makes of a photo and its faces, when it is the visitor's turn."""

        def compute() -> Any:
            image = photograph(path.read_bytes())
            return then(image, find(service, image, model, min_score, thorough, prior, detection_model))

        path = required(photo)
        return await turns.run(thorough or await takes_long(service, turns, path, model), compute)

    async def predict(
        image: Path | None, model: str, min_score: float, thorough: bool, prior: str, detection_model: str
    ):
        """Box, detection score, emotion and all probabilities for every face of a photo, the most prominent first.

        Args:
            image: the photo.
            model: name of the checkpoint that classifies.
            min_score: faces with a lower detection score are left out, 0.3 to 1.
            thorough: also look for small, tilted and turned faces, which takes several times as long.
            prior: how common each emotion is: training, uniform, or a JSON object with a number for each label.
            detection_model: what looks for faces: fused, yunet, mediapipe, short_range or full_range.
        """

        def report(image: Image.Image, faces: list[FacePrediction]) -> dict:
            return service.report(image, faces, model)

        return await faces_of(image, model, min_score, thorough, prior, detection_model, report)

    async def annotate(
        image: Path | None, model: str, min_score: float, thorough: bool, prior: str, detection_model: str
    ):
        """The photo with a box and the predicted emotion on every face.

        Args:
            image: the photo.
            model: name of the checkpoint that classifies.
            min_score: faces with a lower detection score are left out, 0.3 to 1.
            thorough: also look for small, tilted and turned faces, which takes several times as long.
            prior: how common each emotion is: training, uniform, or a JSON object with a number for each label.
            detection_model: what looks for faces: fused, yunet, mediapipe, short_range or full_range.
        """

        def annotated(image: Image.Image, faces: list[FacePrediction]) -> str:
            return save_picture(draw(image, faces))

        return await faces_of(image, model, min_score, thorough, prior, detection_model, annotated)

    async def classify(
        image: Path | None, model: str, min_score: float, thorough: bool, prior: str, detection_model: str
    ):
        """Probabilities of all emotions for the most prominent face of a photo; no label if there is no face.

        Args:
            image: the photo.
            model: name of the checkpoint that classifies.
            min_score: faces with a lower detection score are left out, 0.3 to 1.
            thorough: also look for small, tilted and turned faces, which takes several times as long.
            prior: how common each emotion is: training, uniform, or a JSON object with a number for each label.
            detection_model: what looks for faces: fused, yunet, mediapipe, short_range or full_range.
        """

        def most_prominent(image: Image.Image, faces: list[FacePrediction]) -> dict[str, float] | None:
            return largest(faces)

        return await faces_of(image, model, min_score, thorough, prior, detection_model, most_prominent)

    async def explain(image: Path | None, model: str, min_score: float, thorough: bool, face: int):
        """Heat map of a face: where covering it changes the probability of its emotion; null without such a face.

        Args:
            image: the photo.
            model: name of the checkpoint that classifies.
            min_score: faces with a lower detection score are left out, 0.3 to 1.
            thorough: also look for small, tilted and turned faces, which takes several times as long.
            face: number of the face, 1 for the most prominent one.
        """

        def compute() -> dict | None:
            image = photograph(path.read_bytes())
            faces = find(service, image, model, min_score, thorough)
            if face > len(faces):
                return None
            chosen = faces[int(face) - 1]
            try:
                told = service.explanation(image, chosen, model)
            except ModuleNotFoundError as error:
                raise refuse(str(error)) from None
            return {
                "version": VERSION, "model": model, "box": chosen.to_dict()["box"], "emotion": told.emotion,
                "probability": told.probability, "heat": [[round(float(v), 5) for v in row] for row in told.heat],
            }  # fmt: skip

        path = required(image)
        return await turns.run(True, compute)

    async def predict_batch(
        images: list[tuple[str, Path]],
        model: str,
        min_score: float,
        thorough: bool,
        prior: str,
        keep_going: bool,
        detection_model: str,
    ):
        """Like /predict for several photos: a list of results in the same order.

        Args:
            images: the photos, at most 20.
            model: name of the checkpoint that classifies.
            min_score: faces with a lower detection score are left out, 0.3 to 1.
            thorough: also look for small, tilted and turned faces, which takes several times as long.
            prior: how common each emotion is: training, uniform, or a JSON object with a number for each label.
            keep_going: a photo that cannot be read gets {"error": sentence} in its place, and the others their results.
            detection_model: what looks for faces: fused, yunet, mediapipe, short_range or full_range.
        """
        if not images:
            raise refuse("the images are missing; upload photos first.")

        def one(position: int, path: Path) -> dict:
            try:
                image = photograph(path.read_bytes())
            except gr.Error as error:
                if not keep_going:
                    raise refuse(f"image {position} of {len(images)} (counted from 0): {error.message}") from None
                return {"error": error.message}
            return service.report(
                image, find(service, image, model, min_score, thorough, prior, detection_model), model
            )

        # a turn for each, so that others come between
        return [
            await turns.run(thorough or await takes_long(service, turns, path, model), one, position, path)
            for position, (_, path) in enumerate(images)
        ]

    def predict_video(video: Path | None, model: str, every: int, min_score: float):
        """Tracks every face of a video over time.

        Args:
            video: the video file, at most 2 minutes and 100 MB.
            model: name of the checkpoint that classifies.
            every: analyse every n-th frame.
            min_score: faces with a lower detection score are left out, 0.3 to 1.

        Returns:
            A summary as JSON, and as files the annotated video, a CSV with one row per frame and face, the same rows
            as JSON, and a plot of the probabilities over time.
        """
        if video is None:
            raise refuse("the video is missing; upload a video first.")
        for step in run_video(service, video, model, every, min_score):
            if isinstance(step, VideoResult):
                yield step.summary, str(step.video), str(step.csv), str(step.json), str(step.timeline)

    image, images = Photo(label="image", visible=False), Photos(label="images", file_count="multiple", visible=False)
    video = VideoFile(label="video", visible=False)
    model = gr.Dropdown(service.names, value=service.names[0], label="model", visible=False)
    min_score = gr.Slider(LOWEST_SCORE, 1, DEFAULT_MIN_SCORE, label="min_score", visible=False)
    thorough = gr.Checkbox(False, label="thorough", visible=False)
    prior = gr.Textbox(TRAINING, label="prior", max_length=1000, visible=False)
    face = gr.Slider(1, 1000, 1, step=1, precision=0, label="face", visible=False)
    detection_model = gr.Dropdown(list(MODELS), value=MODELS[0], label="detection_model", visible=False)
    every = gr.Slider(1, 30, 1, step=1, precision=0, label="every", visible=False)
    keep_going = gr.Checkbox(False, label="keep_going", visible=False)
    # clients print these labels as the names of what an endpoint returns
    names = ("faces", "heat", "results", "summary")
    faces, heat, results, summary = (gr.JSON(label=name, visible=False) for name in names)
    picture, label = gr.Image(label="annotated", format="jpeg", visible=False), gr.Label(label="emotion", visible=False)
    files = [
        gr.Video(label="annotated", visible=False),
        gr.File(label="table", visible=False),
        gr.File(label="rows", visible=False),
        gr.Image(label="timeline", visible=False),
    ]
    for function, inputs, outputs in (
        (predict, [image, model, min_score, thorough, prior, detection_model], faces),
        (annotate, [image, model, min_score, thorough, prior, detection_model], picture),
        (classify, [image, model, min_score, thorough, prior, detection_model], label),
        (explain, [image, model, min_score, thorough, face], heat),
        (predict_batch, [images, model, min_score, thorough, prior, keep_going, detection_model], results),
    ):
        gr.Button(visible=False).click(
            function, inputs, outputs, api_name=function.__name__, concurrency_id="photo", concurrency_limit=IN_FLIGHT
        )
    gr.Button(visible=False).click(
        predict_video, [video, model, every, min_score], [summary, *files],
        api_name="predict_video", concurrency_id="video",
    )  # fmt: skip


def find(
    service: Service,
    image: Image.Image,
    model: str,
    min_score: float,
    thorough: bool = False,
    prior: str = TRAINING,
    detection_model: str = MODELS[0],
) -> list[FacePrediction]:
    """Faces of a photo; invalid input is refused with one sentence."""
    rates = base_rates(prior)
    try:
        return service.faces(image, model, min_score, "thorough" if thorough else "normal", rates, detection_model)
    except ValueError as error:
        raise refuse(str(error)) from None


def base_rates(text: str) -> Prior:
    """Base rates as a client names them, see `fer_hub.inference.priors`.

    >>> base_rates("uniform"), base_rates('{"calm": 3, "afraid": 1}')
    ('uniform', {'calm': 3, 'afraid': 1})
    """
    if not text.lstrip().startswith("{"):
        return text
    try:
        return json.loads(text)
    except ValueError:
        raise refuse(
            f"prior must be {TRAINING}, {UNIFORM} or a JSON object with a number for each label, got text that is no "
            "JSON; correct it."
        ) from None


def required(photo: Path | None) -> Path:
    """The photo; a missing one is refused with one sentence."""
    if photo is None:
        raise refuse("the image is missing; upload a photo first.")
    return photo


async def takes_long(service: Service, turns: Turns, photo: Path, model: str) -> bool:
    """Whether a search that is not thorough takes long nevertheless: the photo is large, or the network not loaded."""
    return not service.loaded(model) or await turns.look(much_work, photo)


def largest(faces: list[FacePrediction]) -> dict[str, float] | None:
    """The first face's probabilities in the form of `gr.Label`; `None` without a face."""
    return dict(faces[0].probabilities) if faces else None
