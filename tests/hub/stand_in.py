"""A stand-in for the Hugging Face Hub on loopback: repositories in memory, served over real HTTP.

    with HubStandIn() as hub:
        environment = os.environ | hub.environment(home)      # for a subprocess
        api = HfApi(endpoint=hub.url, token=WRITE_TOKEN)      # for this process

It speaks the routes that huggingface_hub needs for models and Spaces: whoami, create, settings, branches, variables,
info, tree, preupload, LFS upload, commit, download. What it stores can be looked at in `hub.repositories`, what it was
asked in `hub.requests`, and `hub.fail(...)` makes the next matching request fail.
"""

import base64
import hashlib
import json
import re
import threading
from fnmatch import fnmatch
from pathlib import Path
from urllib.parse import parse_qs, unquote

import yaml

from tests.hub.stand_in_http import Answer, Refusal, Server, json_answer
from tests.hub.stand_in_repository import Commit, Repository, blob_id

OWNER, TEAM = "user", "team"
WRITE_TOKEN, READ_TOKEN, FINE_TOKEN = "hf_standInWrite", "hf_standInRead", "hf_standInFine"
TOKENS = {WRITE_TOKEN: (OWNER, "write"), READ_TOKEN: (OWNER, "read"), FINE_TOKEN: (OWNER, "fineGrained")}
"""Token → (user, role). The fine-grained one may read everything of its user and write nothing."""


