// What the conversation that is open remembers: to be read, added to, pinned, edited and removed.

import { get, patch, post, remove } from "./api.js";
import { h, iconButton, refill } from "./dom.js";
import { t } from "./words.js";

const OWNERS = ["self", "partner", "world"];
const LENGTH = 500;

export class Memory {
  #known = null; // see MemoryOut of the API; null: nothing is open
  #editing = null; // the number of a fact
  #asked = 0;

  /** `talk`: the one that is open; `acts`: failed(error). */
  constructor(talk, acts) {
    this.talk = talk;
    this.acts = acts;
    this.isThere = false;
    this.list = h("div", { id: "memory", "aria-live": "polite" });
    this.element = h("section", { class: "box memory", hidden: true });
    this.show();
  }

  /** Asks what is remembered now; of several at once the last counts. */
  async refresh() {
    if (!this.isThere) return;
    const asked = ++this.#asked;
    const { kept } = this.talk;
    const known = kept && (await get(`${this.#path}`).catch((error) => this.#gone(error)));
    if (asked !== this.#asked || kept?.id !== this.talk.kept?.id) return;
    this.#known = known ?? null;
    this.#fill();
  }

  show() {
    this.element.replaceChildren(h("h2", {}, t("memory")), this.list, this.#adding());
    this.#fill();
  }

  get #path() {
    return `/api/v1/conversations/${this.talk.kept.id}/memory`;
  }

  #fill() {
    this.element.hidden = !this.isThere || !this.#known;
    const { facts = [], news = [] } = this.#known ?? {};
    const settled = news.filter(({ kind }) => kind === "replaced" || kind === "refused");
    refill(
      this.list,
      facts.length ? h("ul", {}, facts.map((fact) => this.#item(fact)).reverse()) : h("p", { class: "soft" }, t("memory.none")),
      ...settled.map((one) => h("p", { class: "soft" }, told(one))),
    );
  }

  #item(fact) {
    const { number, text, owner, source, pinned } = fact;
    if (number === this.#editing) return h("li", {}, this.#form(fact));
    const act = (name, label, icon, onclick, more = {}) => iconButton(icon, `${t(label)}: ${text}`, onclick, { data: { act: `${name}/${number}` }, ...more });
    return h(
      "li",
      { class: pinned ? "pinned" : null, data: { number } },
      h("span", { class: `owner ${owner}` }, t(`owner.${owner}`)),
      h("span", { class: "text" }, text, " ", h("small", {}, t(`source.${source}`))),
      h(
        "span",
        { class: "acts" },
        act("pin", pinned ? "memory.loose" : "memory.pin", "pin", () => this.#changed(patch(`${this.#path}/${number}`, { pinned: !pinned })), { "aria-pressed": String(pinned) }),
        act("reword", "memory.edit", "edit", () => this.#edit(number)),
        act("forget", "memory.forget", "bin", () => this.#changed(remove(`${this.#path}/${number}`))),
      ),
    );
  }

  #form({ number, text }) {
    const input = h("input", { value: text, maxlength: LENGTH, required: true, "aria-label": t("memory.text") });
    const save = (event) => {
      event.preventDefault();
      if (input.value.trim()) this.#changed(patch(`${this.#path}/${number}`, { text: input.value.trim() }));
    };
    const keys = (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.#edit(null);
    };
    return h("form", { on: { submit: save, keydown: keys } }, input, h("button", { class: "main" }, t("edit.save")));
  }

  #adding() {
    const input = h("input", { id: "memory-new", maxlength: LENGTH, required: true, "aria-label": t("memory.text"), placeholder: t("memory.new") });
    const owner = h("select", { id: "memory-owner", "aria-label": t("memory.owner") }, OWNERS.map((one) => h("option", { value: one }, t(`owner.${one}`))));
    const add = async (event) => {
      event.preventDefault();
      const text = input.value.trim();
      if (text && (await this.#changed(post(this.#path, { text, owner: owner.value })))) input.value = "";
    };
    return h("form", { class: "adding", on: { submit: add } }, owner, input, h("button", {}, t("memory.add")));
  }

  #edit(number) {
    this.#editing = number;
    this.#fill();
    this.list.querySelector("form input")?.focus();
  }

  /** Shows what has become of it; false: it was refused. */
  async #changed(asked) {
    try {
      await asked;
      this.#editing = null;
      return true;
    } catch (error) {
      this.acts.failed(error);
      return false;
    } finally {
      await this.refresh();
    }
  }

  #gone(error) {
    if (error.status !== 404) this.acts.failed(error);
  }
}

/** What became of a fact that contradicted others. */
function told({ kind, text, others }) {
  return t(`memory.${kind}`, { text, others: others.map((one) => one.text).join(" · ") });
}
