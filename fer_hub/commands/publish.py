"""Put a checkpoint or the app on the Hugging Face Hub, in one atomic commit.

    fer-hub publish model runs/fer/final owner/name --dry-run    # show what would go up, send nothing
    fer-hub publish model runs/fer/final owner/name              # a new repository is private
    fer-hub publish model runs/fer/final owner/name --public
    fer-hub publish space owner/app --model owner/name --public  # in a clone of the fer_hub repository

The access token comes from `hf auth login` or the environment variable HF_TOKEN; a dry run needs none. After an
interruption run the same command again. Where nothing differs nothing is sent.
"""

import argparse
import sys

from fer_hub.hub.publishing import publish_model, publish_space
from fer_hub.hub.remote import redact


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns its exit status: 1 after an error, whose sentence is on stderr."""
    parser = _parser()
    args = vars(parser.parse_args(argv))
    kind = args.pop("kind")
    args["public"] = True if args["public"] else False if args.pop("private") else None
    args.pop("private", None)
    try:
        if kind == "model":
            publish_model(args.pop("checkpoint"), **args, say=_say)
        else:
            publish_space(**args, say=_say)
    except (OSError, ValueError, RuntimeError) as error:
        print(f"error: {redact(str(error))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; run the same command again to go on.", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fer-hub publish",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = parser.add_subparsers(dest="kind", required=True)
    model = kinds.add_parser("model", help="a checkpoint folder as a model repository")
    model.add_argument("checkpoint", help="checkpoint folder, as train.py leaves it in OUTPUT_DIR/final")
    model.add_argument("repo_id", metavar="owner/name", help="model repository; made if it is not there")
    model.add_argument("--revision", metavar="BRANCH", help="branch to publish to; made from main if it is not there")
    space = kinds.add_parser("space", help="the app as a Space")
    space.add_argument("repo_id", metavar="owner/name", help="Space; made if it is not there")
    space.add_argument("--model", dest="model_id", metavar="owner/name", required=True, help="model that it loads")
    for each in (model, space):
        seen_by = each.add_mutually_exclusive_group()
        seen_by.add_argument("--public", action="store_true", help="everybody may see it")
        seen_by.add_argument("--private", action="store_true", help="only you may see it; what a new one is anyway")
        each.add_argument("--message", help="first line of the commit")
        each.add_argument("--dry-run", action="store_true", help="show what would be done and send nothing")
    return parser


def _say(text: str) -> None:
    print(redact(text), flush=True)


if __name__ == "__main__":
    sys.exit(main())
