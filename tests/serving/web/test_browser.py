"""The page in a real browser: headless Chromium against a real server with a fake bot."""

import json
import threading

import pytest

from persona_tf.chat.card import Card, read_card, write_card_png

slow = pytest.mark.slow
SCRIPT = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"


@pytest.fixture
def tab(open_tab, serving, fake, draw, tmp_path):
    """The page of a server with a fake bot."""
    bot = fake.FakeBot(delay=0.01)
    with serving(lambda: bot, tmp_path / "chats.sqlite", draw=draw) as client:
        page = open_tab(client)
        page.bot = bot
        page.wait_for_selector("#status.ready")
        yield page
        page.check()


def say(page, text, wait=True):
    before = page.locator("#log .turn.bot").count()
    page.fill("#words", text)
    page.press("#words", "Enter")
    if wait:
        page.locator("#log .turn.bot[data-number]").nth(before).wait_for()
        page.wait_for_selector("#send[type=submit]")


def bubbles(page):
    return [text.strip() for text in page.locator("#log .bubble .speech").all_inner_texts()]


def act(page, name, number):
    return page.locator(f'[data-act="{name}/{number}"]')


def kept(page):
    return page.client.get(f"/api/v1/conversations/{page.url.rpartition('#')[2]}").json()


def test_what_is_said_is_answered_rated_and_there_after_a_reload(tab):
    """The short one of these: the others are slow."""
    say(tab, "Good day!")
    act(tab, "rate", "1/logical/true").click()
    tab.wait_for_selector('[data-act="rate/1/logical/true"][aria-pressed=true]')
    before = bubbles(tab)
    tab.reload()
    tab.wait_for_selector('[data-act="rate/1/logical/true"][aria-pressed=true]')
    assert bubbles(tab) == before
    assert before[1].startswith("You said: Good day!")


@slow
def test_a_conversation_is_played(tab):
    """Streams, rates, ticks, regenerates, leafs, goes on, edits, undoes, and is all there after a reload."""
    assert tab.input_value("[name='persona.name']") == "Mira"
    assert tab.inner_text("#stage h2") == "Mill"
    # Words come one by one.
    tab.bot.pause_at = 5
    say(tab, "Good day!", wait=False)
    tab.wait_for_selector("#send[type=button]")
    assert tab.locator(".turn.partner .speech").inner_text() == "Good day!"
    tab.until("document.getElementById('live')?.textContent.startsWith('You said')")
    partly = tab.inner_text("#live")
    tab.bot.pause_at = None
    tab.bot.gate.set()
    tab.wait_for_selector("#log .turn.bot[data-number]")
    reply = bubbles(tab)[1]
    assert reply.startswith(partly.strip())
    assert len(reply) > len(partly)
    # What it did, showed and leant on.
    assert tab.inner_text(".turn.bot em.action") == "wave"
    assert tab.inner_text(".turn.bot .emote").split() == ["🙂", "smiles"]
    assert tab.locator(".leant .text").all_inner_texts() == ["I bake bread.", "Good day!"]
    assert tab.locator(".leant .share").all_inner_texts() == ["50%", "25%"]
    bars = tab.locator(".leant .bar i").evaluate_all("all => all.map(one => one.getBoundingClientRect().width)")
    assert bars[0] == pytest.approx(2 * bars[1], rel=0.02)
    assert "Mira: You said: Good day!" in tab.locator("#spoken").text_content()
    # A person's judgement.
    act(tab, "rate", "1/logical/true").click()
    act(tab, "rate", "1/personal/false").click()
    act(tab, "open", 1).click()
    act(tab, "tick", "1/persona/1").check()
    act(tab, "tick", "1/turn/0").check()
    made = {}
    while made.get("ticked") != ["persona/1", "turn/0"]:
        tab.wait_for_timeout(20)
        [made] = kept(tab)["turns"][1]["alternatives"]
    assert made["rating"] == {"logical": True, "personal": False}
    assert tab.locator(".leant input:checked").count() == 2
    # Other answers.
    say(tab, "Again?")
    act(tab, "again", 3).click()
    tab.wait_for_selector("text=2 / 2")
    second = bubbles(tab)[3]
    act(tab, "previous", 3).click()
    tab.wait_for_selector("text=1 / 2")
    assert bubbles(tab)[3] != second
    tab.press("#words", "ArrowRight")
    tab.wait_for_selector("text=2 / 2")
    assert bubbles(tab)[3] == second
    act(tab, "more", 3).click()
    tab.wait_for_selector("text=3 / 3")
    assert bubbles(tab)[3].startswith(f"{second} ")
    # Other words; the edit box opens with the arrow, too.
    tab.press("#words", "ArrowUp")
    tab.fill(".editing textarea", "Anew!")
    tab.click(".editing button[value=answer]")
    tab.until("document.querySelectorAll('#log .speech')[3]?.textContent.includes('Anew! after 3')")
    tab.wait_for_selector("#send[type=submit]")
    act(tab, "edit", 1).click()
    tab.fill(".editing textarea", "By hand.")
    tab.press(".editing textarea", "Enter")
    tab.wait_for_selector("text=By hand.")
    assert [turn["text"] for turn in kept(tab)["turns"]][:3] == ["Good day!", "By hand.", "Anew!"]
    say(tab, "Oh no.")
    act(tab, "undo", 5).click()
    tab.until("document.querySelectorAll('#log .turn').length === 4")
    # Nothing is lost.
    before = bubbles(tab)
    tab.fill("#words", "a draft")
    tab.fill("[name='persona.facts']", "I bake cakes.")
    tab.reload()
    tab.until("document.querySelectorAll('#log .turn').length === 4")
    assert bubbles(tab) == before
    assert tab.input_value("#words") == "a draft"
    assert tab.input_value("[name='persona.facts']") == "I bake cakes."
    tab.click("#changed-on")
    tab.wait_for_selector("#changed", state="hidden")
    assert kept(tab)["persona"]["facts"] == ["I bake cakes."]
    assert bubbles(tab) == before


