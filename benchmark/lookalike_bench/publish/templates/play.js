"use strict";
// Plays a game of pictures on its server, a frame at a time and no faster than the game is: each request carries the
// action that the pressed keys mean and brings the next picture.

const game = JSON.parse(document.getElementById("game").textContent);
const byId = (id) => document.getElementById(id);
const screen_ = byId("screen").getContext("2d");
const PERIOD = 1000 / game.frames_per_second;
// Where the game stands still meanwhile, a short press is one step: a key repeats only when it is held this long.
const REPEATS_AFTER = 220;
const READY = "Press a key to begin.";
const PAUSED = "Paused. Press a key to go on.";

const held = new Map(); // button name -> when it was pressed, the latest last
const fresh = new Set(); // pressed since the last frame, whether or not they still are
let turn = 0; // of frames
let playing = false; // a loop runs
let loops = 0; // how many loops were begun: only the latest goes on
let asked = Promise.resolve(); // the latest request: they go out one after the other
let over = false; // the attempt or the recorder has ended
let started = false; // something was played in this attempt
let trouble = ""; // why the file cannot be written
const frames = []; // when the latest frames came, as long as one follows the other

// --- keys ---------------------------------------------------------------------------------------------------------

function press(name) {
  if (over) return;
  held.delete(name);
  held.set(name, performance.now());
  fresh.add(name);
  mark(name, true);
  if (!playing) play();
}

function release(name) {
  held.delete(name);
  mark(name, false);
}

function releaseAll() {
  for (const name of [...held.keys()]) release(name);
  fresh.clear();
}

function mark(name, down) {
  document.querySelector(`[data-button="${name}"]`).classList.toggle("down-now", down);
}

/** The action of the keys that are down; null where nothing is to be played. */
function chosen() {
  const now = performance.now();
  const counts = (name) => game.wait || fresh.has(name) || now - held.get(name) >= REPEATS_AFTER;
  const pressed = [...held.keys()].filter(counts);
  for (const name of fresh) if (!held.has(name)) pressed.push(name);
  const other = pressed.findLast((name) => name in game.others);
  const otherIsNew = fresh.has(other);
  fresh.clear();
  turn += 1;
  // The action with the most of the pressed directions; of two the one with the key that was pressed last.
  let best = null;
  for (const [action, names] of Object.entries(game.chords)) {
    if (!names.every((name) => pressed.includes(name))) continue;
    const latest = Math.max(...names.map((name) => pressed.indexOf(name)));
    if (!best || names.length > best.size || (names.length === best.size && latest > best.latest))
      best = { action, size: names.length, latest };
  }
  // No frame has room for both: a direction and another button that are held take turns.
  if (other && (otherIsNew || !best || turn % 2)) return game.others[other];
  return best ? best.action : game.wait || null;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const code = event.code || event.key;
  if (code === "Escape") return pause();
  const name = game.keys[code];
  if (!name) return;
  // Space and Enter belong to a button that has the focus.
  if (code === "Space" && event.target instanceof HTMLButtonElement) return;
  event.preventDefault();
  byId("screen").focus({ preventScroll: true });
  if (!event.repeat) press(name);
});

document.addEventListener("keyup", (event) => {
  const name = game.keys[event.code || event.key];
  if (name) release(name);
});

for (const button of document.querySelectorAll("[data-button]")) {
  const name = button.dataset.button;
  button.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    button.setPointerCapture(event.pointerId);
    press(name);
  });
  for (const end of ["pointerup", "pointercancel"]) button.addEventListener(end, () => release(name));
  button.addEventListener("contextmenu", (event) => event.preventDefault());
  // Enter and Space on a focused button: a press without a pointer.
  button.addEventListener("click", (event) => {
    if (event.detail === 0) {
      press(name);
      release(name);
    }
  });
}

// --- play ---------------------------------------------------------------------------------------------------------

