"""`fer-hub private-page`."""

from typing import Annotated

import typer

from fer_hub.commands.parts import say


def private_page(
    checkpoint: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Checkpoint with model.onnx; the default one if left out.")
    ] = None,
    output: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Where to; where the app looks for it if left out.")
    ] = None,
) -> None:
    """Build the page that does the same in the browser alone.

        fer-hub private-page
        fer-hub private-page --checkpoint runs/mine/final --output site

    npm brings onnxruntime-web and MediaPipe's detector for browsers. The app serves the page under /private; the
    environment variable FER_HUB_PRIVATE names its folder. It is plain files, which any web server can serve, and which
    `fer-hub publish static-space` puts on the Hub.
    """
    from fer_hub.web.private_page import build

    build(output, checkpoint, say)
