"""Pre-encoded media for the load client: VP8 and Opus, cut into RTP payloads once and played by everybody.

From a file (any container that FFmpeg reads, one VP8 and one Opus stream), or made here: FFmpeg's moving test
picture with noise on it, and a tone that rises, so that no two packets are the same.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
from av.filter import Graph
from av.video.stream import VideoStream

Kind = Literal["audio", "video"]

SECONDS = 20
WIDTH, HEIGHT, RATE, BITRATE = 640, 480, 30, 1_200_000
AUDIO_RATE, AUDIO_SAMPLES, AUDIO_BITRATE = 48_000, 960, 32_000
#: Bytes of VP8 in one packet; with all headers and the tag of SRTP it stays below 1 300.
PIECE = 1_200


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture or 20 ms of sound, as the payloads of its RTP packets."""

    at_s: float
    kind: Kind
    payloads: tuple[bytes, ...]
    keyframe: bool


@dataclass(frozen=True, slots=True)
class Clip:
    """Frames in the order of time; after `length_s` seconds it begins again."""

    frames: tuple[Frame, ...]
    length_s: float
    describes: str

    def starts(self) -> list[int]:
        """Where one may begin to play: a picture is whole there."""
        return [number for number, frame in enumerate(self.frames) if frame.keyframe]


def read(path: Path) -> Clip:
    """The clip in this file. Raises `ValueError` unless it is VP8 and Opus and starts at a keyframe."""
    frames = []
    with av.open(str(path)) as container:
        codecs = {stream.type: stream.codec_context.name for stream in container.streams}
        if not codecs.get("video", "").endswith("vp8") or "opus" not in codecs.get("audio", ""):
            raise ValueError(f"{path}: VP8 and Opus are needed, found {codecs}")
        picture = container.streams.video[0]
        describes = f"{path.name}, {picture.width}x{picture.height}"
        pictures = 0
        for packet in container.demux(picture, container.streams.audio[0]):
            if packet.pts is None or packet.time_base is None:
                continue
            at_s, data = max(0.0, float(packet.pts * packet.time_base)), bytes(packet)
            if isinstance(packet.stream, VideoStream):
                frames.append(Frame(at_s, "video", payloads(data, pictures), packet.is_keyframe))
                pictures += 1
            else:
                frames.append(Frame(at_s, "audio", (data,), False))
    return _clip(frames, describes)


def made(seconds: int = SECONDS) -> Clip:
    """The test picture and the tone."""
    frames = [*_pictures(seconds), *_sound(seconds)]
    return _clip(frames, f"test picture {WIDTH}x{HEIGHT} at {RATE}/s, {BITRATE} bit/s, and a rising tone")


def payloads(picture: bytes, number: int) -> tuple[bytes, ...]:
    """The RTP payloads of one VP8 frame, with the picture's 15-bit number (RFC 7741 section 4.2)."""
    identifier = struct.pack("!BH", 0x80, 0x8000 | number & 0x7FFF)
    return tuple(
        (b"\x80" if at else b"\x90") + identifier + picture[at : at + PIECE]
        for at in range(0, len(picture), PIECE)
    )


def _clip(frames: list[Frame], describes: str) -> Clip:
    frames.sort(key=lambda frame: frame.at_s)
    pictures = [frame for frame in frames if frame.kind == "video"]
    if len(pictures) < 2 or not pictures[0].keyframe:
        raise ValueError(f"{describes}: too short, or it does not start at a keyframe")
    mean = (pictures[-1].at_s - pictures[0].at_s) / (len(pictures) - 1)
    return Clip(tuple(frames), max(frames[-1].at_s, pictures[-1].at_s + mean), describes)


def _pictures(seconds: int) -> list[Frame]:
    graph = Graph()
    source = graph.add("testsrc2", f"size={WIDTH}x{HEIGHT}:rate={RATE}:duration={seconds}")
    # Without noise the encoder needs a fraction of the bits it is given.
    noise = graph.add("noise", "alls=12:allf=t:all_seed=1")
    pixels, sink = graph.add("format", "pix_fmts=yuv420p"), graph.add("buffersink")
    graph.link_nodes(source, noise, pixels, sink).configure()
    encoder = av.CodecContext.create("libvpx", "w")
    assert isinstance(encoder, av.VideoCodecContext)  # noqa: S101 - a video codec was asked for
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    encoder.framerate, encoder.time_base = Fraction(RATE), Fraction(1, RATE)
    encoder.bit_rate, encoder.gop_size = BITRATE, RATE
    rate = str(BITRATE)
    encoder.options = {
        "deadline": "realtime",
        "cpu-used": "8",
        "lag-in-frames": "0",
        "minrate": rate,
        "maxrate": rate,
        "bufsize": rate,
    }
    frames: list[Frame] = []
    for number in range(seconds * RATE):
        picture = graph.vpull()
        picture.pts, picture.time_base = number, Fraction(1, RATE)
        # A keyframe each second, wherever the encoder would put it.
        picture.pict_type = av.video.frame.PictureType.I if number % RATE == 0 else 0
        for packet in encoder.encode(picture):
            at_s = len(frames) / RATE
            frames.append(Frame(at_s, "video", payloads(bytes(packet), len(frames)), packet.is_keyframe))
    return frames


def _sound(seconds: int) -> list[Frame]:
    encoder = av.CodecContext.create("libopus", "w")
    assert isinstance(encoder, av.AudioCodecContext)  # noqa: S101 - an audio codec was asked for
    encoder.sample_rate, encoder.layout, encoder.format = AUDIO_RATE, "stereo", "s16"
    encoder.bit_rate, encoder.time_base = AUDIO_BITRATE, Fraction(1, AUDIO_RATE)
    frames: list[Frame] = []
    for start in range(0, seconds * AUDIO_RATE, AUDIO_SAMPLES):
        sound = av.AudioFrame("s16", "stereo", AUDIO_SAMPLES)
        sound.sample_rate, sound.pts, sound.time_base = AUDIO_RATE, start, Fraction(1, AUDIO_RATE)
        samples = (_tone((start + offset) / AUDIO_RATE) for offset in range(AUDIO_SAMPLES))
        sound.planes[0].update(b"".join(struct.pack("<hh", sample, sample) for sample in samples))
        for packet in encoder.encode(sound):
            frames.append(Frame(len(frames) * AUDIO_SAMPLES / AUDIO_RATE, "audio", (bytes(packet),), False))
    return frames


def _tone(at_s: float) -> int:
    """From 300 Hz up by 40 Hz a second."""
    return int(8_000 * math.sin(2 * math.pi * (300 * at_s + 20 * at_s * at_s)))
