"""What people do, and what they see: each command in both languages."""

import json

import pytest

from persona_tf.chat.card import Card, write_card, write_card_png
from persona_tf.serving.telegram.texts import ALL

BOOK = {"entries": [{"keys": ["ring"], "content": "The ring is cursed.", "enabled": True, "insertion_order": 0}]}
CARD = Card(
    "Nell",
    "Nell is a smith. Nell hates rain.",
    scenario="They meet at a forge.",
    first_message="Mind the fire!",
    book=BOOK,
)


@pytest.fixture(params=["en", "ru"])
def language(request):
    return request.param


@pytest.fixture
def texts(language):
    return ALL[language]


def test_who_starts_meets_somebody_and_talks(start, telegram, texts, language):
    with start():
        hello = telegram.ask(5, "/start", language)
        assert texts.meet.format(name="Mira") in hello["text"]
        assert "Mill" in hello["text"]
        assert texts.anew not in hello["text"]
        reply = telegram.ask(5, "Good day!", language)
        assert reply["text"].startswith(
            "Heard: Good day! | turns 1 | I bake bread. I fear geese. My cat is called Fig."
        )
        assert reply["text"].endswith("*wave* 🙂")
        assert "turns 3" in telegram.ask(5, "And now?", language)["text"]
        assert texts.anew in telegram.ask(5, "/start", language)["text"]
        assert "turns 1" in telegram.ask(5, "Once more", language)["text"]
    assert telegram.of("sendChatAction")


def test_help_names_every_command_of_the_menu(start, telegram, texts, language):
    with start():
        shown = telegram.ask(5, "/help", language)["text"]
    assert shown == texts.help
    assert all(f"/{name}" in shown for name in texts.menu)
    menus = [call.given for call in telegram.of("setMyCommands")]
    assert [m.get("language_code") for m in menus] == [None, "ru"]
    assert all([c["command"] for c in m["commands"]] == list(texts.menu) for m in menus)


WORDS = {
    "en": {"add": "add", "edit": "edit", "remove": "remove", "name": "name", "clear": "clear"},
    "ru": {"add": "добавить", "edit": "изменить", "remove": "убрать", "name": "имя", "clear": "очистить"},
}


def test_persona_is_listed_and_changed(start, telegram, texts, language):
    verbs = WORDS[language]

    def ask(text):
        return telegram.ask(5, text, language)["text"]

    with start():
        listed = ask("/persona")
        assert (
            listed
            == f"{texts.persona.format(name='Mira')}\n1. I bake bread.\n2. My cat is called Fig.\n3. I fear geese."
        )
        added = ask(f"/persona {verbs['add']} Я люблю 🍞.\nI sing.")
        assert added.startswith(texts.added)
        assert "4. Я люблю 🍞.\n5. I sing." in added
        assert ask(f"/persona {verbs['add']} i SING.") == texts.same_fact.format(fact="i SING.")
        assert "2. My dog is old.\n" in ask(f"/persona@mira_bot {verbs['edit']} 2 My  dog is old.")
        assert "I fear" not in ask(f"/persona {verbs['remove']} 3")
        assert "turns 1 | I bake bread. I sing. My dog is old. Я люблю 🍞. |" in ask("Hm?")
        named = ask(f"/persona {verbs['name']} Nell")
        assert named.startswith(texts.named.format(name="Nell"))
        assert named.endswith(texts.anew)
        assert "turns 1 |" in ask("Hm?")
        assert texts.no_facts in ask(f"/persona {verbs['clear']}")
        assert "turns 1 | |" in ask("Hm?")
        assert "1. One.\n2. Two." in ask("/persona\nOne.\n\n Two. ")


def test_somebody_else_is_drawn(start, telegram, texts, language, talking):
    with start(draw=None):
        assert texts.meet_nobody in telegram.ask(5, "/start", language)["text"]
        assert telegram.ask(5, "/persona random", language)["text"] == texts.not_drawn
    with start():
        assert telegram.ask(6, "/persona\nOne.", language)
        drawn = telegram.ask(6, "/persona случайный", language)["text"]
    assert drawn.startswith(texts.drawn)
    assert "1. I bake bread." in drawn


def test_the_place_is_shown_changed_and_removed(start, telegram, texts, language):
    with start():
        assert telegram.ask(5, "/place", language)["text"] == texts.place.format(place="Mill\n– It leans.")
        changed = telegram.ask(5, "/place Barn: It is dark. Who is there?", language)["text"]
        assert changed == texts.place_set.format(place="Barn\n– It is dark.\n– Who is there?")
        assert "It is dark. Who is there?" in telegram.ask(5, "Hm?", language)["text"]
        gone = telegram.ask(5, f"/place {texts.nothing[0]}", language)["text"]
        assert gone == f"{texts.place_gone}\n\n{texts.anew}"
        assert telegram.ask(5, "/place", language)["text"] == texts.nowhere


