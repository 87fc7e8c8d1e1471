// One turn as an item of the log.

import { h, iconButton } from "./dom.js";
import { emoteChip, emoteSelect } from "./faces.js";
import { leantOn, rating } from "./leaning.js";
import { t } from "./words.js";

/** `acts`: what the buttons do; `state`: {names, isLast, isEditing, isOpen, kept, busy}. */
export function turnItem(turn, state, acts) {
  const isBot = turn.speaker === "bot";
  const now = turn.alternatives?.[turn.chosen] ?? null;
  const marks = [now?.edited && t("edited"), now?.cut && t("cut"), now?.offence && t(`offence.${now.offence}`)].filter(Boolean);
  const inside = state.isEditing
    ? editForm(turn, acts)
    : [
        bubble(turn),
        isBot && now && leantOn(turn, now, state, acts),
        h("div", { class: "below" }, tools(turn, state, acts), isBot && now && rating(turn, now, acts)),
      ];
  return h(
    "li",
    { class: `turn ${turn.speaker}`, data: { number: turn.number } },
    h("p", { class: "who" }, h("b", {}, state.names[turn.speaker]), marks.map((mark) => h("small", {}, mark))),
    inside,
  );
}

/** What is said, done and shown. */
export function bubble(turn) {
  const said = turn.text ? h("p", { class: "speech" }, turn.text) : null;
  const done = turn.action ? h("em", { class: "action" }, turn.action) : null;
  const shown = turn.emote ? emoteChip(turn.emote) : null;
  const nothing = said || done || shown ? null : h("em", { class: "action" }, t("silent"));
  return h("div", { class: "bubble" }, said, (done || shown) && h("p", { class: "deed" }, done, shown), nothing);
}

/** The turns that are just being written: that of the human, if there is one, and the bot's. */
export function liveItems(live, names) {
  const human = live.human && h("li", { class: "turn partner" }, h("p", { class: "who" }, h("b", {}, names.partner)), bubble(live.human));
  const speech = h("p", { class: "speech live", id: "live" }, live.text);
  const bot = h("li", { class: "turn bot", "aria-busy": "true" }, h("p", { class: "who" }, h("b", {}, names.bot)), h("div", { class: "bubble" }, speech));
  return [human, bot].filter(Boolean);
}

function tools(turn, { isLast, busy }, acts) {
  const button = (name, act, onclick, disabled = false) =>
    iconButton(name, t(act), onclick, { data: { act: `${act}/${turn.number}` }, disabled: busy || disabled });
  const edit = button("edit", "edit", () => acts.edit(turn.number));
  if (turn.speaker !== "bot" || !isLast) return h("div", { class: "tools" }, edit, isLast && button("undo", "undo", acts.undo));
  const count = turn.alternatives.length;
  const leaf = count > 1 && [
    button("left", "previous", () => acts.swipe(turn.chosen - 1), turn.chosen === 0),
    h("span", { class: "which", "aria-label": t("which", { now: turn.chosen + 1, count }) }, `${turn.chosen + 1} / ${count}`),
    button("right", "next", () => acts.swipe(turn.chosen + 1), turn.chosen === count - 1),
  ];
  return h("div", { class: "tools" }, leaf, button("again", "again", acts.again), button("more", "more", acts.more), edit, button("undo", "undo", acts.undo));
}

function editForm(turn, acts) {
  const text = h("textarea", { rows: 3, maxlength: 4000, "aria-label": t("edit.text"), value: turn.text });
  const action = h("input", { maxlength: 4000, "aria-label": t("action"), placeholder: t("action"), value: turn.action });
  const emote = emoteSelect(turn.emote);
  const words = () => ({ text: text.value.trim(), action: action.value.trim(), emote: emote.value });
  const isHuman = turn.speaker === "partner";
  const save = (event) => {
    event.preventDefault();
    acts.save(turn.number, words(), isHuman && event.submitter?.value === "answer");
  };
  const keys = (event) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      acts.edit(null);
    } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.target === text) {
      event.preventDefault();
      form.requestSubmit(form.querySelector("button"));
    }
  };
  const form = h(
    "form",
    { class: "editing", on: { submit: save, keydown: keys } },
    text,
    h("div", { class: "deed" }, action, emote),
    h(
      "div",
      { class: "buttons" },
      isHuman && h("button", { value: "answer", class: "main" }, t("edit.answer")),
      h("button", { value: "save", class: isHuman ? "" : "main" }, t("edit.save")),
      h("button", { type: "button", on: { click: () => acts.edit(null) } }, t("edit.cancel")),
    ),
  );
  return form;
}