@slow
def test_what_is_written_is_stopped(tab):
    tab.bot.pause_at = 5
    say(tab, "Tell me a long story", wait=False)
    tab.until("document.getElementById('live')?.textContent.length > 3")
    with tab.expect_response(lambda response: response.url.endswith("/stop")):
        tab.press("body", "Escape")
    tab.bot.pause_at = None
    tab.bot.gate.set()
    tab.wait_for_selector("#log .turn.bot[data-number]")
    assert "after 1 turns" not in bubbles(tab)[1]
    assert tab.inner_text(".turn.bot .who small") == "stopped here"
    # What was not begun yet is taken back, and can be sent again.
    tab.bot.gate.clear()
    say(tab, "Wait", wait=False)
    tab.wait_for_selector("#send[type=button]")
    tab.press("#words", "Escape")
    tab.wait_for_selector("#send[type=submit]")
    assert tab.input_value("#words") == "Wait"
    tab.bot.gate.set()


@slow
def test_a_talk_is_saved_and_loaded(tab, tmp_path):
    say(tab, "One")
    act(tab, "again", 1).click()
    tab.wait_for_selector("text=2 / 2")
    act(tab, "rate", "1/specific/true").click()
    tab.wait_for_selector("[aria-pressed=true]")
    with tab.expect_download() as waiting:
        tab.click("#talk-save")
    file = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(file)
    whole, first = kept(tab), tab.url
    tab.set_input_files("#talk-load-file", file)
    tab.until(f"location.href !== {json.dumps(first)}")
    tab.wait_for_selector("text=2 / 2")
    again = kept(tab)
    assert again["id"] != whole["id"]
    changed = ("id", "created", "changed", "revision")
    assert {k: v for k, v in again.items() if k not in changed} == {k: v for k, v in whole.items() if k not in changed}
    # It can be found again, left, and forgotten.
    tab.until("document.querySelectorAll('.talks li').length === 2")
    tab.on("dialog", lambda dialog: dialog.accept())
    tab.locator(".talks li").filter(has=tab.locator("[aria-current]")).get_by_role("button").click()
    tab.until("document.querySelectorAll('.talks li').length === 1")
    assert tab.locator("#log .turn").count() == 0
    tab.click(".talks li a")
    tab.wait_for_selector("text=2 / 2")
    assert tab.url == first
    bad = tmp_path / "bad.json"
    bad.write_text('{"a": 1}', encoding="utf-8")
    tab.set_input_files("#talk-load-file", bad)
    tab.wait_for_selector(".note.error:has-text('bad.json: this is neither a saved talk nor a character card')")
    assert [text for text in tab.said if "422" in text]
    tab.said.clear()  # the browser itself says that a request was refused