async function play() {
  const mine = ++loops;
  playing = true;
  say("");
  let next = performance.now();
  while (playing && mine === loops) {
    const action = chosen();
    if (action !== null) await ask("play", { action });
    else forgetFrames();
    next = Math.max(next + PERIOD, performance.now());
    await new Promise((resolve) => setTimeout(resolve, next - performance.now()));
  }
  forgetFrames();
}

function pause() {
  releaseAll();
  if (!playing) return;
  playing = false;
  say(PAUSED);
  ask("pause");
}

document.addEventListener("visibilitychange", () => document.hidden && pause());
window.addEventListener("blur", () => pause());

/** One request, after those before it; whether it was done. */
function ask(what, values = {}) {
  asked = asked.then(() => request(what, values));
  return asked;
}

async function request(what, values) {
  let answer;
  try {
    answer = await fetch(what, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ ...values, page: game.page }),
      keepalive: what === "pause", // also where the page is being closed
    });
  } catch {
    const where = trouble ? "The terminal says where the play is." : `What was played is in ${game.file}.`;
    return end(`The recorder has ended. ${where}`);
  }
  if (!answer.ok) return end(await answer.text());
  const state = JSON.parse(answer.headers.get("Play-State"));
  const picture = await createImageBitmap(await answer.blob());
  screen_.drawImage(picture, 0, 0);
  picture.close();
  show(state, what === "play");
  return true;
}

function show(state, frame) {
  byId("steps").textContent = state.steps;
  byId("score").textContent = state.score;
  const seconds = Math.floor(state.seconds);
  byId("time").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  if (frame) countFrame();
  started = state.steps > 0;
  over = state.ended !== "";
  game.file = state.file;
  if (state.trouble !== trouble) {
    trouble = state.trouble;
    tellTrouble();
  }
  if (over) {
    playing = false;
    releaseAll();
    say(state.ended);
  }
}

/** The rate that was reached: of so few frames that chance would make it, none. */
function countFrame() {
  const now = performance.now();
  frames.push(now);
  if (frames.length > 2 * game.frames_per_second) frames.shift();
  if (frames.length < 8) return;
  const rate = Math.round((1000 * (frames.length - 1)) / (now - frames[0]));
  byId("rate").textContent = Math.min(rate, game.frames_per_second);
}

function forgetFrames() {
  frames.length = 0;
  byId("rate").textContent = "-";
}

/** Nothing more can be played here. */
function end(why) {
  over = true;
  playing = false;
  releaseAll();
  say(why);
  for (const id of ["restart", "save", "stop"]) byId(id).disabled = true;
  return false;
}

function say(text) {
  byId("message").textContent = text;
}

function tellTrouble() {
  byId("file").classList.toggle("bad", trouble !== "");
  const advice = "save again when it can be, or end with Ctrl-C in the terminal, which writes it elsewhere";
  byId("file").textContent = trouble && `${trouble}. Nothing is lost: ${advice}.`;
}

// --- buttons ------------------------------------------------------------------------------------------------------

/** Ask for something else than a frame; whether it was done, and the file could be written. */
async function command(what, values) {
  playing = false;
  releaseAll();
  byId("file").textContent = "";
  const answered = await ask(what, values);
  if (trouble) {
    tellTrouble();
    byId("file").scrollIntoView({ block: "nearest" });
  }
  if (answered && !over && !playing) say(started ? PAUSED : READY);
  byId("screen").focus({ preventScroll: true });
  return answered && !trouble;
}

byId("restart").addEventListener("click", () => command("restart"));
byId("save").addEventListener("click", async () => {
  if (!(await command("save"))) return;
  byId("file").textContent = started ? `Written to ${game.file}` : "Nothing was played yet.";
});
byId("stop").addEventListener("click", async () => {
  if (await command("stop")) end("Ended. The terminal says what was written; this page can be closed.");
});

// A browser that a program drives says so, and its play is no person's.
command("look", { automated: navigator.webdriver === true });
