"""The state of a repository on the Hub, and clear sentences for the Hub's errors."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from huggingface_hub import HfApi, get_token
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import validate_repo_id

from fer_hub.environment import causes, environment_problem
from fer_hub.hub.plan import Plan, Upload

TOKEN = re.compile(r"hf_[A-Za-z0-9]{8,}|(?<=://)[^/@\s]+(?=@)")
"""Matches an access token or the credentials in a URL."""


@dataclass(frozen=True)
class Repository:
    """State of a repository on the Hub; `files` maps each path to its git blob id, or SHA-256 for large files."""

    exists: bool = False
    private: bool | None = None
    branch_exists: bool = False
    commit: str | None = None
    files: dict[str, str] = field(default_factory=dict)

    def status(self, upload: Upload) -> str:
        """One of "new", "changed" and "same"."""
        if upload.path not in self.files:
            return "new"
        return "same" if upload.is_stored_as(self.files[upload.path]) else "changed"

    def leftovers(self, plan: Plan) -> list[str]:
        """Files that fer_hub wrote and that are no longer in the plan."""
        planned = {upload.path for upload in plan.uploads}
        return [path for path in self.files if path not in planned and plan.owns(path)]

    def foreign(self, plan: Plan) -> list[str]:
        """Files added by others, without the Hub's own .gitattributes."""
        planned = {upload.path for upload in plan.uploads}
        return [path for path in self.files if path not in planned and not plan.owns(path) and path != ".gitattributes"]


def look(api: HfApi, repo_type: str, repo_id: str, branch: str = "main") -> Repository:
    """Read a repository's state without changing anything; a branch that does not exist yet would start from main."""
    try:
        try:
            info = api.repo_info(repo_id, repo_type=repo_type, revision=branch)
            branch_exists = True
        except RevisionNotFoundError:
            info = api.repo_info(repo_id, repo_type=repo_type)
            branch_exists = False
    except RepositoryNotFoundError:
        return Repository()
    files = {
        entry.path: entry.lfs.sha256 if entry.lfs else entry.blob_id
        for entry in api.list_repo_tree(repo_id, repo_type=repo_type, revision=info.sha, recursive=True)
        if hasattr(entry, "blob_id")
    }
    return Repository(True, bool(info.private), branch_exists, info.sha, files)


def api_token(api: HfApi) -> str | None:
    """The access token of requests: the one given to `HfApi`, otherwise from HF_TOKEN or `hf auth login`."""
    return api.token if isinstance(api.token, str) else get_token()


def check_repo_id(repo_id: str) -> None:
    """Raise a `ValueError` unless this is a valid owner/name of the Hub.

    Example:
        >>> check_repo_id("user/fer-2013")
        >>> check_repo_id("fer")
        Traceback (most recent call last):
        ...
        ValueError: the repository must be named owner/name, got 'fer'; ...
    """
    try:
        validate_repo_id(repo_id)
        fits = isinstance(repo_id, str) and repo_id.count("/") == 1
    except HFValidationError:
        fits = False
    if not fits:
        raise ValueError(
            f"the repository must be named owner/name, got {redact(repr(repo_id))}; for example user/fer, in "
            "letters, digits, -, _ and . only."
        )


def check_branch(branch: str) -> None:
    """Raise a `ValueError` for an invalid branch name."""
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)*", branch) or re.fullmatch(r"[0-9a-f]{40}", branch) or ".." in branch:
        raise ValueError(
            f"revision must be the name of a branch to publish to, got {branch!r}; commit hashes and spaces are not "
            "allowed, the default is main."
        )


def check_account(api: HfApi, repo_id: str) -> None:
    """Ask the Hub who the token belongs to, so that a publication that cannot succeed fails early.

    Raises:
        PermissionError: no token, an invalid or read-only token, or an owner that is not an account of the token.
    """
    if not api_token(api):
        raise PermissionError(
            "publishing needs an access token with write permission, but there is none; run hf auth login, or set "
            "HF_TOKEN in the environment."
        )
    me = api.whoami()
    owner, names = repo_id.split("/")[0], [me["name"], *(org["name"] for org in me.get("orgs", []))]
    if me.get("auth", {}).get("accessToken", {}).get("role") == "read":
        raise PermissionError(
            f"publishing needs an access token with write permission, but that of {me['name']} is read-only; create "
            "another in the Hub's settings and run hf auth login."
        )
    if owner.lower() not in [name.lower() for name in names]:
        raise PermissionError(
            f"the repository's owner must be an account of the access token ({', '.join(names)}), got {owner}; "
            "publish under one of these, or log in with another token."
        )


@contextmanager
def plain_errors(api: HfApi, repo_id: str) -> Iterator[None]:
    """Turn an error of the Hub's client into one sentence that says what to do, with the error as its cause."""
    try:
        yield
    except Exception as error:
        if told := explain(api, repo_id, error):
            raise told from error
        raise


def explain(api: HfApi, repo_id: str, error: BaseException) -> Exception | None:
    """The sentence for an error of a publication, or None if its own text is clear."""
    if problem := environment_problem(causes(error)):
        return problem
    for cause in causes(error):
        if isinstance(cause, OfflineModeIsEnabled):
            return ConnectionError("publishing needs the Hub, but HF_HUB_OFFLINE forbids it; unset HF_HUB_OFFLINE.")
        if isinstance(cause, HfHubHTTPError):
            return _refused(api, repo_id, cause)
        if isinstance(cause, HTTPError):
            return ConnectionError(
                f"the Hub at {redact(api.endpoint)} must be reachable, but is not ({redact(str(cause))}); check the "
                "network connection and run the same command again: files already sent are not sent again, and no "
                "partial state is visible."
            )
    return None


def _refused(api: HfApi, repo_id: str, error: Any) -> Exception:
    status = error.response.status_code
    said = redact(error.server_message or error.response.headers.get("x-error-message") or "no reason given")
    if status == 401:
        return PermissionError(
            f"the access token must be valid, but the Hub refused it (401: {said}); run hf auth login with a new one, "
            "or correct HF_TOKEN."
        )
    if status == 402:
        return PermissionError(
            f"{repo_id} must be covered by the account's plan, but the Hub asks for payment (402: {said}); check the "
            "plan on the Hub."
        )
    if status == 403:
        return PermissionError(
            f"the access token must be allowed to write to {repo_id}, but is not (403: {said}); give it write "
            "permission in the settings of the Hub, or log in with another."
        )
    if status in (409, 412):
        return RuntimeError(
            f"{repo_id} must not change during the publication, but did ({status}: {said}); run the same command again."
        )
    if status == 429:
        return ConnectionError(
            f"the Hub's rate limit was exceeded (429: {said}); wait a few minutes and run the command again."
        )
    if status >= 500:
        return ConnectionError(
            f"the Hub must accept the request, but failed ({status}: {said}); run the same command again: files "
            "already sent are not sent again, and no partial state is visible."
        )
    return ValueError(f"the Hub must accept the upload to {repo_id}, but refused it ({status}: {said}); correct that.")


def redact(text: str) -> str:
    """Text without the access token of this machine and anything else that looks like one.

    Example:
        >>> redact("https://me:secret@huggingface.co, hf_abcdefgh")
        'https://***@huggingface.co, ***'
    """
    token = get_token()
    return TOKEN.sub("***", text.replace(token, "***") if token else text)
