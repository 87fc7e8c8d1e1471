// Puts the page together on which two runs answer side by side, and a person says which answer is better.

import { get } from "./api.js";
import { Composer } from "./composer.js";
import { Counts } from "./counts.js";
import { $, h, refill } from "./dom.js";
import { isWide, showFrame } from "./frame.js";
import { failed, note, tried } from "./notes.js";
import { openPair, pickOf, pickedPair, spokenPair, waitingPair } from "./pair.js";
import { Pairing } from "./pairing.js";
import { Sampling } from "./sampling.js";
import { ScenePanel } from "./scene_panel.js";
import * as startup from "./startup.js";
import { ideas, namesIn, showStage } from "./stage.js";
import { bubble } from "./turn.js";
import { EACH_MS, statusNow } from "./waking.js";
import { t } from "./words.js";

const pairing = new Pairing(show);
const scenes = new ScenePanel({ read: (file) => tried(() => scenes.readCard(file))(), note, failed, id: () => null, scene: show, another: begin, drafts: "side.scene" });
const sampling = new Sampling({ isForOne: false });
const counts = new Counts({ failed });
const composer = new Composer({ say, stop: () => pairing.stop(), editLast() {}, leaf() {} }, { drafts: "side.draft", hint: "hint.side" });
const acts = { pick: tried(pick), skip, say: (text) => say({ text, action: "", emote: "" }), dice: () => scenes.dice() };

let both = "loading"; // the status of the two bots together

/** Has both answer. What cannot be sent stays in the composer. */
async function say(words) {
  if (pairing.busy) return;
  if (pairing.isOpen) return note(t("pick.first"));
  if (both !== "ready") note(t("waking.text"));
  composer.sending();
  try {
    await started;
    if (both === "ready" && (await pairing.ask({ ...scenes.scene, decoding: sampling.decoding }, words))) return asked();
  } catch (error) {
    failed(error);
  }
  if (composer.isEmpty) composer.value = words;
}

function asked() {
  composer.sent();
  history.replaceState(null, "", `#${pairing.pair.id}`);
  rest();
  spoken(spokenPair(pairing.pair));
}

async function pick(which) {
  rest();
  await pairing.pick(which);
  spoken(which === null ? spokenPair(pairing.pair) : t(`picked.${which}`));
  counts.total = (await get("/api/v1/pairs")).total;
}

function skip() {
  const words = pairing.skip();
  if (words && composer.isEmpty) composer.value = words;
  history.replaceState(null, "", pairing.pair ? `#${pairing.pair.id}` : location.pathname);
  rest();
}

/** Where one writes on; on a phone the keyboard makes room for the answers. */
function rest() {
  if (isWide()) composer.words.focus();
  else document.activeElement?.blur();
}

/** Another scene, or the same from the beginning. */
function begin() {
  pairing.begin(scenes.turns);
  history.replaceState(null, "", location.pathname);
}

async function open(id) {
  await pairing.open(id);
  scenes.set(pairing.pair, { card: pairing.pair.card, isOpen: true });
}

const spoken = (text) => $("spoken").replaceChildren(h("span", {}, text));

// ------------------------------------------------------------------------------------------------ the page

function show() {
  const { scene } = scenes.form;
  const { pair, busy, isOpen, turns } = pairing;
  const names = namesIn(scene);
  showStage(scene);
  const item = (turn) => h("li", { class: `turn ${turn.speaker}` }, h("p", { class: "who" }, h("b", {}, names[turn.speaker])), bubble(turn));
  refill($("log"), [...turns, ...(pairing.words ? [pairing.words] : [])].map(item));
  refill($("pair"), busy ? waitingPair(names) : isOpen ? openPair(pair, names, acts) : pair ? pickedPair(pair, acts) : []);
  const isNew = !turns.length && !busy && !isOpen;
  $("ideas").replaceChildren(...(isNew ? [h("p", { class: "soft" }, t("side.what")), ...ideas(names, acts)] : []));
  composer.busy(busy);
  if (composer.name !== scene.persona.name) composer.show(scene.persona.name);
  $("scroll").scrollTop = $("scroll").scrollHeight;
  showStatus();
}

function showStatus() {
  const found = statusNow() === "ready" ? both : statusNow();
  const status = pairing.busy && found === "ready" ? "writing" : found;
  startup.showStatus(status, status === "writing" ? "status.writing.both" : undefined);
}

function showAll() {
  showFrame(scenes, sampling, counts);
  document.title = `${t("side")} – persona_tf`;
  composer.show(scenes.form.scene.persona.name);
  show();
}

$("fresh").addEventListener("click", tried(async () => {
  await scenes.release();
  begin();
  composer.words.focus();
}));
addEventListener("keydown", (event) => {
  const which = pickOf(event);
  const isWriting = event.target.closest("input, select, textarea, summary, #panel") && (event.target !== composer.words || composer.words.value);
  if (!which || isWriting || !pairing.isOpen) return;
  event.preventDefault();
  acts.pick(which);
});
startup.wire({ show: showAll, status: showStatus, stop: () => pairing.busy && (pairing.stop(), true) });

/** Opens what the address names, else sets a scene; nothing is said before that is done. */
async function start() {
  const id = location.hash.slice(1);
  const isSet = id ? null : firstScene();
  await startup.wake(composer, sampling);
  await bothAwake();
  if (id) await open(id).catch((error) => (failed(error), firstScene()));
  await isSet;
  startup.shown();
}

async function bothAwake() {
  for (;;) {
    const { status, total } = await get("/api/v1/pairs");
    both = status;
    counts.total = total;
    showStatus();
    if (status === "ready") return;
    if (status === "none") return note(t("side.none"), true);
    if (status === "failed") throw new Error("failed");
    await new Promise((resolve) => setTimeout(resolve, EACH_MS));
  }
}

async function firstScene() {
  await startup.firstScene(scenes);
  begin();
  startup.shown();
}

const started = tried(start)();
