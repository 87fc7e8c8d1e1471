// The conversation as a list of turns, under the place where it happens.

import { $, h, refill } from "./dom.js";
import { ideas, namesIn, showStage } from "./stage.js";
import { liveItems, turnItem } from "./turn.js";
import { t } from "./words.js";

export class Log {
  #editing = null;
  #open = new Set();

  /** `scene` gives the scene that is set, for when nothing is said yet. */
  constructor(talk, acts, scene) {
    this.talk = talk;
    this.scene = scene;
    this.acts = {
      ...acts,
      edit: (number) => this.edit(number),
      save: (number, words, isAnswered) => {
        if (talk.busy) return;
        this.#editing = null;
        acts.save(number, words, isAnswered);
      },
      open: (number) => {
        if (!this.#open.delete(number)) this.#open.add(number);
        this.#redo(number);
      },
    };
  }

  get names() {
    return namesIn(this.talk.kept ?? this.scene());
  }

  whole() {
    this.#editing = null;
    this.#open.clear();
    this.stage();
    $("log").replaceChildren();
    this.from(0);
    this.#down();
  }

  /** Shows turns from one number on anew. */
  from(first) {
    const stays = this.#isDown();
    const { turns } = this.talk;
    if (!this.talk.live) {
      for (const item of [...$("log").children]) if (!("number" in item.dataset)) item.remove();
      for (const item of [...$("log").children].slice(turns.length)) item.remove();
    }
    // The tools of the turn that was last until now change too.
    const end = this.talk.live?.number ?? turns.length;
    for (let i = Math.max(0, first - 1); i < end; i++) this.#redo(i);
    this.#ideas();
    if (stays) this.#down();
  }

  live() {
    const { live } = this.talk;
    for (const item of [...$("log").children].slice(live.number)) item.remove();
    this.#redo(live.number - 1);
    $("log").append(...liveItems(live, this.names));
    this.#ideas();
    this.#down();
  }

  written(text) {
    const stays = this.#isDown();
    $("live")?.append(text);
    if (stays) this.#down();
  }

  /** For who cannot see it: a whole reply, once it is there. */
  spoken(turn) {
    const deed = [turn.action, turn.emote && t(`emote.${turn.emote}`)].filter(Boolean).join(", ");
    $("spoken").replaceChildren(h("span", {}, `${this.names[turn.speaker]}: ${turn.text} ${deed && `(${deed})`}`));
  }

  /** Turns a turn into a form; null: ends that. */
  edit(number) {
    if (number !== null && this.talk.busy) return;
    const before = this.#editing;
    this.#editing = number;
    if (before !== null) this.#redo(before);
    if (number === null) $("words").focus();
    else {
      this.#redo(number);
      $("log").children[number]?.querySelector("textarea")?.focus();
    }
  }

  stage() {
    showStage(this.talk.kept ?? this.scene());
  }

  #redo(number) {
    const turn = this.talk.turns[number];
    if (!turn) return;
    const state = {
      names: this.names,
      isLast: number === this.talk.turns.length - 1,
      isEditing: number === this.#editing,
      isOpen: this.#open.has(number),
      kept: this.talk.kept,
      busy: this.talk.busy,
    };
    const old = $("log").children[number];
    // What is being written there stays.
    if (state.isEditing && old?.querySelector(".editing")) return;
    const made = turnItem(turn, state, this.acts);
    if (!old) return $("log").append(made);
    old.className = made.className;
    refill(old, ...made.childNodes);
  }

  /** What one could say first. */
  #ideas() {
    const isNew = !this.talk.turns.length && !this.talk.live;
    $("ideas").replaceChildren(...(isNew ? ideas(this.names, this.acts) : []));
  }

  #isDown() {
    const { scrollTop, clientHeight, scrollHeight } = $("scroll");
    return scrollHeight - scrollTop - clientHeight < 120;
  }

  #down() {
    $("scroll").scrollTop = $("scroll").scrollHeight;
  }
}
