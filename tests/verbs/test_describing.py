import re

import pytest

from persona_tf import __main__ as command
from persona_tf.model.config import ModelConfig
from persona_tf.training.config import TrainConfig
from persona_tf.verbs.describing import description, drawing

SMALL = ModelConfig(8, 2, 12, 3, 2, vocabulary_size=50, emotes=5, precision="float32", kv_heads=1)


def test_the_drawing_shows_equal_layers_once_and_loses_no_weight():
    shapes = {f"stack/layer_{i}/map/{name}": shape for i in range(2) for name, shape in MAP.items()}
    shapes |= {"stack/norm/gamma": (3,), "table": (7, 2)}
    assert list(drawing(shapes, {"stack": "of two", "stack/layer/map": "no bias"})) == [
        line.rstrip()
        for line in (
            "bot                                         31",
            "├─ stack                                    17  of two",
            "│  ├─ 2 x layer                             14",
            "│  │  └─ map                                 7  no bias",
            "│  └─ norm                                   3",
            "└─ table                                    14  7 x 2",
        )
    ]


MAP = {"kernel": (2, 3), "bias": (1,)}


def test_a_description_has_all_parts_and_figures():
    lines = list(description("mine", SMALL, TrainConfig(batch_tokens=1536)))
    text = "\n".join(lines)
    assert lines[0] == "mine: 3+2 layers, 8 wide, fusion concat"
    total = int(re.search(r"^bot +([\d,]+)$", text, re.MULTILINE)[1].replace(",", ""))
    rooms = [int(n.replace(",", "")) for n in re.findall(r"^[├└]─ \w+ +([\d,]+)", text, re.MULTILINE)]
    assert sum(rooms) == total
    assert "3 x layer" in text
    assert "2 heads of 4, keys and values of 1" in text
    assert "float32, muon; 2.0 rows of 256 + 256 + 256 tokens" in text
    assert all(
        part in text for part in ("weights", "gradients", "optimizer", "activations", "each token that was read")
    )


def test_the_verb(capsys):
    assert command.main(["describe", "--experiment=quickstart", "--gin.ModelConfig.decoder_layers=3"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("quickstart: 2+3 layers")
    assert "embedding" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--experiment=retrieval_world"],
            "retrieval_world trains a retriever; expected an experiment that trains a bot",
        ),
        (["--run=nowhere"], "no trained bot in nowhere"),
    ],
)
def test_what_cannot_be_described(words, message, capsys):
    assert command.main(["describe", *words]) == 1
    assert message in capsys.readouterr().err
