"""`fer-hub publish model` and `fer-hub publish space`."""

import contextlib
from collections.abc import Iterator
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
