"""Checks that memory does not grow with the length of a video: prints the peaks of a short and a long one.

    python benchmarks/video_memory.py
    python benchmarks/video_memory.py --minutes 1 10 --size 640x360 --fps 10

Two faces from examples/ move over a background; each video is made, and then analysed, in a separate process with
annotated video, sound, CSV, JSON and plot. The floor is the memory of that process after checkpoint, detector and one
batch of frames have been used. The exit code is 1 if the peak of the last video exceeds --ceiling times that of the
first.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def peak_mb() -> float:
    """Highest resident memory of this process so far, in MB (1 MB = 1,000,000 bytes)."""
    try:
        # not getrusage, whose peak includes the parent process
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) * 1024 / 1e6
    except FileNotFoundError:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def make_video(path: Path, seconds: float, size: tuple[int, int], fps: int, people: int = 2) -> None:
    """A video of one or two faces that bounce between the edges, with a tone."""
    from fractions import Fraction

    import av
    import numpy as np
    from PIL import Image

    width, height = size
    side = height * 2 // 5
    faces = []
    for name, box in (("astronaut", (120, 0, 330, 210)), ("grace_hopper", (0, 0, 512, 512)))[:people]:
        faces.append(Image.open(ROOT / "examples" / f"{name}.jpg").convert("RGB").crop(box).resize((side, side)))
    ramp = np.add.outer(np.linspace(60, 120, height), np.linspace(0, 60, width)).astype(np.uint8)
    background = Image.merge("RGB", [Image.fromarray(ramp)] * 3)
    with av.open(str(path), "w") as file:
        video = file.add_stream("libx264", rate=fps, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        sound = file.add_stream("aac", rate=44100, layout="mono")
        done = 0
        for index in range(round(seconds * fps)):
            picture = background.copy()
            for row, face in enumerate(faces):
                way = (width - side) * 2
                place = (index * (3 + row) + row * way // 3) % way
                picture.paste(face, (min(place, way - place), row * height // 2 + height // 20))
            frame = av.VideoFrame.from_image(picture)
            frame.pts, frame.time_base = index, Fraction(1, fps)
            file.mux(video.encode(frame))
            until = (index + 1) * 44100 // fps
            wave = np.sin(2 * np.pi * 440 * np.arange(done, until) / 44100) * 8000
            piece = av.AudioFrame.from_ndarray(wave.astype(np.int16)[None], "s16", "mono")
            piece.sample_rate, piece.pts, done = 44100, done, until
            file.mux(sound.encode(piece))
        file.mux(video.encode(None))
        file.mux(sound.encode(None))


def analyse(path: Path, checkpoint: str, every: int) -> dict:
    """Results of one analysis: floor and peak in MB, frames, seconds of video and of work."""
    import torch
    from transformers.utils.logging import disable_progress_bar

    from fer_hub import FERPipeline
    from fer_hub.images import load_image
    from fer_hub.video.analysis import analyse_video, video_info
    from fer_hub.video.following import BATCH_FRAMES

    torch.set_num_threads(1)
    disable_progress_bar()
    with FERPipeline.from_pretrained(checkpoint) as pipeline:
        info = video_info(path)
        portrait = load_image(ROOT / "examples" / "astronaut.jpg").resize((info.width, info.height))
        pipeline([portrait] * BATCH_FRAMES)
        floor = peak_mb()
        begin = time.perf_counter()
        summary = analyse_video(
            pipeline,
            path,
            output=path.with_suffix(".annotated.mp4"),
            csv=path.with_suffix(".csv"),
            json=path.with_suffix(".json"),
            timeline=path.with_suffix(".png"),
            every=every,
        )
        work = time.perf_counter() - begin
    return {"floor": floor, "peak": peak_mb(), "work": work, **summary.to_dict()}


def main() -> int:
    """Make and analyse the videos; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", nargs="+", type=float, default=[1, 10], help="lengths, the shortest first (1 10)")
    parser.add_argument("--size", default="640x360", help="of the videos (%(default)s)")
    parser.add_argument("--fps", type=int, default=10, help="frames per second (%(default)s)")
    parser.add_argument("--every", type=int, default=1, help="analyse every n-th frame (%(default)s)")
    parser.add_argument("--ceiling", type=float, default=1.1, help="largest allowed ratio of the peaks (%(default)s)")
    parser.add_argument("--checkpoint", default=str(ROOT / "checkpoints" / "fer2013"), help="folder or Hub id")
    parser.add_argument("--step", nargs=2, help=argparse.SUPPRESS)  # one process of the two per video
    args = parser.parse_args()
    if args.step:
        path = Path(args.step[1])
        if args.step[0] == "make":
            make_video(path, args.minutes[0] * 60, tuple(map(int, args.size.split("x"))), args.fps)
        else:
            print(json.dumps(analyse(path, args.checkpoint, args.every)))
        return 0
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    print(f"{args.size} at {args.fps} frames per second, two faces; 1 MB = 1,000,000 bytes")
    print("minutes   frames   floor MB   peak MB   frames/s   faces")
    peaks = []
    for minutes in args.minutes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "video.mp4"
            given = ["--minutes", str(minutes), "--size", args.size, "--fps", str(args.fps), "--every", str(args.every)]
            command = [sys.executable, __file__, *given, "--checkpoint", args.checkpoint, "--step"]
            subprocess.run([*command, "make", path], env=environment, check=True)
            done = subprocess.run([*command, "analyse", path], env=environment, check=True, stdout=subprocess.PIPE)
        found = json.loads(done.stdout.splitlines()[-1])
        peaks.append(found["peak"])
        print(
            f"{minutes:7g} {found['frames']:8d} {found['floor']:10.0f} {found['peak']:9.0f} "
            f"{found['frames'] / found['work']:10.1f} {found['face_count']:7d}",
            flush=True,
        )
    ratio = peaks[-1] / peaks[0]
    print(f"peak of the last / peak of the first: {ratio:.3f} (ceiling {args.ceiling:g})")
    return int(ratio > args.ceiling)


if __name__ == "__main__":
    raise SystemExit(main())
