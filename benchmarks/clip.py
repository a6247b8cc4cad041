"""Pre-encoded media for the load client: VP8 and Opus, cut into RTP payloads once and played by everybody.

From a file that FFmpeg reads: VP8 and Opus are taken as they are, other pictures and sounds are encoded anew.
Or made here: FFmpeg's moving test picture with noise on it, and a tone that rises, so that no two packets are
the same. A silent file gets the tone, too.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import av.container
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
    """The clip in this file. Raises `ValueError` without a picture, or where VP8 starts at no keyframe."""
    with av.open(str(path)) as container:
        codecs = {stream.type: stream.codec_context.name for stream in container.streams}
        if "video" not in codecs:
            raise ValueError(f"{path.name}: a picture is needed, found {codecs}")
        if codecs["video"].endswith("vp8") and "opus" in codecs.get("audio", ""):
            return _taken(container, path.name)
        pictures = _encoded(_scaled(container))
        voice = container.streams.audio[0] if container.streams.audio else None
        sound = _voice(path) if voice is not None else _sound(max(1, round(len(pictures) / RATE)))
        heard = "its sound" if voice is not None else "a rising tone"
    return _clip([*pictures, *sound], f"{path.name} at {WIDTH}x{HEIGHT}, {RATE}/s, and {heard}")


def made(seconds: int = SECONDS) -> Clip:
    """The test picture and the tone."""
    frames = [*_pictures(seconds), *_sound(seconds)]
    return _clip(frames, f"test picture at {WIDTH}x{HEIGHT}, {RATE}/s, and a rising tone")


def _taken(container: av.container.InputContainer, name: str) -> Clip:
    """VP8 and Opus as they are in the file."""
    frames: list[Frame] = []
    picture = container.streams.video[0]
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
    return _clip(frames, f"{name}, {picture.width}x{picture.height}")


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
    length_s = max(frames[-1].at_s, pictures[-1].at_s + mean)
    octets = sum(len(payload) for frame in frames for payload in frame.payloads)
    packets = sum(len(frame.payloads) for frame in frames)
    rate = f"{8 * octets / length_s / 1000:.0f} kbit/s in {packets / length_s:.0f} packets/s"
    return Clip(tuple(frames), length_s, f"{describes}; {rate}")


def _pictures(seconds: int) -> list[Frame]:
    graph = Graph()
    source = graph.add("testsrc2", f"size={WIDTH}x{HEIGHT}:rate={RATE}:duration={seconds}")
    # Without noise the encoder needs a fraction of the bits it is given.
    noise = graph.add("noise", "alls=12:allf=t:all_seed=1")
    pixels, sink = graph.add("format", "pix_fmts=yuv420p"), graph.add("buffersink")
    graph.link_nodes(source, noise, pixels, sink).configure()
    return _encoded(graph.vpull() for _ in range(seconds * RATE))


def _scaled(container: av.container.InputContainer) -> Iterator[av.VideoFrame]:
    """A file's pictures as a camera of ours would take them."""
    stream = container.streams.video[0]
    graph = Graph()
    source = graph.add_buffer(template=stream)
    size, rate = graph.add("scale", f"{WIDTH}:{HEIGHT}"), graph.add("fps", str(RATE))
    pixels, sink = graph.add("format", "pix_fmts=yuv420p"), graph.add("buffersink")
    graph.link_nodes(source, size, rate, pixels, sink).configure()
    for picture in (*container.decode(stream), None):
        graph.push(picture)
        while True:
            try:
                yield graph.vpull()
            except (BlockingIOError, EOFError):
                break


def _encoded(pictures: Iterator[av.VideoFrame]) -> list[Frame]:
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
    for number, picture in enumerate(pictures):
        picture.pts, picture.time_base = number, Fraction(1, RATE)
        # A keyframe each second, wherever the encoder would put it.
        picture.pict_type = av.video.frame.PictureType.I if number % RATE == 0 else 0
        for packet in encoder.encode(picture):
            at_s = len(frames) / RATE
            frames.append(Frame(at_s, "video", payloads(bytes(packet), len(frames)), packet.is_keyframe))
    return frames


def _sound(seconds: int) -> list[Frame]:
    return _spoken(_tones(seconds))


def _tones(seconds: int) -> Iterator[av.AudioFrame]:
    for start in range(0, seconds * AUDIO_RATE, AUDIO_SAMPLES):
        sound = av.AudioFrame("s16", "stereo", AUDIO_SAMPLES)
        samples = (_tone((start + offset) / AUDIO_RATE) for offset in range(AUDIO_SAMPLES))
        sound.planes[0].update(b"".join(struct.pack("<hh", sample, sample) for sample in samples))
        yield sound


def _voice(path: Path) -> list[Frame]:
    """A file's own sound, in frames of 20 ms."""
    resampler = av.AudioResampler("s16", "stereo", AUDIO_RATE, frame_size=AUDIO_SAMPLES)
    with av.open(str(path)) as container:
        decoded = (sound for one in container.decode(audio=0) for sound in resampler.resample(one))
        return _spoken(sound for sound in decoded if sound.samples == AUDIO_SAMPLES)


def _spoken(sounds: Iterator[av.AudioFrame]) -> list[Frame]:
    encoder = av.CodecContext.create("libopus", "w")
    assert isinstance(encoder, av.AudioCodecContext)  # noqa: S101 - an audio codec was asked for
    encoder.sample_rate, encoder.layout, encoder.format = AUDIO_RATE, "stereo", "s16"
    encoder.bit_rate, encoder.time_base = AUDIO_BITRATE, Fraction(1, AUDIO_RATE)
    frames: list[Frame] = []
    for number, sound in enumerate(sounds):
        sound.sample_rate, sound.time_base = AUDIO_RATE, Fraction(1, AUDIO_RATE)
        sound.pts = number * AUDIO_SAMPLES
        for packet in encoder.encode(sound):
            frames.append(Frame(len(frames) * AUDIO_SAMPLES / AUDIO_RATE, "audio", (bytes(packet),), False))
    return frames


def _tone(at_s: float) -> int:
    """From 300 Hz up by 40 Hz a second."""
    return int(8_000 * math.sin(2 * math.pi * (300 * at_s + 20 * at_s * at_s)))
