// Where one writes: words, and if one likes an action and an emote. The draft outlives a reload.

import { $, h, icon, refill } from "./dom.js";
import { emoteSelect } from "./faces.js";
import { keep, recall } from "./keep.js";
import { t } from "./words.js";

export class Composer {
  /** `acts`: say(words), stop(), editLast(), leaf(step). Drafts are kept as `drafts`; `hint` says what keys do. */
  constructor(acts, { drafts = "draft", hint = "hint.keys" } = {}) {
    Object.assign(this, { acts, drafts, hint });
    this.isBusy = false;
    $("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    $("composer").addEventListener("input", () => this.#draft());
    this.show("");
  }

  /** Builds it for a bot of that name; what was written stays. */
  show(name) {
    this.name = name;
    const draft = this.words ? this.value : recall(this.drafts, {});
    const isFocused = document.activeElement === this.words;
    this.words = h("textarea", {
      id: "words", rows: 1, maxlength: 4000, "aria-label": t("words"), "aria-describedby": "keys", enterkeyhint: "send",
      placeholder: t("say", { name: name || t("bot") }), value: draft.text ?? "", on: { keydown: (event) => this.#key(event) },
    });
    this.action = h("input", { id: "action", maxlength: 4000, "aria-label": t("action"), placeholder: t("action"), value: draft.action ?? "" });
    this.emote = emoteSelect(draft.emote ?? "", { id: "emote" });
    this.deed = h("div", { class: "deed", id: "deed", hidden: !(draft.action || draft.emote || recall("deeds")) }, this.action, this.emote);
    this.deeds = h(
      "button",
      { type: "button", id: "deeds", class: "icon", "aria-controls": "deed", "aria-expanded": String(!this.deed.hidden), "aria-label": t("say.more"), title: t("say.more"), on: { click: () => this.#toggle() } },
      icon("act"),
    );
    this.button = h("button", { id: "send", class: "main round" });
    const keys = h("p", { id: "keys" }, t(this.hint));
    refill($("composer"), h("div", { class: "row" }, this.deeds, this.words, this.button), this.deed, keys);
    this.busy(this.isBusy);
    if (isFocused) this.words.focus();
  }

  get value() {
    return { text: this.words.value.trim(), action: this.action.value.trim(), emote: this.emote.value };
  }

  set value({ text = "", action = "", emote = "" }) {
    this.words.value = text;
    this.action.value = action;
    this.emote.value = emote;
    this.#draft();
  }

  /** Empties it; the draft is kept until `sent`, so that a reload before the answer loses nothing. */
  sending() {
    this.words.value = this.action.value = this.emote.value = "";
  }

  /** What was sent has come. */
  sent() {
    this.#draft();
  }

  get isEmpty() {
    const { text, action, emote } = this.value;
    return !text && !action && !emote;
  }

  busy(isBusy) {
    this.isBusy = isBusy;
    const label = t(isBusy ? "stop" : "send");
    Object.assign(this.button, { type: isBusy ? "button" : "submit", title: label, onclick: isBusy ? () => this.acts.stop() : null });
    this.button.setAttribute("aria-label", label);
    this.button.replaceChildren(icon(isBusy ? "stop" : "send"));
  }

  #send() {
    if (!this.isBusy && !this.isEmpty) this.acts.say(this.value);
  }

  #toggle() {
    this.deed.hidden = !this.deed.hidden;
    this.deeds.setAttribute("aria-expanded", String(!this.deed.hidden));
    keep("deeds", this.deed.hidden ? null : true);
    if (!this.deed.hidden) this.action.focus();
  }

  #draft() {
    keep(this.drafts, this.isEmpty ? null : this.value);
  }

  #key(event) {
    if (event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.#send();
    } else if (!this.words.value && !this.isBusy) {
      if (event.key === "ArrowUp") {
        event.preventDefault();
        this.acts.editLast();
      } else if (event.key === "ArrowLeft") this.acts.leaf(-1);
      else if (event.key === "ArrowRight") this.acts.leaf(1);
    }
  }
}
