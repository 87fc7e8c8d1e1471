"""What a run's summaries say about its training: the scalars of TensorBoard's event files. Knows no TensorFlow."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Curve = list[tuple[int, float]]
"""Steps and values, in the order of the steps."""

_HEAD, _CHECKSUM = 12, 4  # bytes: length and its checksum before a record, the record's own behind it


def read_curves(folder: Path) -> dict[str, Curve]:
    """All scalars of a run's summaries, by tag.

    A run that was stopped and went on has several files: what the earlier one wrote after the step from which the later
    one goes on is dropped, as TensorBoard does. A record that a kill has cut short ends its file.

    Raises:
      FileNotFoundError: there is no event file.
      ValueError: a file is none; the message names it.
    """
    files = sorted(folder.glob("events.out.tfevents.*"))
    if not files:
        raise FileNotFoundError(f"no events in {folder}: has the run begun?")
    curves: dict[str, Curve] = {}
    for file in files:
        for event in _events(file):
            if event.WhichOneof("what") == "session_log" and event.session_log.status == event.session_log.START:
                curves = {tag: [point for point in c if point[0] < event.step] for tag, c in curves.items()}
            for value in event.summary.value:
                if value.WhichOneof("value") == "simple_value":
                    curves.setdefault(value.tag, []).append((event.step, value.simple_value))
    return {tag: sorted(curve) for tag, curve in curves.items() if curve}


def _events(path: Path) -> Iterator[Any]:
    from google.protobuf.message import DecodeError
    from tensorboard.compat.proto import event_pb2

    with path.open("rb") as file:
        while len(head := file.read(_HEAD)) == _HEAD:
            length = struct.unpack("<Q", head[:8])[0]
            record = file.read(length + _CHECKSUM) if length < 1 << 30 else b""
            if len(record) < length + _CHECKSUM:
                return
            try:
                yield event_pb2.Event.FromString(record[:length])
            except DecodeError as error:
                raise ValueError(f"{path}: is no file of events ({error}); take it out of the folder") from error
