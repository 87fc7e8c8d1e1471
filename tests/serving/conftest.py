import pytest


@pytest.fixture(scope="session")
def bundle_dir(make_model, vocabulary_model, tokenizer, tmp_path_factory):
    """A bundle whose tiny model was never trained: what it says is noise, but it says it."""
    from persona_tf.decoding.config import DecodeConfig
    from persona_tf.example import ExampleConfig
    from persona_tf.export.bundle import save_bundle
    from persona_tf.text.config import TextConfig

    folder, model = tmp_path_factory.mktemp("bundle"), make_model()
    configs = {
        "text": TextConfig(tokenizer.size),
        "example": ExampleConfig(),
        "model": model.config,
        "decode": DecodeConfig(max_reply_tokens=6, max_action_tokens=3),
    }
    save_bundle(folder, "tiny", 0, configs, model, vocabulary_model)
    return folder
