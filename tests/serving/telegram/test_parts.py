"""The parts that need no network: texts, messages, commands, the token, the inbox, queues."""

import asyncio
import dataclasses
import logging
import string
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_tf.chat_file import ChatFile
from persona_tf.episode import Character, Fact, Setting, Thing
from persona_tf.serving.telegram import inbox
from persona_tf.serving.telegram.inbox import Inbox
from persona_tf.serving.telegram.outgoing import MAX_MESSAGE, Button, Out, parts, short
from persona_tf.serving.telegram.queues import Queues
from persona_tf.serving.telegram.scene_commands import RefusedError, persona, persona_text, place_text
from persona_tf.serving.telegram.secret import hidden, token_of
from persona_tf.serving.telegram.texts import ALL, ENGLISH, RUSSIAN, VERBS, texts_of

TOKEN = "123456:" + "aB-c_" * 7


def names(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(ENGLISH)])
def test_all_languages_say_the_same_things(field):
    first, second = (getattr(texts, field) for texts in (ENGLISH, RUSSIAN))
    if isinstance(first, str):
        if field != "help":
            assert names(first) == names(second)
        assert any("а" <= letter <= "я" for letter in second.lower())
        assert len(first) < MAX_MESSAGE
        assert len(second) < MAX_MESSAGE
    elif field == "verbs":
        assert set(first.values()) == set(second.values())
        assert len(VERBS) == len(first) + len(second)
    elif field == "owner_words":
        assert list(first.values()) == list(second.values())
        assert first.keys().isdisjoint(second)
    elif field != "nothing":
        assert list(first) == list(second)


@pytest.mark.parametrize(
    ("language", "texts"), [("ru", RUSSIAN), ("ru-UA", RUSSIAN), ("RU_ru", RUSSIAN), ("de", ENGLISH)]
)
def test_the_language_of_the_app_decides(language, texts):
    assert texts_of(language) is texts
    assert texts in ALL.values()


@given(st.text(max_size=300), st.integers(4, 50))
def test_messages_are_never_empty_or_too_long_and_lose_no_word(text, most):
    found = list(parts(text, most))
    assert found
    for part in found:
        assert part.strip()
        assert len(part.encode("utf-16-le")) <= 2 * most
        assert not any(0xD800 <= ord(c) < 0xE000 for c in part)
    kept = "".join(c for c in text if c.isalnum())
    assert "".join(c for c in "".join(found) if c.isalnum()) == kept


def test_a_long_message_is_cut_between_lines_or_words():
    text = "\n".join(f"line {number} of many" for number in range(500))
    found = list(parts(text))
    assert "\n".join(found) == text
    assert all(part.startswith("line ") for part in found)
    assert list(parts("🙂" * 3000)) == ["🙂" * 2048, "🙂" * 952]


def test_what_is_sent_comes_back_from_json():
    out = Out("x", ((Button("a", "b"), Button("c", "d")), (Button("e", "f"),)), 7)
    assert Out.from_json(dataclasses.asdict(out)) == out
    assert short("a\nb " * 100, 10) == "a b a b a…"


def test_a_persona_is_told_with_what_it_has():
    mira = Character("Mira", (Fact("I bake."),), wearing=(Thing("an apron"),), wielding=(Thing("a ladle"),))
    assert persona_text(mira, ENGLISH) == "I am Mira.\n1. I bake.\nWearing: an apron\nWielding: a ladle"
    barn = Setting("Barn", "Farm", ("It is old.",), (Thing("a rake", "Rusty."),), ("a goose",))
    assert place_text(barn, ENGLISH) == "Where we are: Barn, Farm\n– It is old.\n– a rake: Rusty.\n– a goose"
    assert place_text(Setting("", description=("A forge.",)), ENGLISH) == "Where we are: – A forge."


@given(st.text(max_size=60))
def test_whatever_is_typed_makes_a_persona_or_is_refused(rest):
    before = Character("Mira", (Fact("I bake."),))
    try:
        made = persona(before, f" {rest}", ENGLISH)
    except RefusedError:
        return
    assert made.text
    assert made.character is None or all(fact.text.strip() for fact in made.character.facts)


