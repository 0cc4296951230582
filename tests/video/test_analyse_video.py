from fer_hub.commands import main
from tests.video.making import names_in


def test_command_line_goes_on_after_a_failure_and_names_it(people, clip, tiny_checkpoint, tmp_path, capsys):
    broken = tmp_path / "broken.mp4"
    broken.write_text("no video")
    twin = tmp_path / "people.mov"
    twin.write_bytes(people.read_bytes())
    folder = tmp_path / "made" / "here"
    options = ["--checkpoint", str(tiny_checkpoint), "--output", str(folder), "--every", "6", "--quiet"]
    code = main(["video", *map(str, (people, broken, twin)), *options, "--detection-model", "short_range"])
    printed = capsys.readouterr()
    assert code == 1
    kinds = (".annotated.mp4", ".csv", ".json", ".timeline.png")
    assert names_in(folder) == sorted([f"people{kind}" for kind in kinds] + [f"people-2{kind}" for kind in kinds])
    assert printed.err.endswith(
        f"1 of 3 videos failed:\n  {broken}: broken.mp4 must be a video file of a known format (MP4, MOV, WebM, MKV, "
        "AVI, ...), but is not or is damaged; convert it to MP4.\n"
    )
    assert printed.out.startswith("people.mp4: 12 frames (2 analysed) in 1.2 s of 480x270, ")
    assert f"  {folder / 'people-2.csv'}\n" in printed.out


def test_command_line_without_annotated_video(clip, tiny_checkpoint, tmp_path):
    options = ["--checkpoint", str(tiny_checkpoint), "--output", str(tmp_path), "--no-video", "--quiet"]
    assert main(["video", str(clip), *options]) == 0
    assert names_in(tmp_path) == ["clip.csv", "clip.json", "clip.timeline.png"]


def test_command_line_without_checkpoint(clip, tmp_path, capsys):
    code = main(["video", str(clip), "--checkpoint", "./nowhere", "--output", str(tmp_path / "out")])
    assert code == 1
    assert "./nowhere" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
