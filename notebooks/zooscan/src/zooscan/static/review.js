// The review of separations: a list of objects, one of them large, its lines, and the decisions. It shows what the kernel says and asks;
// it decides nothing. All text is set as text, never as HTML.
const RESEND_MS = 10000; // a wish that is sent again is granted once: the kernel knows it by its id
const KEYS = { k: "keep", n: "refuse", d: "draw", u: "undo", arrowright: "next", escape: "stop" };
const BARS_MM = [10, 5, 2, 1, 0.5, 0.2, 0.1];

function make(tag, css, text) {
  const node = document.createElement(tag);
  if (css) node.className = css;
  if (text !== undefined) node.textContent = text;
  return node;
}

async function bitmap(buffer) {
  return createImageBitmap(new Blob([buffer], { type: "image/png" }));
}

function render({ model, el }) {
  const root = make("section", "zs-review");
  root.setAttribute("aria-label", "Review of separations");
  root.tabIndex = 0;
  const status = make("p", "zs-status", "Waiting for the objects…");
  status.setAttribute("role", "status");
  const progress = make("p", "zs-progress");
  const files = make("p", "zs-files");
  const list = make("ol", "zs-list");
  const canvas = make("canvas", "zs-canvas");
  canvas.setAttribute("role", "img");
  const facts = make("p", "zs-facts");
  const bar = make("div", "zs-bar");
  const buttons = {};
  for (const [name, text] of [
    ["keep", "Keep the lines (K)"], ["refuse", "Do not cut (N)"], ["draw", "Draw lines (D)"],
    ["use", "Use my lines"], ["clear", "Clear my lines"], ["stop", "Stop drawing (Esc)"],
    ["undo", "Undo my last decision (U)"], ["next", "Next to look at (\u2192)"],
  ]) {
    const button = make("button", `zs-${name}`, text);
    button.type = "button";
    button.addEventListener("click", () => press(name));
    buttons[name] = button;
    bar.append(button);
  }
  const main = make("div", "zs-main");
  const side = make("div", "zs-side");
  main.append(canvas, facts, bar);
  side.append(list);
  const both = make("div", "zs-both");
  both.append(side, main);
  root.append(progress, status, both, files);
  el.append(root);

  let run = "", items = [], place = 0, shown = null, drawing = false, lines = [], current = null, waiting = null, timer = null;

  const busy = () => waiting !== null;
  // An object is known by its name and image_id; its place in the list moves when somebody names an object elsewhere.
  const same = (one, other) => Boolean(one && other) && one.name === other.name && one.image_id === other.image_id;
  const looked = () => (same(shown, items[place]) ? shown : null);
  function ask(message) {
    waiting = { ...message, id: crypto.randomUUID ? crypto.randomUUID() : String(Math.random()).slice(2), run };
    model.send(waiting);
    timer = setInterval(() => { status.textContent = "No answer yet; asking again…"; model.send(waiting); }, RESEND_MS);
    buttonsNow();
  }
  function answered() {
    clearInterval(timer);
    waiting = timer = null;
  }
  function open(next) {
    if (!items.length) return;
    place = Math.max(0, Math.min(items.length - 1, next));
    drawing = false; lines = []; current = null;
    const { name, image_id } = items[place];
    model.send({ kind: "open", run, name, image_id });
    listNow(); buttonsNow();
  }
  function decide(action, more) {
    const one = looked(); // what the person sees, never what stands at a place by now
    if (one) ask({ kind: "decide", name: one.name, image_id: one.image_id, action, ...more });
  }
  function goOn() {
    const order = items.map((_, n) => (place + 1 + n) % items.length);
    const next = order.find((n) => !items[n].decision && n !== place);
    if (next === undefined) status.textContent = items[place]?.decision === "" ? "This is the last one to look at." : "All of them are looked at.";
    else open(next);
  }
  function press(name) {
    if (busy()) return;
    if (name === "draw") { drawing = true; lines = []; status.textContent = "Draw with the mouse across each neck, then use your lines; Esc stops drawing."; }
    else if (name === "clear") { lines = []; }
    else if (name === "stop") { drawing = false; lines = []; current = null; status.textContent = "Nothing was drawn."; }
    else if (name === "next") { goOn(); return; }
    else if (name === "use") { if (lines.length) decide("draw", { lines }); }
    else if (name === "undo") ask({ kind: "undo" });
    else decide(name);
    draw(); buttonsNow();
  }

  function listNow() {
    list.replaceChildren(...items.map((item, n) => {
      const row = make("li");
      const button = make("button", n === place ? "zs-item zs-current" : "zs-item");
      button.type = "button";
      const word = { keep: "kept", refuse: "not cut", draw: "by hand", "": "to look at" }[item.decision] ?? item.decision;
      button.append(make("span", "zs-name", item.name), make("span", "zs-word", item.by ? `${word}, ${item.by}` : `${word}, score ${item.score.toFixed(2)}`));
      button.setAttribute("aria-current", n === place ? "true" : "false");
      button.addEventListener("click", () => open(n));
      row.append(button);
      return row;
    }));
  }
  function buttonsNow() {
    for (const name of ["keep", "refuse", "draw"]) buttons[name].disabled = !looked() || busy();
    buttons.keep.disabled ||= shown.proposed < 2;
    buttons.use.disabled = buttons.clear.disabled = !drawing || !lines.length || !looked() || busy();
    buttons.stop.hidden = !drawing;
    buttons.stop.disabled = !drawing || busy();
    buttons.undo.disabled = !run || busy();
    buttons.next.disabled = !items.length || drawing || busy();
  }
  function draw() {
    if (!shown) { canvas.width = canvas.height = 1; return; }
    const scale = shown.scale, context = canvas.getContext("2d");
    canvas.width = Math.round(shown.width * scale); canvas.height = Math.round(shown.height * scale);
    context.imageSmoothingEnabled = false;
    context.drawImage(shown.picture, 0, 0, canvas.width, canvas.height);
    if (!drawing) context.drawImage(shown.red, 0, 0, canvas.width, canvas.height);
    bar_of(context, scale);
    context.strokeStyle = "#d00000"; context.lineWidth = Math.max(2, 2 * scale); context.lineCap = "round";
    for (const line of current ? [...lines, current] : lines) {
      context.beginPath();
      line.forEach(([x, y], n) => (n ? context.lineTo((x + 0.5) * scale, (y + 0.5) * scale) : context.moveTo((x + 0.5) * scale, (y + 0.5) * scale)));
      context.stroke();
    }
  }
  function bar_of(context, scale) {
    if (!shown.pixel_mm) return;
    const px = scale / shown.pixel_mm, mm = BARS_MM.find((one) => one * px <= canvas.width * 0.4);
    if (!mm) return;
    const y = canvas.height - 8;
    context.font = "12px sans-serif";
    for (const [style, width] of [["#fff", 5], ["#000", 2]]) {
      context.strokeStyle = style; context.lineWidth = width; context.lineCap = "butt";
      context.beginPath(); context.moveTo(6, y); context.lineTo(6 + mm * px, y); context.stroke();
      if (width === 5) { context.lineWidth = 4; context.strokeText(`${mm} mm`, 6, y - 6); }
    }
    context.fillStyle = "#000"; context.fillText(`${mm} mm`, 6, y - 6);
  }
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width * shown.width - 0.5, (event.clientY - box.top) / box.height * shown.height - 0.5];
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (!drawing || !shown) return;
    canvas.setPointerCapture(event.pointerId);
    current = [at(event)]; event.preventDefault();
  });
  canvas.addEventListener("pointermove", (event) => { if (current && current.length < 1999) { current.push(at(event)); draw(); } });
  const end = (event) => {
    if (!current) return;
    current.push(at(event));
    if (lines.length < 50) lines.push(current);
    current = null; draw(); buttonsNow();
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", () => { current = null; draw(); });
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const name = KEYS[event.key.toLowerCase()];
    if (name && !buttons[name].disabled) { press(name); event.preventDefault(); }
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") { open(place + (event.key === "ArrowDown" ? 1 : -1)); event.preventDefault(); }
  });

  async function object(message, buffers) {
    if (message.run !== run || !same(message, items[place])) return;
    const [picture, cut] = await Promise.all(buffers.map((one) => bitmap(one.buffer ? one : new Uint8Array(one))));
    if (!same(message, items[place])) return; // another one was chosen while the pictures were unpacked
    const paint = new OffscreenCanvas(message.width, message.height), context = paint.getContext("2d");
    context.drawImage(cut, 0, 0);
    const pixels = context.getImageData(0, 0, message.width, message.height);
    for (let n = 0; n < pixels.data.length; n += 4) {
      const on = pixels.data[n] > 127;
      pixels.data[n] = 208; pixels.data[n + 1] = pixels.data[n + 2] = 0; pixels.data[n + 3] = on ? 255 : 0;
    }
    context.putImageData(pixels, 0, 0);
    const scale = Math.min(6, Math.max(0.2, 480 / Math.max(message.width, message.height)));
    shown = { ...message, picture, red: paint, scale };
    const sizes = message.parts.map((part) => `${part.esd_mm.toFixed(2)} mm`).join(", ");
    facts.textContent = `${message.name}: counts as ${message.parts.length} ${message.parts.length === 1 ? "object" : "objects"}; ESD ${sizes}. ${message.note}`.trim();
    facts.dataset.parts = String(message.parts.length);
    canvas.setAttribute("aria-label", facts.textContent);
    draw(); buttonsNow();
  }
  model.on("msg:custom", (message, buffers) => {
    if (message.kind === "index") {
      const fresh = message.run !== run, before = items[place];
      run = message.run; items = message.items;
      progress.textContent = [message.words, message.by].filter(Boolean).join(" ");
      if (fresh) { place = 0; shown = null; status.textContent = items.length ? "Keep the lines, say not to cut, or draw your own." : ""; if (busy()) answered(); }
      const found = fresh ? 0 : items.findIndex((item) => same(item, before));
      if (found >= 0) place = found;
      else if (before && drawing) status.textContent = `${before.name} is not in the list any more; your lines were not saved.`;
      // News of others must not take a line out of a person's hand.
      if (!items.length) {
        shown = null; drawing = false; lines = []; current = null; list.replaceChildren(); facts.textContent = ""; draw();
      } else if (drawing && found >= 0 && !fresh) listNow();
      else open(place);
      buttonsNow();
    } else if (message.kind === "object") object(message, buffers);
    else if (message.kind === "done" || message.kind === "refused") {
      if (waiting ? message.id !== waiting.id : message.id) {
        if (!message.id) status.textContent = message.words; // of something else than the wish, which still waits
        return;
      }
      if (waiting) answered();
      status.textContent = message.words;
      if (message.kind === "done") { drawing = false; lines = []; files.textContent = "Tables and EcoTaxa zip are being made again…"; }
      buttonsNow(); draw();
    } else if (message.kind === "files") { if (message.run === run) files.textContent = message.words; }
    else if (message.kind === "closed") {
      run = ""; items = []; shown = null; answered(); drawing = false; lines = []; list.replaceChildren(); facts.textContent = ""; files.textContent = "";
      progress.textContent = ""; status.textContent = message.words; draw(); buttonsNow();
    }
  });
  model.on("change:run", () => { if (model.get("run") && model.get("run") !== run) model.send({ kind: "hello" }); });
  buttonsNow(); draw();
  model.send({ kind: "hello" });
  return () => clearInterval(timer);
}
export default { render };