@pytest.mark.parametrize("value", [None, "", " \n"])
def test_without_a_token_it_says_where_one_is_from(value):
    with pytest.raises(ValueError, match="in the variable TELEGRAM_TOKEN: ask @BotFather"):
        token_of({} if value is None else {"TELEGRAM_TOKEN": value})


@pytest.mark.parametrize("value", ["secret-word", "777777", "777:short", f"{TOKEN}/../x", f"{TOKEN} x"])
def test_what_is_no_token_is_not_shown(value):
    with pytest.raises(ValueError, match="TELEGRAM_TOKEN holds no token") as raised:
        token_of({"TELEGRAM_TOKEN": value})
    assert value not in str(raised.value)
    assert token_of({"TELEGRAM_TOKEN": f" {TOKEN}\n"}) == TOKEN


def test_no_log_and_no_error_shows_the_token(caplog):
    caplog.set_level(logging.DEBUG)
    log = logging.getLogger("httpx")

    def leak():
        with hidden(TOKEN):
            log.info("HTTP Request: %s %s", "POST", f"https://host/bot{TOKEN}/getMe")
            try:
                raise RuntimeError(f"no route to /bot{TOKEN}/")
            except RuntimeError:
                log.exception("failed with %s", TOKEN)
            raise KeyError(TOKEN)

    with pytest.raises(ValueError, match="<token>") as raised:
        leak()
    assert TOKEN not in "".join(traceback.format_exception(raised.value))
    assert TOKEN not in caplog.text
    assert "no route to /bot<token>/" in caplog.text
    with pytest.raises(KeyError, match="other"), hidden(TOKEN):
        raise KeyError("other")


@pytest.fixture
def box(tmp_path):
    ChatFile(tmp_path / "c.sqlite").close()
    made = Inbox(tmp_path / "c.sqlite")
    yield made
    made.close()


def test_the_inbox_knows_what_it_had(box, tmp_path, monkeypatch):
    assert box.take([(3, {"a": "й"}), (4, {}), (3, {"a": "other"})]) == [3, 4]
    assert box.take([(4, {}), (5, {"c": 1})]) == [5]
    box.done(4)
    assert box.waiting() == [{"a": "й"}, {"c": 1}]
    again = Inbox(tmp_path / "c.sqlite")
    assert again.take([(3, {}), (4, {}), (1, {"late": 1})]) == [1], "numbers may begin anew"
    assert again.waiting() == [{"a": "й"}, {"c": 1}, {"late": 1}]
    monkeypatch.setattr(inbox, "REMEMBERED_S", -1.0)
    assert again.take([]) == []
    assert again.take([(4, {}), (3, {})]) == [4], "what is done is forgotten in time, what waits is not"
    again.close()
    ChatFile(tmp_path / "c.sqlite").close()


def test_an_inbox_that_cannot_be_written_says_so(box, tmp_path):
    box._connection.execute("PRAGMA query_only=1")
    with pytest.raises(OSError, match="updates cannot be kept"):
        box.take([(1, {})])
    with pytest.raises(OSError, match="updates cannot be kept"):
        Inbox(tmp_path / "no" / "c.sqlite")


def test_queues_keep_the_order_of_each_and_stop():
    done, running, most = [], set(), 0

    async def work(thing):
        nonlocal most
        assert thing[0] not in running, "one at a time"
        running.add(thing[0])
        most = max(most, len(running))
        await asyncio.sleep(0.001)
        running.discard(thing[0])
        done.append(thing)

    async def all_of_it():
        queues = Queues(work, most=12)
        for number in range(20):
            queues.put(number % 4, (number % 4, number))
        assert queues.waiting(0) == 5
        await asyncio.wait_for(queues.room(), 5)
        assert len(done) > 8
        queues.put("late", ("late", 99))
        assert await queues.close(5)
        assert len(done) < 21

    asyncio.run(all_of_it())
    assert most >= 4
    for key in range(4):
        assert [number for k, number in done if k == key] == sorted(number for k, number in done if k == key)
