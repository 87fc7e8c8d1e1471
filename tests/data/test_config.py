import pytest

from persona_tf.data.config import DataConfig

TWO = {"others": {"convai2": {"held_out": 24, "teaches": ()}}, "weights": {"world": 0.7, "convai2": 0.3}}


def test_parts_of_a_mixture():
    config = DataConfig("world", options={"train": 9}, train_examples=5, **TWO)
    assert config.parts == {
        "world": DataConfig("world", options={"train": 9}, train_examples=5),
        "convai2": DataConfig("convai2", held_out=24, teaches=()),
    }
    again = DataConfig("world", others={"calm": {"source": "world"}}, weights={"world": 0.5, "calm": 0.5})
    assert [part.source for part in again.parts.values()] == ["world", "world"]


def test_one_source_is_its_only_part():
    assert DataConfig("world").parts == {"world": DataConfig("world")}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"weights": {"world": 0.7, "convai2": 0.2}}, r"weights: expected shares that sum to 1, got .* sum to 0\.9$"),
        ({"weights": {"world": 0.7, "convai2": 0.4}}, r"which sum to 1\.1$"),
        ({"weights": {}}, r"weights: expected one for each source \(world, convai2\), got none"),
        ({"weights": {"world": 1.0}}, r"expected one for each source \(world, convai2\), got world"),
        ({"weights": {"world": 0.5, "convai": 0.5}}, "got world, convai$"),
        ({"weights": {"world": 1.5, "convai2": -0.5}}, "shares above 0, up to 1, got {'world': 1.5, 'convai2': -0.5}"),
        ({"weights": {"world": "0.7", "convai2": 0.3}}, "shares above 0, up to 1, got {'world': '0.7'}"),
        ({"others": {}, "weights": {"world": 0.5, "x": 0.5}}, r"expected one for each source \(world\), got world, x"),
        ({"others": {"world": {}}}, "others: 'world' is DataConfig.source already; give it another name"),
        ({"others": {"convai2": {"splits": 3}}}, "others: convai2: unknown 'splits'; choose from source, options"),
        ({"others": {"convai2": {"held_out": "3"}}}, "others: convai2: held_out must be of type int, got '3'"),
        ({"others": {"convai2": {"others": {}}}}, "convai2: unknown 'others'"),
        ({"others": {"convai2": 0.3}}, "others: convai2: expected a dict of fields, got 0.3"),
        ({"teaches": ("emotes",)}, r"teaches: unknown \['emotes'\]; choose from \('action', 'emote', 'facts'\)"),
    ],
)
def test_errors(fields, message):
    with pytest.raises(ValueError, match=message):
        DataConfig("world", **{**TWO, **fields})
