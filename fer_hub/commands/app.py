"""`fer-hub app`."""

from typing import Annotated

import typer


def app(
    checkpoint: Annotated[
        str | None, typer.Option(metavar="FOLDER|ID", help="Checkpoint folder or Hub id that is loaded first.")
    ] = None,
    host: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Where it listens; 127.0.0.1 if left out.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=65535, help="The first free one from 7860 if left out.")
    ] = None,
    share: Annotated[
        bool, typer.Option("--share", help="A public address for a week, through Gradio's makers.")
    ] = False,
) -> None:
    """Serve the web app and its API.

        fer-hub app
        fer-hub app --checkpoint runs/mine/final --port 8080

    The environment variables FER_HUB_CHECKPOINT, GRADIO_SERVER_NAME and GRADIO_SERVER_PORT do as --checkpoint, --host
    and --port.
    """
    from fer_hub.web.launch import serve

    serve(checkpoint, host, port, share)
