// What every page does in the same way when it starts.

import { get, onToken } from "./api.js";
import { $ } from "./dom.js";
import { setFaces } from "./faces.js";
import { closeOverlay, frame, isWide } from "./frame.js";
import { askToken } from "./notes.js";
import { awake, onStatus } from "./waking.js";
import { t } from "./words.js";

/** `show`: builds the page; `status`: shows how the bot is; `stop`: ends what is being written, false: nothing is. */
export function wire({ show, status, stop }) {
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !stop()) closeOverlay();
  });
  onStatus(status);
  onToken(askToken);
  frame(show);
}

/** When the bot is awake: who it is, see BotOut of the API. One may write meanwhile. */
export async function wake(composer, sampling) {
  if (isWide()) composer.words.focus();
  await awake();
  const bot = await get("/api/v1/bot");
  setFaces(bot.emotes);
  sampling.own = bot.decoding;
  composer.show(composer.name);
  return bot;
}

/** What stood in the boxes when the page was left, else somebody random. */
export async function firstScene(scenes) {
  const draft = scenes.draft(null);
  if (draft) scenes.write(draft);
  else await scenes.dice();
}

/** `words`: other words for it than usual. */
export function showStatus(status, words = `status.${status}`) {
  $("status").className = `status ${status}`;
  $("status").textContent = t(words);
}

/** There is something to see now. */
export const shown = () => document.body.classList.remove("unset");
