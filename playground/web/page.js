"use strict";
// What stands around the terminal: uploads, downloads, and how a session ends.

const find = (id) => document.getElementById(id);
const say = (words) => { find("said").textContent = words; };
let told = "";

async function state() {
  try {
    const answer = await fetch("/state");
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

async function follow() {
  const now = await state();
  if (!now) return;
  const said = JSON.stringify(now.files);
  if (said !== told) {
    told = said;
    const list = find("list");
    list.replaceChildren();
    for (const file of now.files) {
      const link = document.createElement("a");
      link.textContent = `${file.name} (${file.bytes.toLocaleString("en")} bytes)`;
      link.href = `/files/${encodeURIComponent(file.name)}`;
      link.download = file.name;
      const item = document.createElement("li");
      item.append(link);
      list.append(item);
    }
    find("files").hidden = now.files.length === 0;
  }
  const watched = document.body.dataset.shown;
  if (document.body.dataset.role === "watches" && now.size) {
    if (watched && watched !== String(now.size)) location.reload();
    document.body.dataset.shown = String(now.size);
  }
}

async function upload(file) {
  if (!file) return;
  say(`Sending ${file.name} …`);
  try {
    const answer = await fetch(`/files?name=${encodeURIComponent(file.name)}`, {
      method: "POST", body: file,
    });
    const words = (await answer.text()).trim();
    say(answer.ok ? `${JSON.parse(words).name} is here.` : words);
  } catch {
    say("The file did not arrive. A text may have 16 MiB at most.");
  }
  find("file").value = "";
  await follow();
  focus();
}

// Those who watch see the picture of the one who steers: their letters are as small as that needs.
async function fit() {
  const now = await state();
  if (document.body.dataset.role !== "watches" || !now || !now.size) return;
  const [columns, rows] = now.size;
  const wide = innerWidth / (columns + 1) / 0.602;
  const high = (innerHeight - 38) / (rows + 1) / 1.32;
  find("terminal").dataset.fontSize = String(Math.max(5, Math.min(18, Math.floor(Math.min(wide, high)))));
}

// A terminal without the keys is a picture; before it is connected, it could not say that it has them.
const focus = () => document.querySelector(".xterm-helper-textarea")?.focus();

addEventListener("DOMContentLoaded", () => {
  new MutationObserver((_, observer) => {
    if (document.body.classList.contains("-loaded")) {
      observer.disconnect();
      focus();
    }
  }).observe(document.body, { attributeFilter: ["class"] });
  find("file").addEventListener("change", (event) => upload(event.target.files[0]));
  find("again").addEventListener("click", () => location.reload());
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    if (document.body.dataset.role !== "watches") upload(event.dataTransfer.files[0]);
  });
  setInterval(follow, 3000);
  follow();
});

// The terminal begins when the page is loaded; its letters are measured once they are there.
const begins = { started: false };
addEventListener("load", async (event) => {
  if (begins.started) return;
  begins.started = true;
  event.stopImmediatePropagation();
  await Promise.all([
    document.fonts.load("15px 'Roboto Mono'"), document.fonts.load("bold 15px 'Roboto Mono'"), fit(),
  ]).catch(() => {});
  window.onload?.(event);
}, { capture: true });