def test_undo_takes_back_what_was_said_and_answered(start, telegram, texts, language):
    with start():
        assert telegram.ask(5, "/undo", language)["text"] == texts.nothing_to_undo
        telegram.ask(5, "One", language)
        telegram.ask(5, "Two", language)
        assert telegram.ask(5, "/undo", language)["text"] == texts.undone.format(text="Two")
        assert "turns 3" in telegram.ask(5, "Three", language)["text"]


@pytest.mark.parametrize("kind", ["json", "png"])
def test_a_card_is_played(start, telegram, texts, language, kind):
    content = write_card(CARD) if kind == "json" else write_card_png(CARD)
    with start():
        assert telegram.ask(5, "/card", language)["text"] == texts.card_usage
        telegram.send_file(5, content, f"nell.{kind}", language, caption="/card")
        opening = telegram.wait_sent(5, 3)
        told = telegram.sent(5)[1]["text"]
        assert opening["text"] == "Mind the fire!"
        assert told.startswith(texts.card.format(name="Nell"))
        assert "1. I am a smith.\n2. I hate rain." in told
        assert (
            "turns 2 | I am a smith. I hate rain. | They meet at a forge." in telegram.ask(5, "Hello", language)["text"]
        )
        assert "The ring is cursed." in telegram.ask(5, "Whose ring?", language)["text"]
    with start():  # after a restart
        assert "The ring is cursed." in telegram.ask(5, "That ring!", language)["text"]
        # A new conversation has the first message again, and nothing to take back.
        assert telegram.ask(5, "/start", language, answers=2)["text"] == "Mind the fire!"
        assert telegram.ask(5, "/undo", language)["text"] == texts.nothing_to_undo


def test_what_one_does_and_shows_is_told_to_the_bot(start, telegram, tmp_path):
    with start():
        telegram.ask(5, "Good day!\nFriend *hug Mira* (smile)")
    [kept] = kept_in(tmp_path)
    first = kept.state["episode"]["turns"][0]
    assert first == {"speaker": 0, "speech": "Good day!\nFriend", "action": "hug Mira", "emote": "smile"}


def test_two_chats_at_once_are_not_mixed(start, telegram):
    with start():
        for number in range(6):
            for chat in range(1, 9):
                telegram.say(chat, f"chat {chat} says {number}", ["en", "ru"][chat % 2])
        for chat in range(1, 9):
            telegram.wait_sent(chat, 6)
            for number, message in enumerate(telegram.sent(chat)):
                assert message["text"].startswith(f"Heard: chat {chat} says {number} | turns {2 * number + 1} |")


def test_a_slow_answer_blocks_nobody(start, telegram, talking):
    bot = talking.TalkingBot()
    with start(bot):
        telegram.ask(1, "Hello")
        bot.gate.clear()
        telegram.say(1, "slow")
        telegram.wait(lambda: len(telegram.of("sendChatAction")) >= 2)
        for chat in (2, 3):
            telegram.ask(chat, "/help")
            telegram.ask(chat, "/persona add I sing.")
        assert len(telegram.sent(1)) == 1
        bot.gate.set()
        assert telegram.wait_sent(1, 2)["text"].startswith("Heard: slow")


def test_many_are_answered_side_by_side(start, telegram, talking):
    bot = talking.TalkingBot(delay=0.02)
    with start(bot):
        bot.gate.clear()
        for chat in range(1, 21):
            telegram.say(chat, "Hi")
        telegram.wait(lambda: len(telegram.of("sendChatAction")) >= 20)
        bot.gate.set()
        for chat in range(1, 21):
            telegram.wait_sent(chat, 1)
    assert max(map(len, bot.batches)) > 5


def test_a_group_is_one_chat_and_pictures_there_are_not_for_the_bot(start, telegram):
    with start():
        telegram.send_photo(-7, kind="group")
        telegram.say(-7, "/help@mira_bot", kind="group")
        assert telegram.wait_sent(-7, 1)["text"] == ALL["en"].help


def kept_in(tmp_path):
    from persona_tf.chat_file import ChatFile

    file = ChatFile(tmp_path / "c.sqlite", read_only=True)
    try:
        return sorted(file.all(), key=lambda kept: kept.created)
    finally:
        file.close()


def test_no_name_of_a_person_is_kept(start, telegram, tmp_path):
    with start():
        telegram.ask(5, "Hello")
    [kept] = kept_in(tmp_path)
    assert kept.about["partner"] == ""
    assert "first_name" not in json.dumps(kept.state)
