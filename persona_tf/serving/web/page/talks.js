// The conversations that the server keeps, to be opened again, saved, loaded and deleted.

import { get, remove } from "./api.js";
import { h, icon, iconButton } from "./dom.js";
import { download, fileName, opener, talkFile } from "./files.js";
import { t, when } from "./words.js";

const SHOWN = 30;

export class Talks {
  #listed = [];

  /** `acts`: read(file), failed(error), forgotten(id); `talk`: the one that is open. */
  constructor(talk, acts) {
    this.talk = talk;
    this.acts = acts;
    this.element = h("section", { class: "box talks" });
    this.show();
  }

  async refresh() {
    try {
      this.#listed = (await get(`/api/v1/conversations?limit=${SHOWN}`)).conversations;
    } catch (error) {
      return this.acts.failed(error);
    }
    this.show();
  }

  show() {
    const save = h("button", { type: "button", id: "talk-save", disabled: !this.talk.kept, on: { click: () => this.#save() } }, icon("save"), t("talk.save"));
    this.element.replaceChildren(
      h("h2", {}, t("talks")),
      h("div", { class: "buttons" }, save, ...opener("talk-load", "load", t("talk.load"), ".json,.png", this.acts.read)),
      this.#listed.length ? h("ul", {}, this.#listed.map((one) => this.#item(one))) : h("p", { class: "soft" }, t("talks.none")),
      h("p", {}, h("a", { href: "/api/docs" }, t("api"))),
    );
  }

  #item(one) {
    const isOpen = one.id === this.talk.kept?.id;
    const name = one.bot || t("bot");
    const about = [t("talks.turns", { count: one.count }), when(one.changed)].join(" · ");
    const link = h("a", { href: `#${one.id}`, "aria-current": isOpen ? "true" : null }, h("b", {}, name), one.place && ` · ${one.place}`, h("small", {}, about));
    return h("li", {}, link, iconButton("bin", t("talks.delete", { name }), () => this.#delete(one, name)));
  }

  async #delete(one, name) {
    if (!confirm(t("talks.sure", { name }))) return;
    try {
      await remove(`/api/v1/conversations/${one.id}`);
    } catch (error) {
      if (error.status !== 404) return this.acts.failed(error);
    }
    this.acts.forgotten(one.id);
    await this.refresh();
  }

  async #save() {
    try {
      const kept = await get(`/api/v1/conversations/${this.talk.kept.id}`);
      download(talkFile(kept), `${fileName(kept.persona.name)}_${kept.id.slice(0, 6)}.json`);
    } catch (error) {
      this.acts.failed(error);
    }
  }
}
