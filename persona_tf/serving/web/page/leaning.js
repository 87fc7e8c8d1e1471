// Under a reply: what it leant on, what suits it in a person's eyes, and how good it is.

import { h, icon } from "./dom.js";
import { percent, t } from "./words.js";

const SHOWN = 3;
const QUALITIES = ["logical", "specific", "personal"];
const HUES = {
  memory: "mind",
  turn: "said", partner_name: "said", partner_persona: "said",
  setting_name: "place", setting_description: "place", object: "place", present: "place", lore: "place",
};

/** A bar for each source, the largest first; when opened, all that the bot knew. */
export function leantOn(turn, now, state, acts) {
  const weighed = now.leant_on;
  const all = state.isOpen ? [...weighed, ...others(turn, weighed, state.kept)] : weighed.slice(0, SHOWN);
  const count = others(turn, weighed, state.kept).length + weighed.length;
  const isTicked = new Set(now.ticked ?? []);
  const minded = weighed.filter((one) => one.kind === "memory" && !all.includes(one));
  const tick = (key, on) => {
    if (on) isTicked.add(key);
    else isTicked.delete(key);
    acts.tick(turn.number, isTicked.size ? [...isTicked] : null);
  };
  const toggle = h(
    "button",
    { type: "button", class: "link", "aria-expanded": String(state.isOpen), data: { act: `open/${turn.number}` }, on: { click: () => acts.open(turn.number) } },
    state.isOpen ? t("leant.less") : t("leant.all", { count }),
  );
  return h(
    "div",
    { class: "leant", role: "group", "aria-label": `${t("leant")}. ${t("tick.what")}` },
    h("p", { class: "title" }, t("leant"), !weighed.length && ` ${t("leant.nothing")}`),
    h("ul", {}, all.map((one) => h("li", {}, source(turn, one, isTicked.has(one.key), tick)))),
    minded.length > 0 && h("p", { class: "minded" }, `${t("minded")} `, minded.map(({ text, weight }) => h("span", { title: percent(weight) }, text))),
    count > Math.min(SHOWN, weighed.length) && toggle,
  );
}

function source(turn, { key, kind, text, weight = 0 }, isTicked, tick) {
  const bar = h("i", { class: HUES[kind] ?? "self" });
  bar.style.inlineSize = `${Math.max(weight * 100, weight ? 2 : 0)}%`;
  const box = h("input", {
    type: "checkbox",
    checked: isTicked,
    "aria-label": `${t("leant.suits", { text })}, ${percent(weight)}`,
    data: { act: `tick/${turn.number}/${key}` },
    on: { change: (event) => tick(key, event.target.checked) },
  });
  return h(
    "label",
    { title: t("tick.what") },
    box,
    h("span", { class: "bar", "aria-hidden": "true" }, bar),
    h("span", { class: "share" }, weight ? percent(weight) : ""),
    h("span", { class: "kind" }, t(`kind.${kind}`)),
    h("span", { class: "text" }, text),
  );
}

/** What the bot knew when it said this, and did not lean on. */
function others(turn, weighed, kept) {
  const has = new Set(weighed.map((one) => one.key));
  const said = kept.turns.slice(0, turn.number).map((one) => ({
    key: `turn/${one.number}`,
    kind: "turn",
    text: one.text || one.action || (one.emote && t(`emote.${one.emote}`)),
  }));
  return [...kept.knowledge, ...said].filter((one) => !has.has(one.key));
}

/** Yes and no for each quality; the same button once more takes it back. */
export function rating(turn, now, acts) {
  const button = (quality, value) => {
    const isOn = now.rating[quality] === value;
    const label = t(value ? "rate.yes" : "rate.no", { quality: t(quality) });
    return h(
      "button",
      {
        type: "button", class: "icon", "aria-pressed": String(isOn), "aria-label": label, title: label,
        data: { act: `rate/${turn.number}/${quality}/${value}` },
        on: { click: () => acts.rate(turn.number, quality, isOn ? null : value) },
      },
      icon(value ? "yes" : "close"),
    );
  };
  return h(
    "div",
    { class: "rating", role: "group", "aria-label": t("rate") },
    QUALITIES.map((one) => h("span", { class: "quality" }, h("span", { class: "name" }, t(one)), button(one, true), button(one, false))),
  );
}
