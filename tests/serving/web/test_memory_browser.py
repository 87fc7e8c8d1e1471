"""What is remembered on the page, in a real browser."""

import pytest

pytestmark = pytest.mark.slow
SCRIPT = "<img src=x onerror='window.hacked = 1'>"


@pytest.fixture
def tab(open_tab, serving, fake, draw, tmp_path):
    """The page of a server that remembers."""
    bot = fake.NotingBot()
    load = lambda: fake.load_minds(tmp_path / "memory")  # noqa: E731
    with serving(lambda: bot, tmp_path / "chats", draw=draw, load_minds=load) as client:
        page = open_tab(client)
        page.bot = bot
        page.wait_for_selector("#status.ready")
        yield page
        page.check()


def say(page, text):
    before = page.locator("#log .turn.bot").count()
    page.fill("#words", text)
    page.press("#words", "Enter")
    page.locator("#log .turn.bot[data-number]").nth(before).wait_for()
    page.wait_for_selector("#send[type=submit]")


def listed(page):
    return page.locator("#memory li .text").all_inner_texts()


def act(page, name, number):
    return page.locator(f'[data-act="{name}/{number}"]')


def test_what_is_remembered_is_shown_and_changed(tab, tmp_path):
    assert tab.locator(".memory").is_hidden(), "nothing is open"
    say(tab, "Note: partner My mare is called Bella.")
    tab.wait_for_selector("#memory li:has-text('Bella')")
    assert listed(tab) == ["My mare is called Bella. said", "I fear geese. given", "I bake bread. given"]
    assert tab.locator("#memory .owner").all_inner_texts() == ["of you", "of itself", "of itself"]
    # It comes to mind, and is marked under the reply.
    say(tab, "What is my mare called?")
    assert "My mare is called Bella." in tab.bot.shown[-1]
    row = tab.locator(".turn[data-number='3'] .leant li").filter(has_text="remembered")
    assert row.locator(".text").inner_text() == "My mare is called Bella."
    assert row.locator("i.mind").count() == 1
    # It is pinned, edited, removed; a reload loses nothing.
    act(tab, "pin", 3).click()
    tab.wait_for_selector('[data-act="pin/3"][aria-pressed=true]')
    act(tab, "reword", 3).click()
    tab.fill("#memory form input", f"My mare is called Rose. {SCRIPT}")
    tab.press("#memory form input", "Enter")
    tab.wait_for_selector("#memory li.pinned:has-text('Rose')")
    act(tab, "forget", 1).click()
    tab.until("document.querySelectorAll('#memory li').length === 2")
    tab.select_option("#memory-owner", "world")
    tab.fill("#memory-new", "The mill is haunted.")
    tab.press("#memory-new", "Enter")
    tab.wait_for_selector("#memory li:has-text('haunted')")
    assert tab.input_value("#memory-new") == ""
    tab.reload()
    tab.wait_for_selector("#memory li:has-text('haunted')")
    rose = f"My mare is called Rose. {SCRIPT} said"
    assert listed(tab) == ["The mill is haunted. given", rose, "I fear geese. given"]
    # What contradicts is told, and what is taken back is forgotten.
    say(tab, "Note: partner I live in Bath.")
    tab.wait_for_selector("#memory li:has-text('Bath')")
    say(tab, "Note: partner I live in Holm.")
    tab.wait_for_selector("#memory p:has-text('Remembered: I live in Holm. No more: I live in Bath.')")
    act(tab, "undo", 7).click()
    tab.wait_for_selector("#memory li:has-text('Bath')")
    assert not any("Holm" in text for text in listed(tab))
    tab.locator("#panel .memory").screenshot(path=tmp_path / "memory.png")
    tab.click("#language")
    assert tab.locator("#memory .owner").first.inner_text() == "о вас"
    tab.click("#fresh")
    tab.wait_for_selector(".memory", state="hidden")
