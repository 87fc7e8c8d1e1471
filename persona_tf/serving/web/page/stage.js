// Where it happens and who meets whom, above the conversation; and what one could say first.

import { $, h, icon, refill } from "./dom.js";
import { t } from "./words.js";

/** The names to show. */
export const namesIn = ({ persona, partner }) => ({ bot: persona.name || t("bot"), partner: partner.name || t("you") });

export function showStage(scene) {
  const { place, persona, partner } = scene;
  const bot = persona.name ? namesIn(scene).bot : t("somebody");
  refill(
    $("stage"),
    place?.category && h("p", { class: "kind" }, place.category),
    h("h2", {}, place?.name || t("nowhere")),
    place?.description?.length && h("p", { class: "told" }, place.description.join(" ")),
    place?.objects?.length && h("ul", { class: "things" }, place.objects.map((one) => h("li", { title: one.description || null }, one.name))),
    h("p", { class: "met" }, partner.name && t("stage.you", { name: partner.name }), " ", t("stage.bot", { name: bot })),
  );
}

/** `acts`: say(text), dice(). */
export function ideas(names, acts) {
  const button = (act, ...children) => h("button", { type: "button", on: { click: act } }, children);
  return [
    ...t("ideas").split("|").map((text) => button(() => acts.say(text), text)),
    button(() => acts.say(""), t("idea.begin", { name: names.bot })),
    button(() => acts.dice(), icon("dice"), t("idea.dice")),
  ];
}
