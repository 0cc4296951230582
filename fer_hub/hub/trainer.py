"""`train.py --push_to_hub`: the finished checkpoint is published as `fer-hub publish model` would do it."""

from typing import TYPE_CHECKING, Any

from huggingface_hub import HfApi

from fer_hub.hub.remote import check_account, check_branch, check_repo_id, plain_errors

if TYPE_CHECKING:
    from transformers import TrainingArguments


def take_over_push(args: "TrainingArguments") -> dict[str, Any] | None:
    """Read the Hub options of TrainingArguments and switch the Trainer's own pushing off.

    Left to itself the Trainer would make a public repository before the first step, push half-trained weights with
    every checkpoint, and finally upload its pickled arguments and a card of its own. Call this before the Trainer is
    made: the id and the token are checked now rather than after hours of training, `args.push_to_hub` becomes False,
    and the result goes to `publish_model` once the checkpoint is written.

    `hub_model_id` is owner/name, `hub_private_repo` True or False sets who may see it (None: a new repository is
    private), `hub_revision` is a branch, `hub_token` a token other than that of the environment.

    Returns:
        Keyword arguments for `publish_model`, or None without --push_to_hub.

    Raises:
        ValueError: an option does not fit.
        PermissionError, ConnectionError: the token or the Hub would refuse the publication.
    """
    if not args.push_to_hub:
        return None
    args.push_to_hub = False
    strategy = getattr(args.hub_strategy, "value", args.hub_strategy)
    if strategy not in ("every_save", "end") or args.hub_always_push:  # every_save is the Trainer's default
        raise ValueError(
            "hub_strategy must be end, only the finished checkpoint is published, got "
            f"{'hub_always_push' if args.hub_always_push else strategy}; leave it out."
        )
    if not args.hub_model_id:
        raise ValueError("--push_to_hub must come with --hub_model_id owner/name, got none; add it.")
    check_repo_id(args.hub_model_id)
    check_branch(args.hub_revision or "main")
    api = HfApi(token=args.hub_token)
    with plain_errors(api, args.hub_model_id):
        check_account(api, args.hub_model_id)
    public = None if args.hub_private_repo is None else not args.hub_private_repo
    return {"repo_id": args.hub_model_id, "public": public, "revision": args.hub_revision, "api": api}
