"""The stream's music: soft chords, a plucked line and a brush, composed by rule, in a loop."""

from __future__ import annotations

import math
from array import array

RATE = 24_000
"""Samples a second, one channel; what is played has nothing above 8 kHz."""
BEAT_S = 2 / 3
BEATS_A_BAR = 4
CHORDS = (
    (53, 57, 60, 64),
    (52, 55, 59, 62),
    (57, 60, 64, 67),
    (50, 53, 57, 60),
    (55, 59, 62, 65),
    (48, 52, 55, 59),
)
"""Fmaj7 Em7 Am7 Dm7 G7 Cmaj7 as MIDI keys, a bar each: 16 seconds, one product's turn."""
PHRASE_S = len(CHORDS) * BEATS_A_BAR * BEAT_S
_LOUDEST = 0.7
"""Peak of the whole, of 1: leaves room for the encoder."""


def music(length_s: float) -> array[int]:
    """Signed 16-bit samples: whole phrases, each with a chime; the end runs into the beginning."""
    phrase = _phrase()
    length = round(length_s * RATE)
    whole = array("f", bytes(4 * length))
    turns = round(length_s / PHRASE_S)
    for turn in range(turns):
        start = round(turn * PHRASE_S * RATE)
        _add(whole, start, phrase, 1)
        for n, key in enumerate((76, 79, 84, 88)):
            note = _tone(key + (0, 2, 5)[turn % 3], 2.2, ((1, 1.0), (2.76, 0.28), (5.4, 0.1)), 0.45)
            _add(whole, start + round(n * 0.09 * RATE), note, 0.16)
    scale = _LOUDEST * 32_767 / max(max(whole), -min(whole))
    return array("h", (round(value * scale) for value in whole))


def _add(on: array[float], start: int, sound: array[float], loud: float) -> None:
    """Mix a sound in; what runs over the end goes on at the beginning."""
    length = len(on)
    at = start % length
    for n, value in enumerate(sound):
        on[(at + n) % length] += value * loud


def _tone(
    key: float, seconds: float, partials: tuple[tuple[float, float], ...], fade_s: float
) -> array[float]:
    """A struck tone: partials as (multiple of the pitch, strength), that die away, the high ones sooner."""
    length = round(seconds * RATE)
    tone = array("f", bytes(4 * length))
    pitch = 440 * 2 ** ((key - 69) / 12)
    for multiple, strength in partials:
        # A turning and shrinking vector gives each sample from the one before, without a sine for each.
        angle = math.tau * pitch * multiple / RATE
        shrink = math.exp(-(multiple**0.7) / (fade_s * RATE))
        cos, sin = shrink * math.cos(angle), shrink * math.sin(angle)
        x, y = strength, 0.0
        for n in range(length):
            tone[n] += y
            x, y = x * cos - y * sin, x * sin + y * cos
    rise, end = round(0.006 * RATE), round(0.05 * RATE)
    for n in range(rise):
        tone[n] *= n / rise
    for n in range(end):
        tone[length - 1 - n] *= n / end
    return tone


def _brush(seconds: float, bright: float) -> array[float]:
    """A breath of noise from a linear congruential generator, so that it is the same every time."""
    length = round(seconds * RATE)
    brush = array("f", bytes(4 * length))
    state, before = 12_345, 0.0
    for n in range(length):
        state = (state * 1_103_515_245 + 12_345) & 0x7FFFFFFF
        noise = state / 0x3FFFFFFF - 1
        place = n / length
        brush[n] = (noise - before * bright) * math.exp(-5 * place) * min(1.0, n / 60)
        before = noise
    return brush


def _phrase() -> array[float]:
    phrase = array("f", bytes(4 * round(PHRASE_S * RATE)))
    soft = ((1, 1.0), (2, 0.22), (3, 0.07))
    pluck = ((1, 1.0), (2, 0.4), (3, 0.16))
    brush, tick = _brush(0.16, 0.6), _brush(0.05, 0.95)
    thump = _tone(33, 0.3, ((1, 1.0), (1.5, 0.3)), 0.09)
    plucked = {key: _tone(key, 0.9, pluck, 0.22) for key in {key + 12 for chord in CHORDS for key in chord}}

    def at(bar: int, beat: float) -> int:
        return round((bar * BEATS_A_BAR + beat) * BEAT_S * RATE)

    for bar, chord in enumerate(CHORDS):
        for n, key in enumerate(chord):
            _add(phrase, at(bar, 0) + round(n * 0.018 * RATE), _tone(key, 2.6, soft, 1.1), 0.15)
        bass = _tone(chord[0] - 12, 1.5, ((1, 1.0), (2, 0.3)), 0.6)
        _add(phrase, at(bar, 0), bass, 0.3)
        _add(phrase, at(bar, 2.5), bass, 0.2)
        for step, which in enumerate((0, 2, 1, 3, 2, 1, 3, 2)):
            # The second half of each off-beat comes late: a light swing.
            late = 0.08 if step % 2 else 0.0
            loud = (0.15, 0.09, 0.12, 0.1)[step % 4]
            _add(phrase, at(bar, step / 2 + late), plucked[chord[which] + 12], loud)
        for beat in range(BEATS_A_BAR):
            if beat % 2:
                _add(phrase, at(bar, beat), brush, 0.07)
            else:
                _add(phrase, at(bar, beat), thump, 0.3)
            _add(phrase, at(bar, beat + 0.58), tick, 0.03)
    return phrase
