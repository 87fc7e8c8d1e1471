import hypothesis.strategies as st
import keras
import pytest
import tensorflow as tf
from hypothesis import given, settings

from persona_tf.text.tokenizer import Tokenizer
from persona_tf.text.vocabulary import SPECIALS, fingerprint

HARD = [
    "",
    " ",
    "  two  blanks  ",
    " leading",
    "trailing ",
    "line\nbreak\r\n\ttab",
    "nul\0nul",
    "Привет, мир!",
    "🐉 and 👩‍👩‍👧 and é",
    "\u2581",
    "\u2581\u2581a\u2581",
    "\ue000",
    "\ue0000 \ue0001 \ue000\u2581",
    "\u200b\ufeff\u00a0",
    "日本語テキスト",
]
TYPED = [*SPECIALS, "<s>", "</s>", "<unk>", "<0x41>", "<pad><reply>", " <reply> ", "<0x41><0x42>"]


def _round_trip(tokenizer, texts):
    back = tokenizer.detokenize(tokenizer.tokenize(tf.constant(texts, tf.string)))
    return [text.decode() for text in back.numpy()]


@pytest.mark.parametrize("text", HARD + TYPED)
def test_every_string_comes_back_exactly(tokenizer, text):
    assert _round_trip(tokenizer, [text]) == [text]
    ids = tokenizer.tokenize(tf.constant([text]))[0].numpy().tolist()
    assert tokenizer.decode(ids) == text


@settings(max_examples=60)
@given(texts=st.lists(st.text(max_size=12), min_size=1, max_size=20))
def test_any_strings_come_back_exactly(tokenizer, texts):
    assert _round_trip(tokenizer, texts) == texts


@settings(max_examples=30)
@given(texts=st.lists(st.text(alphabet="ab \u2581\ue00001<>s/", max_size=12), min_size=1, max_size=20))
def test_any_blanks_and_escapes_come_back_exactly(tokenizer, texts):
    assert _round_trip(tokenizer, texts) == texts


@pytest.mark.parametrize("text", HARD + TYPED)
def test_no_text_becomes_a_special_id(tokenizer, text):
    ids = tokenizer.tokenize(tf.constant([text])).flat_values.numpy()
    assert (ids > len(SPECIALS)).all(), "neither a special id nor SentencePiece's <unk>"
    assert (ids < tokenizer.size).all()


def test_the_empty_string_is_an_empty_row(tokenizer):
    empty, bread, also_empty = tokenizer.tokenize(tf.constant(["", "bread", ""])).row_lengths().numpy()
    assert empty == also_empty == 0 < bread


def test_a_first_word_has_the_ids_that_it_has_in_the_middle(tokenizer):
    alone, inside = tokenizer.tokenize(tf.constant(["bread", "Hm bread"])).to_list()
    assert inside[-len(alone) :] == alone


def test_special_ids_are_left_out_of_text(tokenizer):
    ids = tokenizer.tokenize(tf.constant(["bread"]))[0].numpy().tolist()
    assert tokenizer.decode([*range(len(SPECIALS)), *ids, 1, 2]) == "bread"


def test_bytes_that_are_no_text_are_replaced(tokenizer):
    euro = tokenizer.tokenize(tf.constant(["€"]))[0].numpy().tolist()
    assert tokenizer.decode(euro[:-1]).strip("\ufffd") == ""
    assert "\ufffd" in tokenizer.decode(euro[:-1])


def test_size_and_fingerprint(tokenizer, vocabulary_model):
    assert tokenizer.size == 330
    assert tokenizer.fingerprint == fingerprint(vocabulary_model)
    assert fingerprint(vocabulary_model + b"\0") != tokenizer.fingerprint


def test_setting_the_global_seed_leaves_tokenizers_alive(vocabulary_model):
    early = Tokenizer(vocabulary_model)
    keras.utils.set_random_seed(1)
    assert _round_trip(early, ["The goose"]) == ["The goose"]
    del early
    assert _round_trip(Tokenizer(vocabulary_model), ["The goose"]) == ["The goose"]


def test_loading_a_vocabulary_says_nothing(vocabulary_model, capfd):
    Tokenizer(vocabulary_model)
    assert capfd.readouterr() == ("", "")
