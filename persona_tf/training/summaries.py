"""What TensorBoard shows, written with tensorboard's own record writer: works without TensorFlow too.

Not with its `EventFileWriter`: on a full disk that fails in a thread of its own, with TensorFlow's errors and a
traceback that nobody can catch.
"""

import contextlib
import dataclasses
import os
import pathlib
import struct
import time
from collections.abc import Iterator, Mapping
from typing import Any

from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2, types_pb2
from tensorboard.plugins.hparams import summary_v2 as hparams
from tensorboard.summary.writer.record_writer import RecordWriter


class SummaryWriter:
    """Writes scalars, texts and pictures of one run, each at once: a kill takes nothing.

    Args:
      folder: where the event file goes.
      step: the step a run goes on from; TensorBoard then drops what an earlier, killed process wrote after it.
      begins: whether it is a training that begins or goes on; else nothing is dropped: this comes on top.

    Raises:
      OSError: it cannot be written, here and in all methods; the message names the file.
    """

    def __init__(self, folder: pathlib.Path, step: int = 0, begins: bool = True):
        folder.mkdir(parents=True, exist_ok=True)
        # TensorBoard reads the files of a folder in the order of their names.
        self._path = folder / f"events.out.tfevents.{time.time():017.6f}.{os.getpid()}"
        self._records = RecordWriter(open(self._path, "xb"))  # noqa: SIM115  (closed by `close`)
        self._write(file_version="brain.Event:2")
        if begins:
            log = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
            # TensorBoard drops what has this step or a later one; what was written at ``step`` itself stays.
            self._write(step=step + 1 if step else 0, session_log=log)

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """One point for each curve."""
        parts = [summary_pb2.Summary.Value(tag=tag, simple_value=float(value)) for tag, value in values.items()]
        self._add(parts, step)

    def text(self, tag: str, markdown: str, step: int) -> None:
        """A text, shown as Markdown."""
        shape = tensor_shape_pb2.TensorShapeProto(dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=1)])
        tensor = tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, string_val=[markdown.encode()], tensor_shape=shape)
        plugin = summary_pb2.SummaryMetadata.PluginData(plugin_name="text")
        metadata = summary_pb2.SummaryMetadata(plugin_data=plugin)
        self._add([summary_pb2.Summary.Value(tag=tag, metadata=metadata, tensor=tensor)], step)

    def picture(self, tag: str, png: bytes, step: int) -> None:
        """The bytes of a PNG file."""
        width, height = struct.unpack(">II", png[16:24])
        image = summary_pb2.Summary.Image(encoded_image_string=png, height=height, width=width, colorspace=4)
        self._add([summary_pb2.Summary.Value(tag=tag, image=image)], step)

    def hyperparameters(self, configs: Mapping[str, Any], step: int) -> None:
        """All fields of some config dataclasses, for the hyperparameter table."""
        values = {
            f"{name}.{field}": value if isinstance(value, bool | int | float | str) else repr(value)
            for name, config in configs.items()
            for field, value in dataclasses.asdict(config).items()
        }
        self._write(step=step, summary=hparams.hparams_pb(values))

    def close(self) -> None:
        """Closes the file."""
        with self._file_named():
            self._records.close()

    def _add(self, parts: list, step: int) -> None:
        self._write(step=step, summary=summary_pb2.Summary(value=parts))

    def _write(self, **fields: Any) -> None:
        event = event_pb2.Event(wall_time=time.time(), **fields)
        with self._file_named():
            self._records.write(event.SerializeToString())
            self._records.flush()

    @contextlib.contextmanager
    def _file_named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OSError(error.errno, f"cannot write summaries ({error.strerror})", str(self._path)) from error
