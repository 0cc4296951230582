"""`train.py --push-to-hub`: publishes the finished checkpoint like `fer-hub publish model`."""

from typing import TYPE_CHECKING, Any

from huggingface_hub import HfApi

from fer_hub.hub.remote import check_account, check_branch, check_repo_id, plain_errors

if TYPE_CHECKING:
    from transformers import TrainingArguments


def take_over_push(args: "TrainingArguments") -> dict[str, Any] | None:
    """Read the Hub options of TrainingArguments and disable the Trainer's own push.

    By default the Trainer would create a public repository before the first step, push half-trained weights with
    every checkpoint, and finally upload its pickled arguments and its own card. Call this before creating the Trainer:
    the id and the token are checked now rather than after hours of training, `args.push_to_hub` becomes False, and
    the result is passed to `publish_model` once the checkpoint is written.

    `hub_model_id` is owner/name, `hub_private_repo` True or False sets the visibility (None: a new repository is
    private), `hub_revision` is a branch, `hub_token` overrides the token of the environment.

    Returns:
        Keyword arguments for `publish_model`, or None without --push-to-hub.

    Raises:
        ValueError: an option is invalid.
        PermissionError, ConnectionError: the token or the Hub would refuse the publication.
    """
    if not args.push_to_hub:
        return None
    args.push_to_hub = False
    strategy = getattr(args.hub_strategy, "value", args.hub_strategy)
    if strategy not in ("every_save", "end") or args.hub_always_push:  # every_save is the Trainer's default
        raise ValueError(
            "hub_strategy must be end, as only the finished checkpoint is published, got "
            f"{'hub_always_push' if args.hub_always_push else strategy}; leave it out."
        )
    if not args.hub_model_id:
        raise ValueError("--push-to-hub must come with --hub-model-id owner/name, got none; add it.")
    check_repo_id(args.hub_model_id)
    check_branch(args.hub_revision or "main")
    api = HfApi(token=args.hub_token)
    with plain_errors(api, args.hub_model_id):
        check_account(api, args.hub_model_id)
    public = None if args.hub_private_repo is None else not args.hub_private_repo
    return {"repo_id": args.hub_model_id, "public": public, "revision": args.hub_revision, "api": api}
