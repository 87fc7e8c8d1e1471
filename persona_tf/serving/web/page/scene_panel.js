// Sets the scene: presets, dice, character cards, and the boxes.

import { get, post, postForFile } from "./api.js";
import { h, icon } from "./dom.js";
import { download, fileName, opener } from "./files.js";
import { keep, recall } from "./keep.js";
import presets from "./presets.js";
import { SceneForm } from "./scene_form.js";
import { languageNow, t } from "./words.js";

const FORMATS = ["png", "v2", "v1"];

export class ScenePanel {
  card = null;
  openings = [];
  #was = ""; // the scene of the conversation that is open

  /**
   * `acts`: read(file), note(text), failed(error), scene() when something was changed, another() when it is another
   * scene now, id() of the conversation that is open; `drafts`: under which name it is kept.
   */
  constructor(acts) {
    this.acts = acts;
    this.form = new SceneForm(() => this.#touched());
    this.element = h("section", { class: "box" });
    this.show();
  }

  show() {
    this.form.show();
    this.preset = h("select", { id: "preset", on: { change: () => this.#preset() } });
    const groups = Map.groupBy(presets, (one) => one.language);
    const order = [...groups.keys()].sort((one) => (one === languageNow() ? -1 : 1));
    const option = (one) => h("option", { value: presets.indexOf(one) }, one.title);
    const name = new Intl.DisplayNames([languageNow()], { type: "language" });
    this.preset.append(h("option", { value: "" }, t("preset.own")), ...order.map((one) => h("optgroup", { label: name.of(one) }, groups.get(one).map(option))));
    const button = (name, act, onclick) => h("button", { type: "button", id: act, on: { click: onclick } }, icon(name), t(act.replace("-", ".")));
    this.format = h("select", { id: "format", "aria-label": t("card.save") }, FORMATS.map((one) => h("option", { value: one }, t(`format.${one}`))));
    this.opening = h("select", { id: "opening", on: { change: () => this.#opened() } });
    this.openingRow = h("label", { hidden: true }, h("span", {}, t("opening")), this.opening);
    this.element.replaceChildren(
      h("h2", {}, t("scene")),
      h("label", {}, h("span", {}, t("preset")), this.preset),
      button("dice", "dice", () => this.dice()),
      this.form.element,
      this.openingRow,
      h("fieldset", { class: "cards" }, h("legend", { title: t("card.about") }, t("card.about")),
        h("div", { class: "buttons" }, opener("card-load", "load", t("card.load"), ".json,.png", this.acts.read)),
        h("div", { class: "buttons" }, button("save", "card-save", () => this.#save()), this.format)),
    );
    this.#showOpenings();
  }

  /** What a new conversation is begun with. */
  get scene() {
    return { ...this.form.scene, ...(this.card ? { card: this.card } : {}) };
  }

  /** The turns that it begins with: a card's first message. */
  get turns() {
    const chosen = this.openings[this.opening.value];
    return chosen ? [{ speaker: "bot", ...chosen }] : [];
  }

  /** Whether another scene stands in the boxes than that of the conversation that is open. */
  get isOther() {
    return this.#was !== "" && JSON.stringify(this.form.scene) !== this.#was;
  }

  /** Fills the boxes. `isOpen`: it is the scene of the conversation that is open, not one to come. */
  set(scene, { card = null, openings = [], isOpen = false } = {}) {
    this.form.scene = scene;
    this.card = card;
    this.openings = openings;
    this.#showOpenings();
    this.preset.value = "";
    if (isOpen) this.#was = JSON.stringify(this.form.scene);
    this.#touched();
    if (!isOpen) this.acts.another?.();
  }

  /** The boxes are of no conversation now, but of one to come. */
  async release() {
    this.#was = "";
    this.#touched();
    if (!this.card || this.openings.length) return;
    this.openings = (await post("/api/v1/cards/read", new Blob([JSON.stringify(this.card)]))).openings;
    this.#showOpenings();
    this.#touched();
  }

  /** What stood in the boxes when the page was left, of that conversation or (null) of one to come; null: nothing. */
  draft(id) {
    const kept = recall(this.acts.drafts ?? "scene");
    return kept?.id === id ? kept : null;
  }

  /** Puts a draft back. */
  write({ id, scene, card, openings }) {
    this.form.scene = scene;
    if (!id) {
      this.card = card ?? null;
      this.openings = openings ?? [];
      this.#showOpenings();
    }
    this.#touched();
  }

  async dice() {
    try {
      this.set(await get("/api/v1/scene"));
    } catch (error) {
      if (error.status !== 404) return this.acts.failed(error);
      const own = presets.filter((one) => one.language === languageNow());
      this.set(own[Math.floor(Math.random() * own.length)]);
    }
  }

  async readCard(file) {
    const read = await post("/api/v1/cards/read", file);
    const partner = this.form.scene.partner;
    this.set({ place: read.place, persona: read.persona, partner }, { card: read.card, openings: read.openings });
    const told = [t("card.read", { name: read.persona.name })];
    if (read.lore) told.push(t("card.lore", { count: read.lore }));
    if (read.left_out) told.push(t("card.left", { count: read.left_out }));
    this.acts.note(told.join(" "));
  }

  #preset() {
    const { value } = this.preset;
    if (value === "") return;
    this.set(presets[value]);
    this.preset.value = value;
  }

  async #save() {
    const { value } = this.format;
    try {
      const made = await postForFile("/api/v1/cards/write", { ...this.scene, format: value });
      download(made, `${fileName(this.form.scene.persona.name)}.${value === "png" ? "png" : "json"}`);
    } catch (error) {
      this.acts.failed(error);
    }
  }

  #touched() {
    keep(this.acts.drafts ?? "scene", { id: this.acts.id(), scene: this.form.scene, card: this.card, openings: this.openings });
    this.acts.scene();
  }

  #opened() {
    this.#touched();
    this.acts.another?.();
  }

  #showOpenings() {
    const label = (one) => one.text || one.action;
    this.opening.replaceChildren(...this.openings.map((one, i) => h("option", { value: i }, label(one).slice(0, 80))), h("option", { value: "" }, t("opening.none")));
    this.opening.value = this.openings.length ? "0" : "";
    this.openingRow.hidden = !this.openings.length;
  }
}
