"""Keyframes as bytes in the safetensors format, and back.

The bytes are written without the safetensors library, which reads them all the same: a header and
three arrays are quickly joined, and a worker that records twice a second need not load the library.
"""

from __future__ import annotations

import json
import struct
from array import array

from playground.lab.floats import as_bytes, floats_of
from playground.lab.store.errors import StoreError
from playground.lab.store.records import StoredKeyframe
from playground.lab.timeline import Keyframe

PARTS = ("weights", "first_moment", "second_moment")


def frame_bytes(keyframe: Keyframe) -> StoredKeyframe:
    """The keyframe's numbers, 24 bytes a parameter, behind a header of about 300 bytes."""
    parts = (keyframe.weights, keyframe.first_moment, keyframe.second_moment)
    header: dict[str, object] = {
        "__metadata__": {"step": str(keyframe.step), "tokens_seen": str(keyframe.tokens_seen)}
    }
    place = 0
    for name, values in zip(PARTS, parts, strict=True):
        end = place + 8 * len(values)
        header[name] = {"dtype": "F64", "shape": [len(values)], "data_offsets": [place, end]}
        place = end
    text = json.dumps(header, separators=(",", ":")).encode("ascii")
    text += b" " * (-len(text) % 8)  # the float64 values begin at a multiple of 8
    packed = b"".join((struct.pack("<Q", len(text)), text, *map(as_bytes, parts)))
    return StoredKeyframe(keyframe.step, packed)


def keyframe_of(stored: StoredKeyframe) -> Keyframe:
    """The keyframe, bit for bit as it was stored. Raises StoreError for other bytes."""
    try:
        return _parse(stored)
    except (struct.error, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StoreError(
            "A stored state is damaged",
            f"What was kept of step {stored.step} cannot be read ({error}). Another step can be "
            "gone to; training goes there from an earlier state.",
            "damaged",
        ) from error


def _parse(stored: StoredKeyframe) -> Keyframe:
    (length,) = struct.unpack_from("<Q", stored.state)
    begin = 8 + length
    if begin > len(stored.state):
        raise ValueError("it was cut short")
    header = json.loads(stored.state[8:begin])
    metadata = header["__metadata__"]
    step, tokens_seen = int(metadata["step"]), int(metadata["tokens_seen"])
    if step != stored.step or tokens_seen < 0:
        raise ValueError(f"it says that it is step {step}")
    parts: list[array[float]] = []
    place = 0
    for name in PARTS:
        first, end = header[name]["data_offsets"]
        if header[name]["dtype"] != "F64" or first != place or not first <= end:
            raise ValueError(f"{name} is out of place")
        if begin + end > len(stored.state):
            raise ValueError("it was cut short")
        parts.append(floats_of(stored.state[begin + first : begin + end]))
        place = end
    if begin + place != len(stored.state) or len({len(part) for part in parts}) != 1:
        raise ValueError("its parts differ in length")
    if min(parts[2], default=0.0) < 0:  # Adam takes the square root
        raise ValueError("a second moment is negative")
    return Keyframe(step, tokens_seen, *parts)
