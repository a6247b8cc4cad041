"""The demo's stream: whole, small, the same every time, and playable where buyers are."""

from __future__ import annotations

import functools
import http.server
import threading
from array import array
from collections.abc import Iterator
from pathlib import Path

import av
import pytest
from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import sync_playwright

from server.demo.stream import encode, make_stream, stream_in
from server.demo.studio.drawing import lettering
from server.demo.studio.music import PHRASE_S, RATE, music
from server.demo.studio.portraits import ASSETS, pictures
from server.demo.studio.stage import FRAMES_A_SECOND, HEIGHT, LENGTH_S, TURN_S, WIDTH, Stage

FRAMES = LENGTH_S * FRAMES_A_SECOND
MOST_BYTES = 3_000_000
"""What a phone may load before it sees anything but the poster."""


@pytest.fixture(scope="session")
def stage() -> Stage:
    return Stage()


def difference(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of two pictures' pixels, of 255."""
    return float(max(ImageStat.Stat(ImageChops.difference(one, other)).mean))


def test_every_frame_and_all_sound_can_be_decoded(stream: Path) -> None:
    with av.open(stream) as file:
        sizes = [(frame.width, frame.height, frame.pts or 0) for frame in file.decode(video=0)]
        rate = file.streams.video[0].average_rate
        length = float(file.duration or 0) / 1_000_000
    with av.open(stream) as file:
        heard = [(frame.samples, bytes(frame.planes[0])) for frame in file.decode(audio=0)]
    assert len(sizes) == FRAMES
    assert {size[:2] for size in sizes} == {(WIDTH, HEIGHT)} == {(540, 960)}
    times = [size[2] for size in sizes]
    assert times == sorted(set(times))
    assert rate == FRAMES_A_SECOND
    assert length == pytest.approx(LENGTH_S, abs=0.1)
    assert 30 <= LENGTH_S <= 60
    assert sum(samples for samples, _ in heard) / RATE == pytest.approx(LENGTH_S, abs=0.1)
    loud = [max(array("f", plane[: 4 * samples]), default=0) for samples, plane in heard]
    for second in range(LENGTH_S):
        part = loud[second * len(loud) // LENGTH_S : (second + 1) * len(loud) // LENGTH_S]
        assert 0.02 < max(part) <= 1, f"second {second} is silent or too loud"


def test_the_stream_is_small_and_can_play_while_it_loads(stream: Path) -> None:
    content = stream.read_bytes()
    assert len(content) <= MOST_BYTES
    assert content.index(b"moov") < content.index(b"mdat")


def test_what_is_decoded_is_what_was_drawn(stream: Path, stage: Stage) -> None:
    wanted = {0, 100, FRAMES // 2, FRAMES - 1}
    with av.open(stream) as file:
        for number, frame in enumerate(file.decode(video=0)):
            if number in wanted:
                drawn = stage.frame(number)
                assert difference(frame.to_image(), drawn) < 4  # type: ignore[no-untyped-call]


def test_frames_do_not_depend_on_what_was_drawn_before(stage: Stage) -> None:
    again = Stage()
    for number in (950, 7, 333, 700):
        assert again.frame(number).tobytes() == stage.frame(number).tobytes()


def test_the_end_of_the_loop_meets_its_beginning(stage: Stage) -> None:
    seam = difference(stage.frame(FRAMES - 1), stage.frame(0))
    usual = max(difference(stage.frame(n), stage.frame(n + 1)) for n in range(300, 320))
    assert seam <= usual
    assert stage.frame(FRAMES).tobytes() == stage.frame(0).tobytes()


def test_each_product_is_seen_during_its_turn(stage: Stage) -> None:
    for which in range(3):
        middle = stage.frame((which * TURN_S + 8) * FRAMES_A_SECOND)
        for other in range(3):
            if other != which:
                another = stage.frame((other * TURN_S + 8) * FRAMES_A_SECOND)
                assert difference(middle, another) > 15


def test_the_same_frames_and_sound_make_the_same_bytes(tmp_path: Path, stage: Stage) -> None:
    samples = bytes(music(PHRASE_S)[: 2 * RATE])
    made = []
    for name in ("one.mp4", "other.mp4"):
        encode(tmp_path / name, (stage.frame(number) for number in range(0, 200, 5)), samples)
        made.append((tmp_path / name).read_bytes())
    assert made[0] == made[1]


def test_a_made_stream_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []

    def pretend(path: Path) -> None:
        made.append(path)
        path.write_bytes(b"stream")

    monkeypatch.setattr("server.demo.stream.make_stream", pretend)
    assert stream_in(tmp_path) == stream_in(tmp_path)
    assert len(made) == 1


def test_a_failed_making_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_off(self: Stage, number: int) -> Image.Image:
        if number == 3:
            raise RuntimeError("the drawing broke off")
        return Image.new("RGB", (WIDTH, HEIGHT))

    monkeypatch.setattr(Stage, "frame", break_off)
    monkeypatch.setattr("server.demo.stream.music", lambda length_s: array("h", [0]))
    with pytest.raises(RuntimeError, match="broke off"):
        make_stream(tmp_path / "stream.mp4")
    assert list(tmp_path.iterdir()) == []


def test_the_kept_pictures_are_those_that_are_drawn() -> None:
    drawn = pictures()
    assert {path.name for path in ASSETS.iterdir()} == set(drawn)
    for name, picture in drawn.items():
        kept = Image.open(ASSETS / name).convert("RGB")
        assert kept.size == picture.size
        assert difference(kept, picture) < 3, f"{name} is old: run python -m server.demo.studio.portraits"


def test_a_price_has_its_currency_sign() -> None:
    assert lettering("¥129", 36).width > lettering("129", 36).width * 1.2
    with_bars, without = lettering("¥", 36), lettering("Y", 36)
    assert ImageStat.Stat(with_bars).sum[0] > ImageStat.Stat(without).sum[0]


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Tests need no log of requests."""


@pytest.fixture
def address(stream: Path) -> Iterator[str]:
    """The stream's folder over HTTP."""
    handler = functools.partial(_Quiet, directory=str(stream.parent))
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join(timeout=10)


def test_the_stream_plays_with_sound_in_chromium_and_loops(
    address: str, stream: Path, chromium_path: str
) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_path, args=["--autoplay-policy=no-user-gesture-required"]
        )
        page = browser.new_page()
        page.goto(f"{address}/")
        page.set_content(f'<video src="{address}/{stream.name}" loop playsinline></video>')
        seen = page.evaluate(
            """async () => {
                const video = document.querySelector('video')
                const heard = (name) => new Promise((done, failed) => {
                    video.addEventListener(name, done, {once: true})
                    video.addEventListener('error', () => failed(video.error.message), {once: true})
                })
                await Promise.all([heard('timeupdate'), video.play()])
                while (video.currentTime < 0.5) await heard('timeupdate')
                const sound = video.webkitAudioDecodedByteCount
                const end = heard('seeked')
                video.currentTime = video.duration - 0.3
                await end
                while (video.currentTime > 1) await heard('timeupdate')
                return [video.videoWidth, video.videoHeight, video.duration, sound, video.paused]
            }"""
        )
        browser.close()
    width, height, length, sound, paused = seen
    assert (width, height) == (WIDTH, HEIGHT)
    assert length == pytest.approx(LENGTH_S, abs=0.1)
    assert sound > 0
    assert not paused
