"""The page of private mode as a static Space."""

import json

import pytest
from huggingface_hub import RepoCard

from fer_hub.hub import publish_static_space
from fer_hub.hub.static_files import plan_static_space
from fer_hub.web.private_page import OWN, SOURCE


@pytest.fixture
def built(tmp_path):
    """What a static Space takes of a built page: its own files, and small ones in place of npm's and the network."""
    folder = tmp_path / "page"
    (folder / "vendor" / "mediapipe").mkdir(parents=True)
    for name in OWN:
        (folder / name).write_bytes((SOURCE / name).read_bytes())
    (folder / "config.json").write_text(json.dumps({"measured": "Network x: 8 expressions"}))
    for name in ("model.onnx", "LICENSE", "NOTICE", "page.css", "vendor/mediapipe/vision_wasm_internal.wasm"):
        (folder / name).write_bytes(f"content of {name}".encode())
    return folder


def publish(folder, api, name="user/private", **options):
    said = []
    done = publish_static_space(folder, name, "Network x: 8 expressions", api=api, say=said.append, **options)
    return done, "\n".join(said)


def test_a_static_space_has_the_page_and_its_settings(hub, api, built):
    result, said = publish(built, api, public=True)
    space = hub.space("user/private")
    files = space.files()
    assert space.settings["sdk"] == "static" and not space.private and not space.variables
    for path in built.rglob("*"):
        if path.is_file():
            assert files[path.relative_to(built).as_posix()] == path.read_bytes()
    card = RepoCard(files["README.md"].decode()).data.to_dict()
    assert (card["sdk"], card["app_file"], card["license"]) == ("static", "index.html", "apache-2.0")
    assert 0 < len(card["short_description"]) <= 60 and "Network x: 8 expressions." in files["README.md"].decode()
    assert "*.wasm filter=lfs" in files[".gitattributes"].decode()
    assert said.endswith(f"is up to date at commit {result.commit[:8]}.")
    (built / "crop.mjs").unlink()
    (built / "LICENSE").write_bytes(b"another")
    space.change("by hand", **{"notes.md": b"hers"})
    publish(built, api)
    files = hub.space("user/private").files()
    assert "crop.mjs" not in files and files["notes.md"] == b"hers" and files["LICENSE"] == b"another"


def test_a_dry_run_sends_nothing(hub, api, built, tmp_path):
    asked = len(hub.requests)
    _, said = publish(built, api, "user/dry", dry_run=True)
    assert "\n  new      page.mjs" in said and said.endswith("Dry run: nothing was sent.")
    publish(built, api, "user/dry", stage=tmp_path / "stage")
    assert (tmp_path / "stage" / "README.md").is_file() and (tmp_path / "stage" / "index.html").is_file()
    assert ("spaces", "user/dry") not in hub.repositories
    assert [line for line in hub.requests[asked:] if not line.startswith("GET")] == []


def test_a_folder_that_is_no_built_page_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"lacks index\.html, page\.mjs, .*; build it there"):
        plan_static_space(tmp_path, "user/private", "")


def test_a_wasm_file_may_be_as_large_as_weights(built):
    with (built / "vendor" / "mediapipe" / "vision_wasm_internal.wasm").open("wb") as file:
        file.truncate(20_000_000)
    assert plan_static_space(built, "user/private", "").size > 20_000_000
    with (built / "page.css").open("wb") as file:
        file.truncate(20_000_000)
    with pytest.raises(ValueError, match=r"page\.css must be at most"):
        plan_static_space(built, "user/private", "")
