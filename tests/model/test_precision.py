import pytest

from persona_tf.model.precision import resolve_precision


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_what_is_said_is_meant(precision, tmp_path):
    assert resolve_precision(precision, tmp_path / "none") == precision


@pytest.mark.parametrize(
    ("flags", "precision"),
    [
        ("fpu sse avx512_bf16 fma", "mixed_bfloat16"),
        ("fpu amx_bf16", "mixed_bfloat16"),
        ("fpu sse avx2 not_avx512_bf16_at_all", "float32"),
        ("", "float32"),
    ],
)
def test_auto_reads_what_the_processor_can_do(tmp_path, flags, precision):
    (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags : {flags}\n")
    assert resolve_precision("auto", tmp_path / "cpuinfo") == precision


def test_auto_without_cpuinfo(tmp_path):
    assert resolve_precision("auto", tmp_path / "none") == "float32"