class HubStandIn:
    """See the module; `large_from` is the size in bytes from which a file is asked for as an LFS object."""

    def __init__(self, large_from: int | None = None):
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.objects: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.large_from = large_from
        self._failures: list[list] = []
        self._lock = threading.Lock()

    def __enter__(self) -> "HubStandIn":
        self._server = Server(self.serve)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def environment(self, home: Path, token: str | None = WRITE_TOKEN) -> dict[str, str]:
        """Variables for a subprocess that shall take this for the Hub, with a cache of its own under `home`."""
        values = {"HF_ENDPOINT": self.url, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0",
                  "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_UPDATE_CHECK": "1",
                  "NO_PROXY": "127.0.0.1"}  # fmt: skip
        return values | ({"HF_TOKEN": token} if token else {})

    def model(self, name: str) -> Repository:
        return self.repositories["models", name]

    def space(self, name: str) -> Repository:
        return self.repositories["spaces", name]

    def fail(self, method: str, part: str, status: int, times: int = 1) -> None:
        """Answer the next requests of this method whose path contains `part` with an error."""
        self._failures.append([method, part, status, times])

    def seen(self, part: str) -> list[str]:
        """Requests, as "METHOD path", that contain `part`."""
        return [line for line in self.requests if part in line]

    def serve(self, method: str, path: str, query: dict, body: bytes, token: str) -> Answer:
        if token and token not in TOKENS:
            raise Refusal(401, "Invalid credentials in Authorization header")
        with self._lock:
            self.requests.append(f"{method} {path}")
            return self._answer("GET" if method == "HEAD" else method, path, query, body, TOKENS.get(token))

    def _answer(self, method: str, path: str, query: dict, body: bytes, user: tuple[str, str] | None) -> Answer:
        for failure in self._failures:
            if failure[0] == method and failure[1] in path and failure[3]:
                failure[3] -= 1
                raise Refusal(failure[2], "made to fail")
        if path == "/api/whoami-v2":
            if user is None:
                raise Refusal(401, "Invalid username or password.")
            return json_answer({"type": "user", "name": user[0], "orgs": [{"name": TEAM}] if user[0] == OWNER else [],
                          "auth": {"accessToken": {"displayName": "t", "role": user[1]}}})  # fmt: skip
        if path == "/api/validate-yaml":
            return self._validate_card(json.loads(body))
        if path == "/api/repos/create":
            return self._create(json.loads(body), user)
        if found := re.fullmatch(r"/storage/([0-9a-f]{64})", path):
            return self._store(found[1], body)
        if found := re.fullmatch(r"/(?:(spaces|datasets)/)?([^/]+/[^/]+)\.git/info/lfs/objects/batch", path):
            self._find(found[1] or "models", found[2], user, write=True)
            return self._batch(json.loads(body))
        if found := re.fullmatch(r"/(?:(spaces|datasets)/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            repository = self._find(found[1] or "models", found[2], user)
            return self._download(repository, unquote(found[3]), unquote(found[4]))
        if found := re.fullmatch(r"/api/(models|spaces|datasets)/([^/]+/[^/]+)(?:/(.+))?", path):
            return self._about(method, found[1], found[2], found[3] or "", query, body, user)
        raise Refusal(404, f"no such route: {method} {path}")

    def _about(self, method, kind, name, rest, query, body, user):
        verb, _, tail = rest.partition("/")
        repository = self._find(kind, name, user, write=method != "GET" and verb != "paths-info")
        if verb in ("", "revision"):
            sha = self._revision(repository, unquote(tail) or "main")
            card = _front_matter(repository.commits[sha].files.get("README.md", b"").decode())
            return json_answer({"_id": sha[:24], "id": name, "modelId": name, "sha": sha, "private": repository.private,
                          "tags": card.get("tags", []), "cardData": card, "downloads": 0, "likes": 0,
                          "siblings": [{"rfilename": path} for path in sorted(repository.commits[sha].files)],
                          "createdAt": "2026-01-01T00:00:00.000Z"})  # fmt: skip
        if verb == "tree":
            revision, _, folder = tail.partition("/")
            return json_answer(self._tree(repository, unquote(revision), unquote(folder), query))
        if verb == "paths-info":
            wanted = parse_qs(body.decode()).get("paths", [])
            rows = self._tree(repository, unquote(tail), "", {"recursive": ["true"]})
            return json_answer([row for row in rows if row["path"] in wanted])
        if verb == "refs":
            rows = [{"name": n, "ref": f"refs/heads/{n}", "targetCommit": s} for n, s in repository.branches.items()]
            return json_answer({"branches": rows, "tags": [], "converts": []})
        if verb == "settings":
            settings = json.loads(body)
            if {"private", "visibility"} & set(settings):
                repository.private = _is_private(settings)
            return json_answer({"private": repository.private})
        if verb == "variables":
            if method == "POST":
                row = json.loads(body)
                repository.variables[row["key"]] = row["value"]
            return json_answer({key: {"key": key, "value": value} for key, value in repository.variables.items()})
        if verb == "branch":
            if unquote(tail) in repository.branches:
                raise Refusal(409, "Reference already exists")
            repository.branches[unquote(tail)] = repository.branches["main"]
            return json_answer({})
        if verb == "preupload":
            return self._preupload(repository, unquote(tail), json.loads(body)["files"])
        if verb == "commit":
            return self._commit(kind, name, repository, unquote(tail), body)
        raise Refusal(404, f"no such route: {method} {verb}")

    def _find(self, kind, name, user, write=False) -> Repository:
        repository = self.repositories.get((kind, name))
        owners = {user[0], TEAM} if user and user[0] == OWNER else {user[0]} if user else set()
        if repository is None or (repository.private and name.split("/")[0] not in owners):
            if user is None:  # the Hub does not tell strangers whether a private repository exists
                raise Refusal(401, "Invalid username or password.", "RepoNotFound")
            raise Refusal(404, "Repository not found", "RepoNotFound")
        if write and user is None:
            raise Refusal(401, "Invalid username or password.")
        if write and (name.split("/")[0] not in owners or user[1] != "write"):
            raise Refusal(403, "You don't have the rights to write to this repository")
        return repository

    def _revision(self, repository, revision) -> str:
        sha = repository.resolve(revision)
        if sha is None:
            raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return sha

    def _create(self, wish, user):
        if user is None:
            raise Refusal(401, "Invalid username or password.")
        owner = wish.get("organization") or user[0]
        if user[1] != "write" or owner not in ({OWNER, TEAM} if user[0] == OWNER else {user[0]}):
            raise Refusal(403, f'You don\'t have the rights to create a repository under the namespace "{owner}".')
        kind, name = f"{wish.get('type', 'model')}s", f"{owner}/{wish['name']}"
        prefix = "" if kind == "models" else f"{kind}/"
        if (kind, name) in self.repositories:
            raise Refusal(409, "You already created this repo")
        repository = Repository(_is_private(wish), wish, {r["key"]: r["value"] for r in wish.get("variables", [])})
        files = {".gitattributes": b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n"}
        repository.add("main", Commit(files, "initial commit", None))
        self.repositories[kind, name] = repository
        return json_answer({"url": f"{self.url}/{prefix}{name}", "id": name, "name": name})

    def _validate_card(self, wish):
        try:
            card = _front_matter(wish["content"])
            if wish["repoType"] == "space" and len(card.get("short_description", "")) > 60:
                raise ValueError('"short_description" length must be less than or equal to 60 characters long')
            if wish["repoType"] == "space" and card.get("sdk") not in ("gradio", "docker", "static"):
                raise ValueError('"sdk" must be one of [gradio, docker, static]')
        except (ValueError, yaml.YAMLError) as error:
            return 400, {}, json.dumps({"errors": [{"message": str(error)}], "warnings": []}).encode()
        warnings = [] if card else [{"message": "empty or missing yaml metadata in repo card"}]
        return json_answer({"errors": [], "warnings": warnings})

    def _tree(self, repository, revision, folder, query):
        commit = repository.commits[self._revision(repository, revision)]
        rows, folders = [], {}
        for path, data in sorted(commit.files.items()):
            if folder and not path.startswith(f"{folder}/"):
                continue
            inside = path[len(folder) + 1 :] if folder else path
            if "/" in inside and query.get("recursive", ["false"])[0].lower() != "true":
                top = "/".join(filter(None, (folder, inside.split("/")[0])))
                folders[top] = {"type": "directory", "path": top, "oid": blob_id(top.encode()), "size": 0}
                continue
            row = {"type": "file", "path": path, "size": len(data), "oid": blob_id(data)}
            if path in commit.large:
                row["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 128}
            rows.append(row)
        return [*folders.values(), *rows]

    def _preupload(self, repository, revision, files):
        present = repository.commits[self._revision(repository, revision)]
        ignore, rows = present.files.get(".gitignore", b"").decode().split(), []
        for file in files:
            large = self.large_from is not None and file["size"] >= self.large_from
            data = present.files.get(file["path"])
            oid = None if data is None else hashlib.sha256(data).hexdigest() if large else blob_id(data)
            ignored = any(fnmatch(file["path"], pattern) for pattern in ignore)
            row = {"path": file["path"], "uploadMode": "lfs" if large else "regular", "shouldIgnore": ignored}
            rows.append(row | ({"oid": oid} if oid else {}))
        return json_answer({"files": rows})

    def _batch(self, wish):
        rows = []
        for item in wish["objects"]:
            row = {"oid": item["oid"], "size": item["size"]}
            if item["oid"] not in self.objects:
                row["actions"] = {"upload": {"href": f"{self.url}/storage/{item['oid']}"}}
            rows.append(row)
        return json_answer({"transfer": "basic", "objects": rows})

    def _store(self, oid, body):
        if hashlib.sha256(body).hexdigest() != oid:
            raise Refusal(400, "content does not fit its sha256")
        self.objects[oid] = body
        return json_answer({})

    def _commit(self, kind, name, repository, branch, body):
        lines = [json.loads(line) for line in body.splitlines()]
        header = next(line["value"] for line in lines if line["key"] == "header")
        parent = repository.branches.get(branch)
        if parent is None:
            raise Refusal(404, f"Invalid rev id: {branch}", "RevisionNotFound")
        if header.get("parentCommit") not in (None, parent):
            raise Refusal(412, "A commit has happened since. Please refresh and try again.")
        before = repository.commits[parent]
        after = Commit(dict(before.files), header["summary"], parent, set(before.large))
        for line in lines:
            path = line["value"].get("path", "")
            if line["key"] == "file":
                after.files[path] = base64.b64decode(line["value"]["content"])
                after.large.discard(path)
            elif line["key"] == "lfsFile":
                after.files[path] = self.objects[line["value"]["oid"]]
                after.large.add(path)
            elif line["key"] == "deletedFile":
                del after.files[path]
            elif line["key"] != "header":
                raise Refusal(400, f"unknown operation {line['key']}")
        sha = repository.add(branch, after)
        prefix = "" if kind == "models" else f"{kind}/"
        return json_answer({"success": True, "commitOid": sha, "commitUrl": f"{self.url}/{prefix}{name}/commit/{sha}"})

    def _download(self, repository, revision, path):
        sha = self._revision(repository, revision)
        commit = repository.commits[sha]
        if path not in commit.files:
            raise Refusal(404, "Entry not found", "EntryNotFound")
        data = commit.files[path]
        headers = {"X-Repo-Commit": sha, "ETag": f'"{blob_id(data)}"', "Accept-Ranges": "bytes"}
        if path in commit.large:
            headers |= {"X-Linked-Size": str(len(data)), "X-Linked-Etag": f'"{hashlib.sha256(data).hexdigest()}"'}
        return 200, headers, data


def _is_private(wish: dict) -> bool:
    return wish.get("visibility") == "private" or bool(wish.get("private"))


def _front_matter(text: str) -> dict:
    found = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
    return yaml.safe_load(found[1]) or {} if found else {}
