// Two answers beside each other, and the buttons that say which is better.

import { h } from "./dom.js";
import { bubble } from "./turn.js";
import { t } from "./words.js";

const KEYS = { ArrowLeft: "left", ArrowUp: "tie", ArrowDown: "bad", ArrowRight: "right" };
const SIGNS = { left: "←", tie: "↑", bad: "↓", right: "→" };

/** Which pick a key means; undefined: none. */
export const pickOf = (event) => (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey ? undefined : KEYS[event.key]);

/** `acts`: pick(which), skip(). */
export function openPair(pair, names, acts) {
  const answer = (side) => column(side, names, bubble(pair[side]), { offence: pair[side].offence });
  return [
    h("div", { class: "answers" }, answer("left"), answer("right")),
    h("p", { class: "question", id: "question" }, t("pick.what")),
    h("div", { class: "picks", role: "group", "aria-labelledby": "question" }, Object.values(KEYS).map((which) => pickButton(which, acts))),
    h("p", { class: "aside" }, h("button", { type: "button", class: "link", id: "pair-skip", on: { click: acts.skip } }, t("pick.skip"))),
  ];
}

/** While both are writing. */
export function waitingPair(names) {
  const answer = (side) => column(side, names, h("div", { class: "bubble" }, h("p", { class: "speech live" })), { isBusy: true });
  return [h("div", { class: "answers" }, answer("left"), answer("right"))];
}

/** What was picked, and how to pick otherwise. */
export function pickedPair(pair, acts) {
  const undo = h("button", { type: "button", class: "link", id: "pair-undo", on: { click: () => acts.pick(null) } }, t("pick.undo"));
  return [h("p", { class: "aside" }, t(`picked.${pair.pick}`), " ", undo)];
}

/** For who cannot see it. */
export function spokenPair({ left, right }) {
  const words = ({ text, action, emote }) => [text, action, emote && t(`emote.${emote}`)].filter(Boolean).join(", ") || t("silent");
  return `${t("side.left")}: ${words(left)}. ${t("side.right")}: ${words(right)}. ${t("pick.what")}`;
}

function column(side, names, inside, { offence = "", isBusy = false }) {
  const mark = offence && h("small", {}, t(`offence.${offence}`));
  const title = h("h3", { class: "who" }, h("b", {}, t(`side.${side}`)), " ", h("small", {}, names.bot), mark);
  return h("article", { "aria-label": t(`side.${side}`), class: `answer turn ${side}`, "aria-busy": isBusy ? "true" : null }, title, inside);
}

function pickButton(which, acts) {
  const sign = h("kbd", { "aria-hidden": "true" }, SIGNS[which]);
  return h("button", { type: "button", class: which, data: { act: `pick/${which}` }, on: { click: () => acts.pick(which) } }, sign, t(`pick.${which}`));
}
