"""Why a checkpoint does not load, in one sentence that says what to do."""

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

from fer_hub.hub.remote import causes, redact

FILES = ("config.json", "model.safetensors", "preprocessor_config.json")
"""What a checkpoint needs to be loaded, beside its code."""


def explain_load_error(checkpoint: str | Path, error: BaseException, *, revision: str | None = None) -> Exception:
    """Translate what transformers, safetensors and the Hub's client raise when a checkpoint is loaded.

    Args:
        checkpoint: the folder or Hub id that was to be loaded.
        error: what was raised.
        revision: the revision that was asked for.

    Returns:
        The exception to raise instead: FileNotFoundError for a folder, repository, revision or file that is not
        there, PermissionError for one that may not be read, ConnectionError without network or cache, ValueError for
        a broken or foreign checkpoint. An error that already is one clear sentence (such as `FERConfig`'s, of an
        unknown architecture or a newer format) comes back as it is.

    Example:
        >>> raise explain_load_error("runs/fer/final", HFValidationError("Repo id must be ..."))
        Traceback (most recent call last):
        ...
        FileNotFoundError: the checkpoint must be a folder or a Hub id, got 'runs/fer/final': there is no such ...
    """
    name, chain = repr(redact(str(checkpoint))), list(causes(error))
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
    """The sentence for files that are there or not, and what is wrong in them, by what transformers says."""
    broken = next((cause for cause in chain if type(cause).__name__ == "SafetensorError"), None)
    if broken is not None:
        return ValueError(
            f"model.safetensors must be a whole safetensors file, that of {name} cannot be read ({broken}); copy or "
            "download it again."
        )
    if isinstance(error, OSError):  # the text names the file, and preprocessor_config.json is not config.json
        found = next((f for f in FILES if re.search(rf"(?<![\w.-]){re.escape(f)}", str(error))), None)
        return _lacks(name, found) if found else None
    if isinstance(error, ValueError) and "`model_type` key" in str(error):
        return _lacks(name, "config.json (or a model_type in it)")
    if isinstance(error, ValueError) and "does not recognize this architecture" in str(error):
        return ValueError(
            f"the checkpoint must be of an architecture that transformers or fer_hub knows, {name} is of none; upgrade "
            "both if it is newer."
        )
    return None


def _explain_hub(name: str, cause: BaseException, revision: str | None) -> Exception | None:
    """The sentence for one error of the Hub's client, None for any other error."""
    if isinstance(cause, HFValidationError):
        return FileNotFoundError(
            f"the checkpoint must be a folder or a Hub id, got {name}: there is no such folder, and Hub ids are "
            "owner/name; correct it."
        )
    if isinstance(cause, GatedRepoError):
        return PermissionError(
            f"the checkpoint must be one that you may read, {name} is gated; ask for access on its page, then run hf "
            "auth login."
        )
    if isinstance(cause, RepositoryNotFoundError):
        login = (
            "or log in with a token that may read it" if get_token() else "or run hf auth login (or set HF_TOKEN) if so"
        )
        return FileNotFoundError(
            f"the checkpoint must be a folder here or a repository on the Hub, {name} is neither, or it is private; "
            f"correct the name, {login}."
        )
    if isinstance(cause, RevisionNotFoundError):
        return FileNotFoundError(
            f"revision must be a branch, tag or commit of the checkpoint, {name} has no {revision!r}; leave it out "
            "for the newest."
        )
    if isinstance(cause, RemoteEntryNotFoundError):
        file = str(cause.response.url).rpartition("/")[2]
        return _lacks(name, file)
    if isinstance(cause, HfHubHTTPError) and cause.response.status_code in (401, 403):
        return PermissionError(
            f"the checkpoint must be one that you may read, the Hub refused the access token for {name} "
            f"({cause.response.status_code}); run hf auth login, or correct HF_TOKEN."
        )
    return None


def _explain_network(name: str, chain: list[BaseException], revision: str | None) -> Exception | None:
    """The sentence where the cache has nothing and the Hub did not answer or was not to be asked."""
    asked = any(isinstance(cause, (HTTPError, ConnectionError)) for cause in chain)
    if not asked and not any(isinstance(cause, LocalEntryNotFoundError) for cause in chain):
        return None
    which = f"{name}{f' at revision {revision!r}' if revision else ''}"
    if constants.HF_HUB_OFFLINE or not asked:
        what = "HF_HUB_OFFLINE" if constants.HF_HUB_OFFLINE else "local_files_only"
        return ConnectionError(
            f"the checkpoint must be in the cache while {what} is set, {which} is not; load it once with a network, or "
            "give a folder."
        )
    return ConnectionError(
        f"the checkpoint must come from the Hub, {which} is not in the cache and the Hub at {constants.ENDPOINT} does "
        "not answer; check the network, or give a folder."
    )


def _lacks(name: str, files: str) -> FileNotFoundError:
    return FileNotFoundError(
        f"the checkpoint must hold {', '.join(FILES)}, {name} lacks {files}; write it anew with save_pretrained of "
        "model and image processor."
    )


def _needs_trust(name: str) -> ValueError:
    return ValueError(
        f"the checkpoint must be of an architecture that transformers or fer_hub knows, {name} brings code of its own; "
        "read that code, then pass trust_remote_code=True to run it."
    )
