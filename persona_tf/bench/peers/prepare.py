"""The files that the peers load: one model with random weights, as each of them wants it.

A process of its own (``python -m persona_tf.bench.peers.prepare FOLDER``), so that what converts is not in the memory
of what is measured.
"""

import json
import pathlib
import sys

from persona_tf.bench.peers import lacking, sizes


def prepare(folder: pathlib.Path) -> None:
    """Fills ``folder``: transformers/ (also KerasHub's), ctranslate2_*/ and onnx/, where the libraries are there."""
    if lacking("transformers"):
        return
    from persona_tf.bench.peers.transformers_bart import random_bart

    bart = random_bart()
    bart.save_pretrained(folder / "transformers")
    _name_layers(folder / "transformers" / "config.json")
    if not lacking("onnx_runtime"):
        from persona_tf.bench.peers.onnx_export import export

        export(bart, folder)
    if not lacking("ctranslate2"):
        from persona_tf.bench.peers.ctranslate2_peer import convert

        convert(bart, folder)


def _name_layers(path: pathlib.Path) -> None:
    """KerasHub's converter reads the number of layers by a name that transformers no longer writes."""
    config = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(config | {"num_hidden_layers": sizes.LAYERS}), encoding="utf-8")


if __name__ == "__main__":
    prepare(pathlib.Path(sys.argv[1]))
