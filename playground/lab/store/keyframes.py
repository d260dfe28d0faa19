"""Keyframes as bytes in the safetensors format, and back.

The bytes are written without the safetensors library, which reads them all the same: a header and
three arrays are quickly joined, and a worker that records twice a second need not load the library.
"""

from __future__ import annotations

import json
import struct
from array import array

from playground.lab.floats import buffer_of, check_second_moment, floats_of
from playground.lab.store.errors import StoreError
from playground.lab.store.records import StoredKeyframe
from playground.lab.timeline import Keyframe
from playground.strict import Refusal, fields, items, parsed, whole, written_whole

PARTS = ("weights", "first_moment", "second_moment")
_LONGEST = 10_000
"""Bytes of the longest header; ours have about 300."""


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
    packed = b"".join((struct.pack("<Q", len(text)), text, *map(buffer_of, parts)))
    return StoredKeyframe(keyframe.step, packed)


def keyframe_of(stored: StoredKeyframe) -> Keyframe:
    """The keyframe, bit for bit as it was stored. Raises StoreError for other bytes."""
    try:
        return _parse(stored)
    except (Refusal, UnicodeDecodeError) as error:
        raise StoreError(
            "A stored state is damaged",
            f"What was kept of step {stored.step} cannot be read ({error}). Another step can be "
            "gone to; training goes there from an earlier state.",
            "damaged",
        ) from error


def _parse(stored: StoredKeyframe) -> Keyframe:
    if not isinstance(stored.state, bytes) or len(stored.state) < 8:
        raise Refusal("it is not the bytes of a state")
    length = int.from_bytes(stored.state[:8], "little")
    begin = 8 + length
    if length > _LONGEST or begin > len(stored.state):
        raise Refusal("it was cut short")
    text = parsed(stored.state[8:begin].decode(), "its header", most=_LONGEST)
    header = fields(text, "its header", "__metadata__", *PARTS)
    metadata = fields(header["__metadata__"], "its metadata", "step", "tokens_seen")
    step = written_whole(metadata["step"], "its step")
    tokens_seen = written_whole(metadata["tokens_seen"], "its tokens_seen")
    if step != stored.step:
        raise Refusal(f"it says that it is step {step}")
    parts: list[array[float]] = []
    place, numbers = 0, memoryview(stored.state)[begin:]
    for name in PARTS:
        of = fields(header[name], name, "dtype", "data_offsets")
        offsets = [whole(one, "an offset") for one in items(of["data_offsets"], "offsets")]
        if of["dtype"] != "F64" or offsets[:1] != [place] or len(offsets) != 2:
            raise Refusal(f"{name} is out of place")
        end = offsets[1]
        if not place <= end <= len(stored.state) - begin or (end - place) % 8:
            raise Refusal("it was cut short")
        parts.append(floats_of(numbers[place:end]))
        place = end
    if begin + place != len(stored.state) or len({len(part) for part in parts}) != 1:
        raise Refusal("its parts differ in length")
    check_second_moment(parts[2])
    return Keyframe(step, tokens_seen, *parts)
