"""The load program: a server that answers wrongly is found out; a real one with a tiny bot is not."""

import re
import shutil

import pytest

from persona_tf.bench.many_at_once import many_at_once


def test_it_says_what_it_lacks(tmp_path):
    with pytest.raises(FileNotFoundError, match="no trained bot to be served; make train EXP=quickstart"):
        many_at_once(tmp_path)


@pytest.mark.slow
def test_no_conversation_is_mixed_up(bundle_dir, tmp_path):
    shutil.copytree(bundle_dir, tmp_path / "bundle")
    told = many_at_once(tmp_path, clients=16, rounds=1, seconds=2.0)
    both, same, played, kept = map(
        int,
        re.search(
            r"of (\d+) conversations played both ways (\d+) are the same, of (\d+) (\d+) are kept", told
        ).groups(),
    )
    assert told.endswith("errors: 0"), told
    assert both == same >= 1
    assert played == kept > 16
