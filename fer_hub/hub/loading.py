"""Explains in one sentence why a checkpoint does not load and what to do."""

import re
from pathlib import Path

from huggingface_hub import constants, get_token
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    LocalEntryNotFoundError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from fer_hub.environment import causes, environment_problem
from fer_hub.hub.remote import redact

FILES = ("config.json", "model.safetensors", "preprocessor_config.json")
"""Files needed to load a checkpoint, besides its code."""


def explain_load_error(checkpoint: str | Path, error: BaseException, *, revision: str | None = None) -> Exception:
    """Translate what transformers, safetensors and the Hub's client raise when a checkpoint is loaded.

    Args:
        checkpoint: the folder or Hub id that could not be loaded.
        error: the exception raised.
        revision: the requested revision.

    Returns:
        The exception to raise instead: FileNotFoundError for a missing folder, repository, revision or file,
        PermissionError where access is denied, ConnectionError without network or cache, ValueError for a broken or
        foreign checkpoint. An error that already is one clear sentence (such as `FERConfig`'s, for an unknown
        architecture or a newer format) is returned unchanged.

    Example:
        >>> raise explain_load_error("runs/fer/final", HFValidationError("Repo id must be ..."))
        Traceback (most recent call last):
        ...
        FileNotFoundError: the checkpoint must be a folder or a Hub id, got 'runs/fer/final': there is no such ...
    """
    name, chain = repr(redact(str(checkpoint))), list(causes(error))
    if problem := environment_problem(chain):
        return problem
    if isinstance(error, ValueError) and "trust_remote_code" in str(error):
        told = _needs_trust(name)
    elif Path(checkpoint).is_dir():
        told = _explain_folder(Path(checkpoint), name)
    else:
        told = next(filter(None, (_explain_hub(name, cause, revision) for cause in chain)), None)
        told = told or _explain_network(name, chain, revision)
    told = told or _explain_content(name, error, chain) or error
    return told if isinstance(told, Exception) else RuntimeError(str(told))


def _explain_folder(folder: Path, name: str) -> Exception | None:
    """The sentence for a folder that lacks files."""
    missing = [f for f in FILES if not (folder / f).is_file() and not (folder / f"{f}.index.json").is_file()]
    pickles = sorted(path.name for path in folder.glob("*.bin"))
    there = f" (and has {', '.join(pickles)}, a pickle, which is not loaded)" if pickles else ""
    return _lacks(name, ", ".join(missing) + there) if missing else None


def _explain_content(name: str, error: BaseException, chain: list[BaseException]) -> Exception | None:
    """The sentence for missing or broken files, derived from the error of transformers."""
    broken = next((cause for cause in chain if type(cause).__name__ == "SafetensorError"), None)
    if broken is not None:
        return ValueError(
            f"model.safetensors must be a complete safetensors file, but that of {name} cannot be read ({broken}); "
            "copy or download it again."
        )
    if isinstance(error, OSError):  # the text names the file, and preprocessor_config.json is not config.json
        found = next((f for f in FILES if re.search(rf"(?<![\w.-]){re.escape(f)}", str(error))), None)
        return _lacks(name, found) if found else None
    if isinstance(error, ValueError) and "`model_type` key" in str(error):
        return _lacks(name, "config.json (or a model_type in it)")
    if isinstance(error, ValueError) and "does not recognize this architecture" in str(error):
        return ValueError(
            f"the checkpoint must have an architecture that transformers or fer_hub supports, but {name} does not; "
            "upgrade both if the checkpoint is newer."
        )
    return None


def _explain_hub(name: str, cause: BaseException, revision: str | None) -> Exception | None:
    """The sentence for one error of huggingface_hub, None for any other error."""
    if isinstance(cause, HFValidationError):
        return FileNotFoundError(
            f"the checkpoint must be a folder or a Hub id, got {name}: there is no such folder, and Hub ids are "
            "owner/name; correct it."
        )
    if isinstance(cause, GatedRepoError):
        return PermissionError(
            f"you must have access to the checkpoint, but {name} is gated; request access on its page, then run hf "
            "auth login."
        )
    if isinstance(cause, RepositoryNotFoundError):
        login = (
            "or log in with a token that may read it" if get_token() else "or run hf auth login (or set HF_TOKEN) if so"
        )
        return FileNotFoundError(
            f"the checkpoint must be a local folder or a repository on the Hub, but {name} is neither, or it is "
            f"private; correct the name, {login}."
        )
    if isinstance(cause, RevisionNotFoundError):
        return FileNotFoundError(
            f"revision must be a branch, tag or commit of the checkpoint, but {name} has no {revision!r}; omit it to "
            "load the latest."
        )
    if isinstance(cause, RemoteEntryNotFoundError):
        file = str(cause.response.url).rpartition("/")[2]
        return _lacks(name, file)
    if isinstance(cause, HfHubHTTPError) and cause.response.status_code in (401, 403):
        return PermissionError(
            f"you must have access to the checkpoint, but the Hub refused the access token for {name} "
            f"({cause.response.status_code}); run hf auth login, or correct HF_TOKEN."
        )
    return None


def _explain_network(name: str, chain: list[BaseException], revision: str | None) -> Exception | None:
    """The sentence where the cache is empty and the Hub is unreachable or offline mode is set."""
    asked = any(isinstance(cause, (HTTPError, ConnectionError)) for cause in chain)
    if not asked and not any(isinstance(cause, LocalEntryNotFoundError) for cause in chain):
        return None
    which = f"{name}{f' at revision {revision!r}' if revision else ''}"
    if constants.HF_HUB_OFFLINE or not asked:
        what = "HF_HUB_OFFLINE" if constants.HF_HUB_OFFLINE else "local_files_only"
        return ConnectionError(
            f"the checkpoint must be in the cache while {what} is set, but {which} is not; load it once while online, "
            "or pass a folder."
        )
    return ConnectionError(
        f"the checkpoint must come from the Hub, as {which} is not in the cache, but the Hub at {constants.ENDPOINT} "
        "does not respond; check the network connection, or pass a folder."
    )


def _lacks(name: str, files: str) -> FileNotFoundError:
    return FileNotFoundError(
        f"the checkpoint must contain {', '.join(FILES)}, but {name} lacks {files}; save model and image processor "
        "again with save_pretrained."
    )


def _needs_trust(name: str) -> ValueError:
    return ValueError(
        f"the checkpoint must have an architecture that transformers or fer_hub supports, but {name} comes with its "
        "own code; review that code, then pass trust_remote_code=True to run it."
    )
