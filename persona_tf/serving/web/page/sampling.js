// How words are chosen: sliders. Only what differs from the bot's own way is sent.

import { $, h } from "./dom.js";
import { keep, recall } from "./keep.js";
import { t } from "./words.js";

const SLIDERS = {
  temperature: [0, 2, 0.05],
  top_p: [0.05, 1, 0.01],
  top_k: [0, 200, 1],
  min_p: [0, 0.5, 0.01],
  typical: [0.05, 1, 0.01],
  repetition_penalty: [1, 2, 0.05],
  no_repeat_ngram: [0, 8, 1],
  min_reply_tokens: [0, 32, 1],
  max_reply_tokens: [1, 96, 1],
};
const FIRST = ["temperature", "top_p", "max_reply_tokens"];

export class Sampling {
  #own = {};
  #changed = recall("sampling", {});

  /** `isForOne`: of a talk with one bot, which has a seed and may be asked for several answers at once. */
  constructor({ isForOne = true } = {}) {
    this.isForOne = isForOne;
    this.element = h("section", { class: "box" });
    this.show();
  }

  /** Takes over what the bot does unless told otherwise. */
  set own(decoding) {
    this.#own = decoding;
    this.show();
  }

  /** What is to be otherwise. */
  get decoding() {
    const { seed, count, ...rest } = this.#changed;
    if (rest.top_k === 0) rest.top_k = 1_000_000;
    return rest;
  }

  get seed() {
    return this.#changed.seed ?? null;
  }

  get count() {
    return this.#changed.count ?? 1;
  }

  show() {
    const rest = Object.keys(SLIDERS).filter((name) => !FIRST.includes(name));
    const isOpen = Boolean($("sampling-more")?.open);
    this.element.replaceChildren(
      h("h2", {}, t("sampling")),
      this.#method(),
      FIRST.map((name) => this.#slider(name)).reduce((all, one) => (all.append(one), all), h("div")),
      h("details", { id: "sampling-more", open: isOpen }, h("summary", {}, t("further")), rest.map((name) => this.#slider(name))),
      ...(this.isForOne ? [this.#slider("count", [1, 8, 1], 1), this.#seed()] : []),
      h("button", { type: "button", id: "sampling-reset", on: { click: () => this.#reset() } }, t("sampling.reset")),
    );
  }

  #method() {
    const option = (one) => h("option", { value: one, selected: this.#value("method", this.#own.method ?? "sample") === one }, t(`method.${one}`));
    const select = h("select", { id: "method", on: { change: () => this.#set("method", select.value) } }, ["sample", "greedy"].map(option));
    return h("label", {}, h("span", {}, t("sampling.method")), select);
  }

  #slider(name, [min, max, step] = SLIDERS[name], own = this.#own[name] ?? (name === "top_k" ? 0 : min)) {
    const value = Math.min(this.#value(name, own), max);
    const shown = h("output", { for: `slide-${name}`, "aria-hidden": "true" }, String(value));
    const input = h("input", { type: "range", id: `slide-${name}`, name, min, max, step, value: String(value) });
    input.value = String(value);
    input.addEventListener("input", () => {
      shown.textContent = input.value;
      this.#set(name, Number(input.value), own);
    });
    return h("label", { class: "slider", for: `slide-${name}` }, h("span", {}, t(name)), shown, input);
  }

  #seed() {
    const input = h("input", { id: "seed", inputmode: "numeric", pattern: "[0-9]{0,15}", maxlength: 15, value: this.#changed.seed ?? "" });
    input.addEventListener("input", () => {
      if (/^[0-9]{0,15}$/.test(input.value)) this.#set("seed", input.value === "" ? null : Number(input.value), null);
    });
    return h("label", {}, h("span", {}, t("seed")), input);
  }

  #value(name, own) {
    return this.#changed[name] ?? own;
  }

  #set(name, value, own = this.#own[name]) {
    if (value === own) delete this.#changed[name];
    else this.#changed[name] = value;
    keep("sampling", this.#changed);
  }

  #reset() {
    this.#changed = {};
    keep("sampling", null);
    this.show();
    $("sampling-reset").focus();
  }
}