@slow
def test_character_cards_come_and_go(tab, tmp_path):
    rye = "The moon is made of rye."
    entry = {"keys": ["moon"], "content": rye, "extensions": {}, "enabled": True, "insertion_order": 0}
    card = Card(
        "Odile",
        "{{char}} is a swan. She hates ponds.",
        scenario="A pond at night.",
        first_message="*sings* Hello, {{user}}!",
        alternate_greetings=("Go away!",),
        book={"extensions": {}, "entries": [entry]},
        other={"creator": "Ann", "tags": ["x"]},
    )
    path = tmp_path / "odile.png"
    path.write_bytes(write_card_png(card))
    tab.set_input_files("#card-load-file", path)
    tab.wait_for_selector(".note:has-text('Odile')")
    assert tab.input_value("[name='persona.facts']").splitlines() == ["I am a swan.", "I hate ponds."]
    assert tab.locator("#opening option").all_inner_texts() == ["Hello, you!", "Go away!", "none"]
    tab.select_option("#opening", "1")
    say(tab, "Look at the moon!")
    assert bubbles(tab)[0] == "Go away!"
    told = [item["text"] for item in kept(tab)["knowledge"]]
    assert "The moon is made of rye." in told
    tab.fill("[name='persona.name']", "Odette")
    for form, ending in (("png", "png"), ("v1", "json"), ("v2", "json")):
        tab.select_option("#format", form)
        with tab.expect_download() as waiting:
            tab.click("#card-save")
        assert waiting.value.suggested_filename == f"Odette.{ending}"
        waiting.value.save_as(tmp_path / "saved")
        saved = read_card((tmp_path / "saved").read_bytes())
        assert (saved.name, saved.alternate_greetings, saved.other["creator"]) == ("Odette", ("Go away!",), "Ann")
        assert saved.book["entries"][0]["content"] == "The moon is made of rye."


@slow
def test_scripts_in_every_field_stay_text(tab, tmp_path):
    for box in tab.locator("#panel .scene details > summary").all():
        box.click()
    for box in tab.locator("#panel .scene :is(input, textarea)").all():
        box.fill(SCRIPT)
    tab.click("#deeds")
    tab.fill("#action", SCRIPT)
    say(tab, SCRIPT)
    act(tab, "open", 1).click()
    assert SCRIPT in bubbles(tab)[0]
    assert SCRIPT in bubbles(tab)[1]
    assert tab.inner_text("#stage h2") == SCRIPT
    assert tab.locator(".leant .text").first.inner_text() == SCRIPT
    assert SCRIPT in tab.inner_text(".talks li a")
    card = tmp_path / "card.png"
    card.write_bytes(write_card_png(Card(SCRIPT, SCRIPT, SCRIPT, SCRIPT, SCRIPT)))
    tab.set_input_files("#card-load-file", card)
    tab.wait_for_selector(".note:has-text('onerror')")
    assert tab.locator("#talk script, #talk img, #panel script, #panel img, #notes img").count() == 0
    # A hostile reload, too.
    tab.goto(f"{tab.at}/#{SCRIPT}")
    tab.reload()
    tab.wait_for_selector(".note.error")
    assert tab.locator("#talk img").count() == 0
    tab.said[:] = [text for text in tab.said if "404" not in text and "422" not in text]


