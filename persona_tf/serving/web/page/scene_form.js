// Place and people as boxes to write in, one fact, sentence or thing a line.

import { h, lines } from "./dom.js";
import { t } from "./words.js";

const HAD = ["carrying", "wearing", "wielding"];
const LINE = 500;

export class SceneForm {
  #boxes = {};

  /** `changed` is called whenever a person changes something. */
  constructor(changed) {
    this.changed = changed;
    this.element = h("div", { class: "scene", on: { input: () => changed() } });
    this.show();
  }

  /** Builds the boxes; what stands in them stays. */
  show() {
    const scene = Object.keys(this.#boxes).length ? this.scene : null;
    const part = (name, ...children) => h("fieldset", {}, h("legend", {}, t(name)), children);
    const further = (...children) => h("details", {}, h("summary", {}, t("further")), children);
    this.element.replaceChildren(
      part("place", this.#line("place.name"), this.#lines("place.description", 3), further(this.#line("place.category"), this.#lines("place.objects", 2), this.#lines("place.present", 1))),
      part("persona", this.#line("persona.name"), this.#lines("persona.facts", 6), further(...HAD.map((kind) => this.#lines(kind, 1)))),
      part("partner", this.#line("partner.name"), further(this.#lines("partner.facts", 2))),
    );
    if (scene) this.scene = scene;
  }

  get scene() {
    const value = (name) => this.#boxes[name].value.trim();
    const all = (name) => lines(this.#boxes[name].value);
    const place = { name: value("place.name"), category: value("place.category"), description: all("place.description"), objects: all("place.objects").map(thing), present: all("place.present") };
    const isSomewhere = Object.values(place).some((one) => one.length);
    const persona = { name: value("persona.name"), facts: all("persona.facts") };
    for (const kind of HAD) persona[kind] = all(kind).map(thing);
    const { carrying = [], wearing = [], wielding = [] } = this.partnerHas ?? {};
    const partner = { name: value("partner.name"), facts: all("partner.facts"), carrying, wearing, wielding };
    return { place: isSomewhere ? place : null, persona, partner };
  }

  set scene({ place, persona, partner }) {
    const values = {
      "place.name": place?.name, "place.category": place?.category, "place.description": place?.description,
      "place.objects": place?.objects?.map(thingLine), "place.present": place?.present,
      "persona.name": persona.name, "persona.facts": persona.facts,
      "partner.name": partner.name, "partner.facts": partner.facts,
    };
    for (const kind of HAD) values[kind] = persona[kind]?.map(thingLine);
    for (const [name, value] of Object.entries(values)) this.#boxes[name].value = Array.isArray(value) ? value.join("\n") : value ?? "";
    this.partnerHas = partner;
  }

  #line(name) {
    this.#boxes[name] = h("input", { maxlength: LINE, name });
    return h("label", {}, h("span", {}, t(name)), this.#boxes[name]);
  }

  #lines(name, rows) {
    this.#boxes[name] = h("textarea", { rows, name, spellcheck: "false" });
    return h("label", {}, h("span", {}, t(name)), this.#boxes[name]);
  }
}

/** "a lamp: It is lit." as name and description. */
function thing(line) {
  const [name, ...rest] = line.split(": ");
  return { name: name.trim(), description: rest.join(": ").trim() };
}

const thingLine = ({ name, description }) => (description ? `${name}: ${description}` : name);
