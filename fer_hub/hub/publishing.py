"""Publish a checkpoint as a model repository, the app or its page as a Space: show the plan, make one atomic commit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

from fer_hub.hub import plan as plans
from fer_hub.hub.handler_files import handler_files
from fer_hub.hub.model_files import plan_model
from fer_hub.hub.plan import MAX_FILE, Plan, megabytes, show
from fer_hub.hub.remote import (
    Repository,
    api_token,
    check_account,
    check_branch,
    check_repo_id,
    look,
    plain_errors,
)
from fer_hub.hub.shipped import DEVICE
from fer_hub.hub.space_files import ROOT, VARIABLE, plan_space
from fer_hub.hub.static_files import plan_static_space

Say = Callable[[str], object]


@dataclass(frozen=True)
class Published:
    """Result of a publication. `commit` is None after a dry run; `changed` is False if nothing differed."""

    url: str
    commit: str | None
    changed: bool


def publish_model(
    folder: str | Path,
    repo_id: str,
    *,
    public: bool | None = None,
    revision: str | None = None,
    message: str | None = None,
    dry_run: bool = False,
    stage: str | Path | None = None,
    with_handler: bool = False,
    api: HfApi | None = None,
    say: Say = print,
) -> Published:
    """Make the model repository `repo_id` match a checkpoint folder.

    One commit adds, replaces and deletes files, so readers see either the old or the new state. Only files with names
    that this function writes itself are deleted (an ONNX file of earlier weights, code that is no longer imported);
    files added by others are kept. If nothing differs, no commit is made. After an interruption, call it again: large
    files already uploaded are not sent again.

    Args:
        folder: a checkpoint folder as written by `train.py`.
        repo_id: owner/name; the repository is created if it does not exist.
        public: visibility of the repository, True or False; None creates a new one as private and leaves an existing
            one unchanged.
        revision: branch to publish to, created from main if it does not exist; None means main.
        message: first line of the commit message; None gives a default.
        dry_run: only show the plan; needs neither a token nor a network.
        stage: a new or empty folder to which the files are written, instead of being sent; otherwise a dry run.
        with_handler: also upload what an Inference Endpoint needs, from a clone of the fer_hub repository; files of an
            earlier publication with it are kept otherwise.
        api: the Hub client; `HfApi()` takes address and token from HF_ENDPOINT, HF_TOKEN and `hf auth login`.
        say: called with lines of progress.

    Raises:
        FileNotFoundError, ValueError: the folder, the id or the branch is invalid.
        PermissionError: no token, or one without write permission.
        ConnectionError: the Hub cannot be reached.
        RuntimeError: someone else changed the repository meanwhile.
    """
    check_repo_id(repo_id)
    check_branch(revision or "main")
    api = api or HfApi()
    plan = plan_model(folder, repo_id, extra=handler_files() if with_handler else ())
    if stage is not None:
        plans.stage(plan, stage)
    return _publish(
        api, plan, public, revision or "main", message or "Publish checkpoint with fer_hub", dry_run, say, stage=stage
    )


def publish_space(
    repo_id: str,
    model_id: str | Sequence[str],
    *,
    public: bool | None = None,
    message: str | None = None,
    dry_run: bool = False,
    stage: str | Path | None = None,
    gpu: bool = False,
    zero_gpu: bool = False,
    source: Path = ROOT,
    api: HfApi | None = None,
    say: Say = print,
) -> Published:
    """Make the Space `repo_id` run app.py of this repository on models of the Hub.

    The Space's variable FER_HUB_CHECKPOINT names the models at their present commits, so that a restart runs what was
    published; publish again to take over what is new in them. Its README makes the Hub download them when the Space is
    built. Everything else is as for `publish_model`.

    Args:
        model_id: owner/name of an existing model repository, or of several, the default first.
        gpu: install PyTorch with CUDA and suggest hardware with a GPU, where the app then runs the networks; otherwise
            the Space installs no PyTorch if every model has a model.onnx, as `fer-hub export` writes it before it is
            published, and else PyTorch for CPUs.
        zero_gpu: for ZeroGPU, which lends a GPU for each request; photos use it, video and webcam stay on the CPU.
        source: a clone of the fer_hub repository.
    """
    if gpu and zero_gpu:
        raise ValueError("gpu and zero_gpu exclude each other, got both; give one of them.")
    check_repo_id(repo_id)
    model_ids = [model_id] if isinstance(model_id, str) else list(model_id)
    for name in model_ids:
        check_repo_id(name)
    api, dry = api or HfApi(), dry_run or stage is not None
    models: dict[str, Repository] = {}
    try:
        with plain_errors(api, repo_id):
            if not dry:
                check_account(api, repo_id)
            models = {name: look(api, "model", name) for name in model_ids}
    except (PermissionError, ConnectionError):
        if not dry:
            raise
    notes = [note for name in model_ids if name in models for note in _notes_on_model(name, models[name], dry)]
    commits = {name: models[name].commit if name in models else None for name in model_ids}
    if None in commits.values():
        notes.append("the commits of the models are not known: the Space is shown as if it followed their main.")
    exported = len(models) == len(model_ids) and all("model.onnx" in model.files for model in models.values())
    runtime = "zero-gpu" if zero_gpu else "gpu" if gpu else "onnx" if exported else "cpu"
    plan = plan_space(repo_id, commits, runtime=runtime, source=source)
    if stage is not None:
        plans.stage(plan, stage)
    variables = {VARIABLE: ",".join(f"{name}@{commit}" if commit else name for name, commit in commits.items())}
    if gpu:
        variables[DEVICE] = "cuda"
    return _publish(
        api, plan, public, "main", message or "Publish Space with fer_hub", dry_run, say, variables, notes, stage,
        checked=True,
    )  # fmt: skip


def publish_static_space(
    folder: str | Path,
    repo_id: str,
    measured: str,
    *,
    public: bool | None = None,
    message: str | None = None,
    dry_run: bool = False,
    stage: str | Path | None = None,
    api: HfApi | None = None,
    say: Say = print,
) -> Published:
    """Make the static Space `repo_id` serve the page of private mode, which computes in the visitor's browser.

    Everything else is as for `publish_model`.

    Args:
        folder: the page as `fer-hub private-page` builds it.
        measured: what its README says of the network's accuracy.
    """
    check_repo_id(repo_id)
    plan = plan_static_space(folder, repo_id, measured)
    if stage is not None:
        plans.stage(plan, stage)
    message = message or "Publish page with fer_hub"
    return _publish(api or HfApi(), plan, public, "main", message, dry_run, say, stage=stage)


def _publish(
    api: HfApi,
    plan: Plan,
    public: bool | None,
    branch: str,
    message: str,
    dry_run: bool,
    say: Say,
    variables: dict[str, str] | None = None,
    notes: Sequence[str] = (),
    stage: str | Path | None = None,
    checked: bool = False,
) -> Published:
    """`checked`: the account has been looked at before."""
    variables, notes = variables or {}, list(notes)
    dry_run = dry_run or stage is not None
    _refuse_token(plan, api)
    known = True
    try:
        with plain_errors(api, plan.repo_id):
            if not dry_run and not checked:
                check_account(api, plan.repo_id)
            found = look(api, plan.repo_type, plan.repo_id, branch)
    except (PermissionError, ConnectionError) as error:
        if not dry_run:
            raise
        found, known = Repository(), False
        notes.insert(0, f"shown as if {plan.repo_id} were new: {error}")
    say(show(plan, found.status if known else lambda upload: "send", found.leftovers(plan), found.foreign(plan)))
    for note in notes:
        say(f"note: {note}")
    say("\n" + _visibility(plan, found, public, known and (found.exists or bool(api_token(api)))))
    for name, value in variables.items():
        say(f"The Space's variable {name} is set to {value}.")
    url = f"{api.endpoint}/{'' if plan.repo_type == 'model' else plan.repo_type + 's/'}{plan.repo_id}"
    if dry_run:
        say("Dry run: nothing was sent." if stage is None else f"Nothing was sent; the files are in {stage}.")
        return Published(url, None, False)
    with plain_errors(api, plan.repo_id):
        commit, changed = _send(api, plan, found, public, branch, message, say, variables)
    say(f"{url} {'is up to date at' if changed else 'was already up to date at'} commit {commit[:8]}.")
    return Published(url, commit, changed)


def _send(
    api: HfApi,
    plan: Plan,
    found: Repository,
    public: bool | None,
    branch: str,
    message: str,
    say: Say,
    variables: dict[str, str],
) -> tuple[str, bool]:
    """Create what is missing, commit, then set the visibility; returns the commit and whether it is new."""
    where = {"repo_id": plan.repo_id, "repo_type": plan.repo_type}
    if not found.exists:
        say(f"Creating {plan.repo_id} ...")
        extra = {}
        if plan.repo_type == "space":  # the variable must be there when the first build starts
            rows = [{"key": key, "value": value} for key, value in variables.items()]
            extra = {"space_sdk": plan.sdk, **({"space_variables": rows} if rows else {})}
        api.create_repo(**where, private=True, **extra)
        found = look(api, plan.repo_type, plan.repo_id, branch)
    else:
        present = api.get_space_variables(plan.repo_id) if variables else {}
        for name, value in variables.items():
            if name not in present or present[name].value != value:
                api.add_space_variable(plan.repo_id, name, value, description="Set by fer-hub publish")
    if not found.branch_exists:
        say(f"Creating branch {branch} from main ...")
        api.create_branch(**where, branch=branch, exist_ok=True)
    commit, changed = _commit(api, plan, found, branch, message, say)
    if public is not None and found.private == public:  # last, so that no partial state becomes visible
        api.update_repo_settings(**where, private=not public)
    return commit, changed


def _commit(api: HfApi, plan: Plan, found: Repository, branch: str, message: str, say: Say) -> tuple[str, bool]:
    uploads = [upload for upload in plan.uploads if found.status(upload) != "same"]
    leftovers = found.leftovers(plan)
    if not uploads and not leftovers:
        return found.commit, False
    say(f"Sending {len(uploads)} files, {megabytes(sum(upload.size for upload in uploads))} ...")
    adds = [CommitOperationAdd(u.path, u.content if isinstance(u.content, bytes) else str(u.content)) for u in uploads]
    done = api.create_commit(
        plan.repo_id,
        [*adds, *(CommitOperationDelete(path) for path in leftovers)],
        repo_type=plan.repo_type,
        commit_message=message,
        revision=branch,
        parent_commit=found.commit,  # the Hub refuses the commit if someone else's came in between
    )
    stored = look(api, plan.repo_type, plan.repo_id, branch)
    if wrong := [upload.path for upload in plan.uploads if stored.status(upload) != "same"]:
        raise RuntimeError(  # for example because of a .gitignore in the repository, which the Hub respects
            f"{plan.repo_id} must contain every file that was sent, but lacks {', '.join(wrong)}; check for a "
            ".gitignore there, and run the same command again."
        )
    return done.oid, True


def _visibility(plan: Plan, found: Repository, public: bool | None, known: bool) -> str:
    if not known:
        return f"{plan.repo_id} is created as {'public' if public else 'private'} if it does not exist yet."
    if not found.exists:
        return f"{plan.repo_id} does not exist yet; it will be created as {'public' if public else 'private'}."
    now = "private" if found.private else "public"
    wanted = now if public is None else "public" if public else "private"
    return f"{plan.repo_id} exists and {'stays ' + now if wanted == now else 'becomes ' + wanted}."


def _notes_on_model(model_id: str, model: Repository, dry_run: bool) -> list[str]:
    if not model.exists:
        problem = (
            f"the Space's model must be a repository on the Hub, got {model_id}, which does not exist or which you "
            f"cannot read; publish it first with fer-hub publish model CHECKPOINT {model_id}."
        )
        if not dry_run:
            raise FileNotFoundError(problem)
        return [problem]
    if model.private:
        return [
            f"{model_id} is private: the Space can load it only with a secret HF_TOKEN that can read it, set by hand "
            "in the Space's settings; or publish the model with --public."
        ]
    return []


def _refuse_token(plan: Plan, api: HfApi) -> None:
    token = api_token(api)
    for upload in plan.uploads:
        if token and upload.size <= MAX_FILE and token.encode() in upload.read():
            raise ValueError(
                f"{upload.path} must not contain the access token, which everybody could then read, but does; remove "
                "it."
            )
