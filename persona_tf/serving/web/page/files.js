// Files that people choose, and files that they are given.

import { h, icon } from "./dom.js";

const FORMAT = "persona_tf conversation";

/** A button that asks for a file and hands it to `read`. */
export function opener(id, picture, text, accept, read) {
  const input = h("input", {
    type: "file", accept, class: "unseen", id: `${id}-file`, tabindex: -1, "aria-hidden": "true",
    on: {
      change: () => {
        const [file] = input.files;
        input.value = "";
        if (file) read(file);
      },
    },
  });
  return [h("button", { type: "button", id, on: { click: () => input.click() } }, icon(picture), text), input];
}

/** Has the browser save something. */
export function download(blob, name) {
  const url = URL.createObjectURL(blob);
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export const fileName = (text) => text.trim().replace(/[^\p{L}\p{N}]+/gu, "_").replace(/^_+|_+$/g, "").slice(0, 60) || "persona";

/** A conversation as a file. */
export function talkFile(kept) {
  return new Blob([JSON.stringify({ format: FORMAT, version: 1, ...kept }, null, 1)], { type: "application/json" });
}

/** What begins a conversation as it was kept in a file; null: it is another kind of file. */
export async function talkIn(file) {
  if (file.size > 32 << 20) return null;
  let value;
  try {
    value = JSON.parse(await file.text());
  } catch {
    return null;
  }
  if (value?.format !== FORMAT || !Array.isArray(value.turns)) return null;
  const { place, persona, partner, seed, card, turns } = value;
  return { place, persona, partner, seed, ...(card ? { card } : {}), turns: turns.map(turnBody) };
}

/** A turn as it is sent back: texts of what it leant on are known. */
function turnBody({ speaker, text, action, emote, chosen, alternatives }) {
  const bare = (one) => ({ ...one, leant_on: one.leant_on.map(({ key, weight }) => ({ key, weight: Math.min(weight, 1) })) });
  return { speaker, text, action, emote, ...(alternatives?.length ? { chosen, alternatives: alternatives.map(bare) } : {}) };
}
