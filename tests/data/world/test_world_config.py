import pytest

from persona_tf.data.world.config import SPLITS, WorldConfig, check_split


def test_every_split_has_a_size():
    assert all(WorldConfig().size(split) > 0 for split in SPLITS)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("train", -1),
        ("typos", 1.5),
        ("turns", (16, 8)),
        ("facts", (0, 8)),
        ("probes", (0, 2)),
        ("sources", (0.0, 0.0, 0.0, 0.0)),
        ("sources", (1.0,)),
    ],
)
def test_nonsense_is_refused_by_name(field, value):
    with pytest.raises(ValueError, match=field):
        WorldConfig(**{field: value})


def test_an_unknown_split_names_the_known_ones():
    with pytest.raises(ValueError, match="test_unseen"):
        check_split("dev")
