import numpy as np
import pytest


@pytest.fixture(scope="session")
def to_numpy():
    """A nest of tensors -> the same nest of float or integer NumPy arrays; None stays."""
    import keras

    def convert(nest):
        if nest is None:
            return None
        if isinstance(nest, tuple):
            return type(nest)(*(convert(part) for part in nest))
        return keras.ops.convert_to_numpy(nest)

    return convert


@pytest.fixture(scope="session")
def pack_rows(packer):
    """Examples -> one padded batch."""
    from persona_tf.data.corpus import pack_corpus

    def pack(*examples):
        corpus = pack_corpus(examples, packer)
        return corpus.rows(np.arange(len(corpus)))

    return pack
