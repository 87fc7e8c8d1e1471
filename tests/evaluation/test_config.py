import pytest

from persona_tf.evaluation.config import EvalConfig


def test_defaults_and_lists():
    config = EvalConfig()
    assert (config.splits, config.batch_targets, config.max_examples) == ((), 64, 0)
    assert (config.bootstrap_samples, config.seed, config.swapped) == (1000, 0, True)
    assert (config.missing_probes, config.gaps) == (100, False)
    assert EvalConfig(splits=["valid"]) == EvalConfig(splits=("valid",))


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("splits", "valid", TypeError),
        ("splits", (1,), TypeError),
        ("splits", ("",), TypeError),
        ("batch_targets", 1.0, TypeError),
        ("batch_targets", True, TypeError),
        ("batch_targets", 0, ValueError),
        ("max_examples", -1, ValueError),
        ("bootstrap_samples", None, TypeError),
        ("seed", "0", TypeError),
        ("swapped", 1, TypeError),
        ("shuffled_persona", "yes", TypeError),
        ("trigram", 0, TypeError),
        ("ranked", 1, ValueError),
        ("ranked", -2, ValueError),
        ("gaps", 1, TypeError),
        ("missing_probes", -1, ValueError),
        ("missing_probes", True, TypeError),
        ("retriever", 1, TypeError),
        ("found_facts", 0, ValueError),
        ("ways", "greedy", TypeError),
        ("ways", ("gredy",), ValueError),
        ("override_questions", 0, ValueError),
        ("override_attacks", -1, ValueError),
        ("batch_targets", 10**9, ValueError),
        ("bootstrap_samples", 10**9, ValueError),
    ],
)
def test_wrong_settings_are_named(field, value, error):
    with pytest.raises(error, match=f"EvalConfig.{field}: expected"):
        EvalConfig(**{field: value})