@slow
def test_what_one_chooses_is_sent(tab):
    sent = []
    tab.on("request", lambda request: request.method == "POST" and sent.append(request.post_data_json))
    tab.fill("#seed", "42")
    tab.locator("#slide-temperature").fill("0.5")
    tab.locator("#slide-max_reply_tokens").fill("3")
    say(tab, "Hi")
    assert kept(tab)["seed"] == 42
    assert sent[1]["decoding"] == {"temperature": 0.5, "max_reply_tokens": 3}
    assert bubbles(tab)[1] == "You said: Hi"
    tab.reload()
    tab.wait_for_selector("#status.ready")
    assert tab.input_value("#slide-temperature") == "0.5"
    tab.click("#sampling-reset")
    say(tab, "Hi")
    assert sent[-1]["decoding"] == {}


@slow
def test_words_keyboard_themes_and_a_phone(tab):
    keys = tab.evaluate(
        """async () => {
        const [en, ru] = [(await import('/page/words_en.js')).default, (await import('/page/words_ru.js')).default];
        return [Object.keys(en).sort(), Object.keys(ru).sort()];
    }"""
    )
    assert keys[0] == keys[1]
    say(tab, "Hello")
    tab.click("#language")
    assert tab.inner_text(".turn.bot .emote").split() == ["🙂", "улыбается"]
    assert tab.get_attribute("html", "lang") == "ru"
    assert tab.inner_text("#status") == "не спит"
    colours = []
    for _ in range(3):
        colours.append(tab.evaluate("getComputedStyle(document.body.parentElement).backgroundColor"))
        tab.click("#theme")
    assert colours[0] == colours[1] != colours[2]
    # Every control has a name, and all can be reached with Tab.
    bare = tab.evaluate(
        """() => [...document.querySelectorAll('button, input:not([aria-hidden]), select, textarea, a')].filter(
        (one) => !(one.getAttribute('aria-label') || one.textContent.trim() || one.labels?.length)
        ).map((one) => one.outerHTML)"""
    )
    assert bare == []
    tab.focus("#words")
    tab.keyboard.press("Shift+Tab")
    assert tab.evaluate("document.activeElement.id") == "deeds"
    # On a phone the panel lies over the conversation, and nothing is wider than the screen.
    tab.set_viewport_size({"width": 360, "height": 740})
    assert tab.evaluate("document.documentElement.scrollWidth") <= 360
    assert tab.locator("#panel").is_hidden()
    tab.click("#panel-switch")
    assert tab.locator("#panel").is_visible()
    tab.keyboard.press("Escape")
    assert tab.locator("#panel").is_hidden()
    assert tab.evaluate("document.activeElement.id") == "panel-switch"


@slow
def test_the_page_is_there_while_the_bot_wakes_up(open_tab, serving, fake, draw, tmp_path):
    ready, bot = threading.Event(), fake.FakeBot()

    def load():
        ready.wait(60)
        return bot

    with serving(load, tmp_path / "chats.sqlite", draw=draw, wait=False) as client:
        page = open_tab(client, locale="ru-RU")
        assert page.inner_text("#status") == "просыпается …"
        page.until("document.querySelector('[name=\"persona.name\"]').value === 'Mira'")
        page.fill("#words", "Проснись!")
        page.press("#words", "Enter")
        page.wait_for_selector(".note")
        ready.set()
        page.wait_for_selector("#log .turn.bot[data-number]")
        assert "Проснись!" in bubbles(page)[0]


@slow
def test_what_is_said_before_the_page_is_complete_waits_for_it(tab):
    """Neither is another conversation begun than the one that is being opened, nor one without its scene."""
    say(tab, "One")
    first, held = tab.url, []
    tab.route("**/api/v1/bot", lambda route: held.append(route))
    tab.reload()
    tab.until("document.getElementById('status').className === 'status ready'")
    tab.fill("#words", "Two")
    tab.press("#words", "Enter")
    while not held:
        tab.wait_for_timeout(20)
    assert tab.locator("#log .turn").count() == 0
    held[0].continue_()
    tab.locator("#log .turn.bot[data-number]").nth(1).wait_for()
    assert tab.url == first
    assert [text.split()[2] for text in bubbles(tab)[1::2]] == ["One", "Two"]
