// Emotes as face and word.

import { h } from "./dom.js";
import { t } from "./words.js";

let faces = {};

/** Takes over the faces that the server knows. */
export function setFaces(found) {
  faces = found;
}

export const emotes = () => Object.keys(faces);

export const emoteText = (emote) => `${faces[emote] ?? ""} ${t(`emote.${emote}`)}`.trim();

export function emoteChip(emote) {
  return h("span", { class: "emote" }, h("span", { class: "face", "aria-hidden": "true" }, faces[emote] ?? ""), " ", t(`emote.${emote}`));
}

/** A list to choose an emote from. */
export function emoteSelect(chosen, props = {}) {
  const options = emotes().map((one) => h("option", { value: one, selected: one === chosen }, emoteText(one)));
  return h("select", { "aria-label": t("emote"), title: t("emote"), ...props }, h("option", { value: "" }, t("emote.none")), options);
}
