"""`fer-hub publish model`, `fer-hub publish space` and `fer-hub publish static-space`."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from fer_hub.commands.parts import Interrupted, UsageError, say

RepoArgument = Annotated[str, typer.Argument(metavar="OWNER/NAME", help="On the Hub; made if it is not there.")]
PublicOption = Annotated[bool, typer.Option("--public", help="Everybody may see it.")]
PrivateOption = Annotated[bool, typer.Option("--private", help="Only you may see it; what a new one is anyway.")]
MessageOption = Annotated[str | None, typer.Option("--message", metavar="TEXT", help="First line of the commit.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show what would be done and send nothing.")]

StageOption = Annotated[
    str | None, typer.Option("--stage", metavar="FOLDER", help="Write the files to a new folder and send nothing.")
]


def model(
    checkpoint: Annotated[
        str, typer.Argument(metavar="FOLDER", help="Checkpoint folder, as train.py leaves it in OUTPUT_DIR/final.")
    ],
    repo_id: RepoArgument,
    revision: Annotated[
        str | None, typer.Option(metavar="BRANCH", help="Branch to publish to; made from main if it is not there.")
    ] = None,
    public: PublicOption = False,
    private: PrivateOption = False,
    message: MessageOption = None,
    with_handler: Annotated[
        bool, typer.Option("--with-handler", help="Add what an Inference Endpoint needs, from a clone of fer_hub.")
    ] = False,
    dry_run: DryRunOption = False,
    stage: StageOption = None,
) -> None:
    """Publish a checkpoint folder as a model repository, in one atomic commit.

        fer-hub publish model runs/fer/final owner/name --dry-run
        fer-hub publish model runs/fer/final owner/name --public

    The access token comes from `hf auth login` or the environment variable HF_TOKEN; a dry run needs none. Where
    nothing differs nothing is sent. After an interruption run the same command again.
    """
    seen_by = visibility(public, private)
    from fer_hub.hub.publishing import publish_model

    with secret_kept() as tell:
        publish_model(
            checkpoint,
            repo_id,
            public=seen_by,
            revision=revision,
            message=message,
            dry_run=dry_run,
            stage=stage,
            with_handler=with_handler,
            say=tell,
        )


def space(
    repo_id: RepoArgument,
    model: Annotated[
        list[str], typer.Option(metavar="OWNER/NAME", help="Model that it offers; several times for several.")
    ],
    public: PublicOption = False,
    private: PrivateOption = False,
    message: MessageOption = None,
    dry_run: DryRunOption = False,
    stage: StageOption = None,
    gpu: Annotated[bool, typer.Option("--gpu", help="With CUDA, for a Space with a GPU.")] = False,
    zero_gpu: Annotated[bool, typer.Option("--zero-gpu", help="For ZeroGPU, which lends one for each photo.")] = False,
) -> None:
    """Publish the app as a Space, from a clone of the fer_hub repository, in one atomic commit.

        fer-hub publish space owner/app --model owner/name --dry-run
        fer-hub publish space owner/app --model owner/name --public

    The access token comes from `hf auth login` or the environment variable HF_TOKEN; a dry run needs none. Where
    nothing differs nothing is sent. After an interruption run the same command again.
    """
    seen_by = visibility(public, private)
    if gpu and zero_gpu:
        raise UsageError("--gpu and --zero-gpu exclude each other; give one of them.")
    from fer_hub.hub.publishing import publish_space

    with secret_kept() as tell:
        publish_space(
            repo_id,
            model,
            public=seen_by,
            message=message,
            dry_run=dry_run,
            stage=stage,
            gpu=gpu,
            zero_gpu=zero_gpu,
            say=tell,
        )


def static_space(
    repo_id: RepoArgument,
    checkpoint: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Checkpoint with model.onnx; the default one if left out.")
    ] = None,
    page: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="What private-page has built; built anew if left out.")
    ] = None,
    public: PublicOption = False,
    private: PrivateOption = False,
    message: MessageOption = None,
    dry_run: DryRunOption = False,
    stage: StageOption = None,
) -> None:
    """Publish the page of private mode as a static Space: it computes in the visitor's browser and sends nothing.

        fer-hub publish static-space owner/private --dry-run
        fer-hub publish static-space owner/private --public

    Without --page it is built first, which needs npm. The access token comes from `hf auth login` or the environment
    variable HF_TOKEN; a dry run needs none. Where nothing differs nothing is sent.
    """
    seen_by = visibility(public, private)
    if page is not None and checkpoint is not None:
        raise UsageError("--page and --checkpoint exclude each other, as a built page has its network; give one.")
    import tempfile

    from fer_hub.files import read_json
    from fer_hub.hub.publishing import publish_static_space
    from fer_hub.hub.remote import check_repo_id
    from fer_hub.web.private_page import build

    with secret_kept() as tell, tempfile.TemporaryDirectory(prefix="fer_hub-page-") as folder:
        check_repo_id(repo_id)  # before anything is built
        made = page or str(build(Path(folder) / "page", checkpoint, tell))
        publish_static_space(
            made,
            repo_id,
            read_json(Path(made) / "config.json").get("measured", ""),
            public=seen_by,
            message=message,
            dry_run=dry_run,
            stage=stage,
            say=tell,
        )


def visibility(public: bool, private: bool) -> bool | None:
    """True, False, or None for as it is."""
    if public and private:
        raise UsageError("--public and --private exclude each other; give one of them.")
    return True if public else False if private else None


@contextlib.contextmanager
def secret_kept() -> Iterator:
    """No access token is printed, neither in lines of progress nor in errors."""
    from fer_hub.hub.remote import redact

    try:
        yield lambda text: say(redact(text))
    except (OSError, ValueError, RuntimeError) as error:
        raise RuntimeError(redact(str(error))) from None
    except KeyboardInterrupt:
        raise Interrupted("interrupted; run the same command again to go on.") from None
