"""What the Hub's stand-in stores: repositories as commits of whole file trees, in memory."""

import hashlib
from dataclasses import dataclass, field


@dataclass
class Commit:
    files: dict[str, bytes]
    message: str
    parent: str | None
    large: set[str] = field(default_factory=set)  # paths stored as LFS objects


@dataclass
class Repository:
    """Commits by their sha, branches by their name; `main` exists from the start."""

    private: bool
    settings: dict = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)

    def change(self, message: str, branch: str = "main", **files: bytes | None) -> str:
        """Commit as somebody else would: `files` maps paths to new content, None deletes; returns the sha."""
        parent = self.branches.get(branch)
        after = dict(self.commits[parent].files) | files if parent else files
        return self.add(
            branch, Commit({path: data for path, data in after.items() if data is not None}, message, parent)
        )

    def add(self, branch: str, commit: Commit) -> str:
        tree = [f"{path} {blob_id(data)}" for path, data in sorted(commit.files.items())]
        sha = hashlib.sha1("\n".join([str(len(self.commits)), commit.message, *tree]).encode()).hexdigest()
        self.commits[sha], self.branches[branch] = commit, sha
        return sha

    def resolve(self, revision: str) -> str | None:
        return self.branches.get(revision) or (revision if revision in self.commits else None)

    def files(self, revision: str = "main") -> dict[str, bytes]:
        """Path → content at a branch or commit."""
        return self.commits[self.resolve(revision)].files

    def history(self, branch: str = "main") -> list[str]:
        """Messages of a branch's commits, the newest first."""
        messages, sha = [], self.branches[branch]
        while sha:
            messages.append(self.commits[sha].message)
            sha = self.commits[sha].parent
        return messages


def blob_id(data: bytes) -> str:
    """git's name for a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
