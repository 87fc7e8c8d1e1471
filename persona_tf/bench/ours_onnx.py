"""Our own way of writing a reply on ONNX Runtime, as one more system of `bench.peers`; the model is that of `ours`.

``python -m persona_tf.bench.ours_onnx FOLDER PRECISION`` writes the graphs: in a process of its own, so that the one
that is measured does without TensorFlow.
"""

import pathlib
import subprocess
import sys
import tempfile

import numpy as np

from persona_tf.bench import context
from persona_tf.export.onnx.files import write_onnx
from persona_tf.export.onnx.writer import OnnxWriter


class OursOnnx:
    """As `ours.Ours`."""

    name = "ours"

    def __init__(self, precision: str, threads: int):
        self.precision = precision
        with tempfile.TemporaryDirectory() as temporary:
            folder = pathlib.Path(temporary) / "bot"
            subprocess.run([sys.executable, "-m", __name__, str(folder), precision], check=True)
            self._writer = OnnxWriter(folder, context.DECODE, speaks_only=True, threads=threads)

    def write(self, context_ids: np.ndarray, seed: int) -> np.ndarray:
        """See `peers.Peer`."""
        return context.write(self._writer, context_ids, seed)


def make(precision: str, folder: pathlib.Path, threads: int) -> OursOnnx:
    """The factory that `peers.SYSTEMS` names."""
    return OursOnnx(precision, threads)


def main() -> None:
    """Writes the graphs of a model with random weights."""
    from persona_tf.bench.ours import CONFIG, model_for

    write_onnx(model_for(CONFIG), pathlib.Path(sys.argv[1]), sys.argv[2], source="random weights")


if __name__ == "__main__":
    main()
