"""What TensorBoard shows, written with tensorboard's own event writer: works without TensorFlow too."""

import dataclasses
import io
import pathlib
import time
import warnings
from collections.abc import Mapping
from typing import Any

from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2, types_pb2
from tensorboard.plugins.hparams import summary_v2 as hparams
from tensorboard.summary.writer.event_file_writer import EventFileWriter


class SummaryWriter:
    """Writes scalars, texts and pictures of one run.

    Args:
      folder: where the event file goes.
      step: the step a run goes on from; TensorBoard then drops what an earlier, killed process wrote after it.
    """

    def __init__(self, folder: pathlib.Path, step: int = 0):
        folder.mkdir(parents=True, exist_ok=True)
        self._writer = EventFileWriter(str(folder))
        log = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        # TensorBoard drops what has this step or a later one; what was written at ``step`` itself stays.
        first = step + 1 if step else 0
        self._writer.add_event(event_pb2.Event(wall_time=time.time(), step=first, session_log=log))

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

    def picture(self, tag: str, figure: Any, step: int) -> None:
        """A matplotlib figure, as PNG."""
        buffer = io.BytesIO()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from font")  # names in any script: boxes will do
            figure.savefig(buffer, format="png", dpi=100)
        width, height = (int(side * 100) for side in figure.get_size_inches())
        image = summary_pb2.Summary.Image(
            encoded_image_string=buffer.getvalue(), height=height, width=width, colorspace=4
        )
        self._add([summary_pb2.Summary.Value(tag=tag, image=image)], step)

    def hyperparameters(self, configs: Mapping[str, Any], step: int) -> None:
        """All fields of some config dataclasses, for the hyperparameter table."""
        values = {
            f"{name}.{field}": value if isinstance(value, bool | int | float | str) else repr(value)
            for name, config in configs.items()
            for field, value in dataclasses.asdict(config).items()
        }
        event = event_pb2.Event(wall_time=time.time(), step=step, summary=hparams.hparams_pb(values))
        self._writer.add_event(event)

    def flush(self) -> None:
        """Writes what is left, so that a kill does not take it."""
        self._writer.flush()

    def close(self) -> None:
        """Writes what is left and closes the file."""
        self._writer.close()

    def _add(self, parts: list, step: int) -> None:
        event = event_pb2.Event(wall_time=time.time(), step=step, summary=summary_pb2.Summary(value=parts))
        self._writer.add_event(event)
