"""The pages with two trained bots: `python pictures.py RUN OTHER FOLDER SCENE`, see experiments/web_page."""

import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

import httpx
from PIL import Image
from playwright.sync_api import sync_playwright

SAID = (
    "Where do you live?",
    "What is your trade?",
    "I lost my lantern yesterday.",
    "What did I lose?",
    "Good day! Who are you?",
)
COLOURS = 256
PATIENCE = 240_000
"""Milliseconds."""


@contextlib.contextmanager
def served(run, other):
    """The address of a server of the two runs."""
    with tempfile.TemporaryDirectory() as folder:
        runs = [f"--run={run}", f"--other={other}", "--gin.DecodeConfig.method=greedy"]
        command = [sys.executable, "-m", "persona_tf", "serve", *runs, "--port=0", f"--chat_file={folder}/c"]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
        )
        try:
            yield next(found[0] for line in process.stdout if (found := re.search(r"http://\S+", line)))
        finally:
            process.terminate()
            process.wait()


def play(page, address, drawn):
    """Leads a conversation in a scene; what the page shows then is the picture."""
    page.goto(address)
    page.wait_for_selector("#status.ready", timeout=PATIENCE)
    with httpx.Client(base_url=address, timeout=60) as client:
        made = client.post("/api/v1/conversations", json=drawn).json()
    page.goto(f"{address}/#{made['id']}")
    page.wait_for_selector("body:not(.unset)")
    for number, text in enumerate(SAID):
        page.wait_for_selector("#send[type=submit]")
        page.fill("#words", text)
        page.press("#words", "Enter")
        page.locator("#log .turn.bot[data-number]").nth(number).wait_for(timeout=PATIENCE)
    last = 2 * len(SAID) - 1
    for quality in ("logical", "specific"):
        page.click(f'[data-act="rate/{last}/{quality}/true"]')
        page.wait_for_selector(f'[data-act="rate/{last}/{quality}/true"][aria-pressed=true]')
    page.wait_for_selector("#send[type=submit]")
    page.mouse.move(0, 0)
    return made["id"]


def compare(client, drawn):
    """Has both answer in a scene; returns the pair's name."""
    turns = []
    for text in SAID[:2]:
        turns.append({"speaker": "partner", "text": text})
        made = client.post("/api/v1/pairs", json={**drawn, "history": turns}).raise_for_status().json()
        turns.append({"speaker": "bot", **made["left"]})
    return made["id"]


def keep(page, path):
    """A picture of few colours, so that it is small."""
    page.evaluate("document.getElementById('scroll').scrollTop = 1e6")
    page.wait_for_timeout(400)
    page.screenshot(path=path)
    with Image.open(path) as image:
        image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def main(run, other, folder, scene):
    """Takes all pictures."""
    folder = pathlib.Path(folder)
    chromium = shutil.which("chromium") or sys.exit("needs Chromium: apt-get install chromium")
    wide, narrow = {"width": 1280, "height": 860}, {"width": 390, "height": 780}
    with served(run, other) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        with httpx.Client(base_url=address, timeout=60) as client:
            while client.get("/api/v1/pairs").json()["status"] == "loading":
                time.sleep(0.5)
            seed = {"seed": int(scene)}
            drawn = client.get("/api/v1/scene", params=seed).json() | seed
            pair = compare(client, drawn)
        page = browser.new_page(viewport=wide, locale="en-GB")
        talk = play(page, address, drawn)
        keep(page, folder / "light.png")
        of_talk, of_pair = (f"/#{talk}", ".turn.bot .rating"), (f"/side#{pair}", ".picks")
        for (path, there), name, scheme, size in (
            (of_talk, "dark", "dark", wide),
            (of_talk, "phone", "light", narrow),
            (of_talk, "phone_dark", "dark", narrow),
            (of_pair, "side", "light", wide),
            (of_pair, "side_phone_dark", "dark", narrow),
        ):
            phone = {"is_mobile": size is narrow, "has_touch": size is narrow}
            page = browser.new_page(viewport=size, locale="en-GB", color_scheme=scheme, **phone)
            page.goto(address + path)
            page.locator(there).last.wait_for(timeout=PATIENCE)
            keep(page, folder / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
