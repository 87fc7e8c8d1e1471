"""`/memory`, and what is remembered of a chat."""

import pytest

from persona_tf.serving.telegram.texts import ALL


@pytest.fixture
def bot(talking):
    return talking.NotingBot()


@pytest.fixture
def begun(start, talking, bot, tmp_path):
    """Starts a bot that remembers, within a `with`."""
    return lambda: start(bot, load_minds=lambda: talking.load_minds(tmp_path / "memory"))


@pytest.mark.parametrize("language", ["en", "ru"])
def test_what_is_said_is_remembered_listed_pinned_and_forgotten(begun, telegram, fake, bot, language):
    texts = ALL[language]
    with begun():
        telegram.ask(5, "Note: partner My mare is called Bella.", language)
        listed = telegram.ask(5, "/memory", language)
        assert listed["text"].startswith(texts.memory)
        assert f"4. {texts.owners['partner']}: My mare is called Bella." in listed["text"].splitlines()
        telegram.press(listed, "▫️ 4", language)
        telegram.wait(lambda: "Bella. 📌" in telegram.messages[listed["message_id"]]["text"])
        assert (
            f"{texts.pinned.format(fact='My mare is called Bella.')}\n"
            in telegram.messages[listed["message_id"]]["text"]
        )
        telegram.ask(5, "Unlike words.", language)
        assert "My mare is called Bella." in bot.shown[-1]
        telegram.press(telegram.messages[listed["message_id"]], "🗑 4", language)
        telegram.wait(lambda: "4." not in telegram.messages[listed["message_id"]]["text"])
        assert "4." not in telegram.ask(5, "/memory", language)["text"]


def test_arguments_do_as_the_buttons_do_and_more(begun, telegram, bot):
    with begun():
        assert "5." not in telegram.ask(5, "/memory add you: I sing.")["text"]
        assert telegram.ask(5, "/memory add you: I sing.")["text"].startswith(
            ALL["en"].same_fact.format(fact="I sing.")
        )
        assert "4. you: I sing loudly." in telegram.ask(5, "/memory edit 4 I sing loudly.")["text"]
        assert "4. you: I sing loudly. 📌" in telegram.ask(5, "/memory закрепить 4")["text"]
        assert telegram.ask(5, "/memory забыть 1")["text"].startswith("Forgotten: I bake bread.")
        telegram.ask(5, "What do you bake?")
        assert "I bake bread." not in bot.shown[-1], "nor is it shown any more"
        assert "I sing loudly." in bot.shown[-1]
        assert "no fact 9" in telegram.ask(5, "/memory forget 9")["text"]
        assert telegram.ask(5, "/memory dance")["text"] == ALL["en"].memory_usage


def test_undo_takes_back_what_was_learned_and_a_restart_loses_nothing(begun, telegram):
    with begun():
        telegram.ask(5, "Note: partner I live in Bath.")
        telegram.ask(5, "Note: partner I live in Holm.")
        assert "I live in Holm." in telegram.ask(5, "/memory")["text"]
    with begun():
        assert "I live in Holm." in telegram.ask(5, "/memory")["text"]
        telegram.ask(5, "/undo")
        text = telegram.ask(5, "/memory")["text"]
        assert "I live in Bath." in text
        assert "Holm" not in text
        telegram.ask(5, "/persona name Ada")
        assert "Bath" not in telegram.ask(5, "/memory")["text"], "another conversation has another memory"
        assert "Bath" not in telegram.ask(6, "/memory")["text"]


def test_without_a_retriever_it_says_so(start, telegram):
    with start():
        assert telegram.ask(5, "/memory")["text"] == ALL["en"].no_memory
