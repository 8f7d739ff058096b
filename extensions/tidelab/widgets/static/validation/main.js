// The validation of a run: pictures, keys and buttons. What is decided is decided in the kernel; here it is only asked for.
const TICK_MS = 1000;
const NARROW_PX = 720;
const BROKEN = ["comm_live_update", "comm:close", "destroy"];
const ENDED = "The kernel behind this grid was restarted or has ended, so nothing can be saved here any more. " +
  "Run the notebook again, or reload this page, to go on. What was saved is kept.";

function render({ model, el }) {
  let timer = 0;
  let over = false;
  const store = new Store((content) => tell(content));
  const view = { label: null, onlyOpen: false, sureFirst: false, audit: "" };
  let ready = false;

  // ---- the page -----------------------------------------------------------------------------------------------------
  const root = make("section", "tl-val", "", { "aria-label": "Validate the names", "data-lm-suppress-shortcuts": "true" });
  const said = make("p", "tl-val-said", "", { role: "status", "aria-live": "polite" });
  const late = make("p", "tl-val-late", "", { role: "alert" });
  const help = helpBox();
  const tiles = new Tiles(store, (rows) => tell({ kind: "pictures", run: store.run, rows }), () => drawCurrent());
  const chooser = classChooser((index) => give(index, "move"), () => tiles.focus());
  const audit = auditForm((what) => { audit.box.hidden = true; store.act({ kind: "draw", ...what }); say("Choosing images…"); });
  const buttons = {
    confirm: button("tl-val-main", "✓", "Confirm", "Enter", () => back(confirm)),
    move: button("", "→", "Move to…", "M", () => openChooser("")),
    unknown: button("", "?", "Unknown", "U", () => back(() => give(-1, "unknown"))),
    undo: button("", "↶", "Undo", "Z", () => back(undo)),
  };
  const helpButton = button("tl-val-plain", "", "Keys", "?", () => toggleHelp());
  const auditButton = button("tl-val-plain", "", "Check a random sample…", "", () => audit.open(store.size));
  const show = choice("Show", [["", "All images"]], (value) => { view.audit = value; view.label = null; arrange(); });
  const order = choice("Order", [["least", "By class, least sure first"], ["sure", "By class, surest first"]], (value) => { view.sureFirst = value === "sure"; arrange(); });
  const classes = choice("Class", [], (value) => { view.label = value === "" ? null : Number(value); arrange(); });
  classes.label.classList.add("tl-val-classes-narrow");
  const open = make("label", "tl-val-choice tl-val-open");
  const openBox = make("input", "", "", { type: "checkbox" });
  open.append(openBox, make("span", "", "Only those nobody looked at"));
  openBox.addEventListener("change", () => { view.onlyOpen = openBox.checked; arrange(); });
  const side = make("nav", "tl-val-side", "", { "aria-label": "Classes as the model named them" });
  const current = make("div", "tl-val-now");
  const pages = make("div", "tl-val-pages");
  const line = (className, ...parts) => { const box = make("div", className); box.append(...parts); return box; };
  const body = line("tl-val-body", side, line("tl-val-middle", current, tiles.box, pages));
  const work = line("tl-val-work",
    line("tl-val-bar", buttons.confirm, buttons.move, buttons.unknown, buttons.undo, helpButton),
    line("tl-val-bar tl-val-options", show.label, classes.label, order.label, open, auditButton),
    help, audit.box, said, late, chooser.box, body);
  const waiting = make("p", "tl-val-soft", "The images come when the analysis is finished.");
  work.hidden = true;
  root.append(waiting, work);
  el.append(root);

  // A closed comm throws at every word: a kernel that was restarted or changed never hears this grid again, and says nothing about it.
  const tell = (content) => {
    if (over) return;
    try { model.send(content); } catch { end(); }
  };
  const end = () => {
    over = true;
    clearInterval(timer);
    const unsaved = store.pending.reduce((sum, act) => sum + (act.rows ? act.rows.length : 0), 0);
    store.pending = [];
    waiting.textContent = unsaved ? `${ENDED} The last ${unsaved === 1 ? "image was" : `${unsaved} images were`} not saved.` : ENDED;
    waiting.hidden = false;
    work.hidden = true;
  };

  // ---- what is shown ------------------------------------------------------------------------------------------------
  const auditOf = () => (view.audit ? store.audit(view.audit) : null);
  const say = (text) => { said.textContent = text; };
  const arrange = (keep) => {
    tiles.set(store.order({ ...view, audit: auditOf() }), auditOf(), keep);
    drawAll();
  };
  const drawAll = () => {
    tiles.audit = auditOf();
    tiles.draw();
    drawSide();
    drawCurrent();
    drawPages();
  };
  const drawSide = () => {
    const tally = store.tally(auditOf());
    const total = tally.reduce((sum, [, [all]]) => sum + all, 0);
    const looked = tally.reduce((sum, [, [, done]]) => sum + done, 0);
    const entries = [[null, "All classes", total, looked], ...tally.map(([label, [all, done]]) => [label, store.label(label) || "Unidentified", all, done])];
    const focused = side.contains(document.activeElement) ? document.activeElement.dataset.label : null;
    side.replaceChildren(...entries.map(([label, text, all, done]) => {
      const item = make("button", "tl-val-class", "", { type: "button", "aria-pressed": String(view.label === label) });
      item.dataset.label = String(label);
      item.append(make("span", "", text), make("span", "tl-val-tally", `${done === all ? "✓ " : ""}${count(done)}/${count(all)}`, { title: `${count(done)} of ${images(all)} looked at` }));
      item.addEventListener("click", () => { view.label = label; arrange(); tiles.focus(); });
      return item;
    }));
    if (focused !== null) side.querySelector(`[data-label="${focused}"]`)?.focus();
    classes.fill(entries.map(([label, text, all, done]) => [label === null ? "" : String(label), `${text} (${count(done)}/${count(all)})`]), view.label === null ? "" : String(view.label));
    show.fill([["", "All images"], ...store.audits.map((one, i) => [one.id, `Audit ${i + 1}: ${count(one.checked.length)} of ${count(one.rows.length)} checked`])], view.audit);
    order.select.disabled = Boolean(view.audit);
  };
  const quick = () => {
    const facts = tiles.facts.get(tiles.current);
    const likely = facts ? facts.top.filter(([label]) => label >= 0) : [];
    const known = new Set(likely.map(([label]) => label));
    return [...likely, ...store.recent.filter((label) => !known.has(label)).map((label) => [label, null])].slice(0, 9);
  };
  const drawCurrent = () => {
    const row = tiles.current;
    const n = tiles.selected.size;
    for (const one of [buttons.confirm, buttons.move, buttons.unknown]) one.disabled = row === undefined;
    drawPages();
    if (row === undefined) {
      current.replaceChildren(make("p", "tl-val-soft", view.onlyOpen ? "Nothing left here: somebody looked at every image." : "No images here."));
      return;
    }
    const facts = tiles.facts.get(row);
    const picture = make("img", "tl-val-large", "", { alt: "" });
    if (tiles.urls.get(row)) picture.src = tiles.urls.get(row);
    const words = make("div", "tl-val-about");
    const status = store.statusOf(row);
    const name = store.label(store.name(row));
    const title = make("p", "tl-val-title", name || (status === "unknown" ? "Unknown" : "Unidentified (below the threshold)"));
    const full = store.titles[name];
    if (full && full !== name) title.append(make("span", "tl-val-soft", ` ${full}`));
    const who = store.over.has(row) ? "being saved" : store.by[row] >= 0 ? `${store.people[store.by[row]]}, ${when(store.at[row])}` : "";
    const verb = { predicted: name ? "Named by the model" : "No class reached the threshold", validated: "✓ Validated", unknown: "? Looked at, could not be told" }[status];
    const model_ = store.label(store.predicted[row]);
    words.append(title, make("p", "tl-val-soft", `${facts ? facts.image : ""}${facts && facts.sample ? ` · sample ${facts.sample}` : ""}`),
      make("p", "", `${verb}${who ? ` (${who})` : ""} · ${name || status !== "predicted" ? "" : "best "}score ${percent(store.score[row])}${status !== "predicted" && name !== model_ ? ` · the model said ${model_ || "nothing sure"}` : ""}`),
      make("p", "tl-val-selected", n > 1 ? `${images(n)} selected: a key or button acts on all of them.` : ""));
    const names = line("tl-val-quick", ...quick().map(([label, score], i) =>
      button(label === store.name(row) ? "tl-val-same" : "", "", store.label(label) + (score === null ? "" : ` ${percent(score)}`), String(i + 1), () => back(() => give(label, "move")))));
    names.setAttribute("role", "group");
    names.setAttribute("aria-label", "Most likely classes");
    current.replaceChildren(picture, words, names);
  };
  const drawPages = () => {
    const [from, to] = [tiles.first, Math.min(tiles.first + PAGE, tiles.rows.length)];
    const step = (text, by, off) => {
      const node = button("tl-val-plain", "", text, "", () => { tiles.go(tiles.first + by * PAGE, false); });
      node.disabled = off;
      return node;
    };
    pages.replaceChildren(make("span", "tl-val-soft", tiles.rows.length ? `${count(from + 1)}–${count(to)} of ${images(tiles.rows.length)}` : ""));
    if (tiles.pages > 1) pages.append(step("‹ Earlier", -1, from === 0), step("Next ›", 1, to >= tiles.rows.length));
  };
  const drawLate = () => {
    const n = store.late;
    root.classList.toggle("tl-val-waiting", n >= 0);
    const text = n < 0 ? "" : `Not saved yet${n ? `: ${images(n)}` : ""}. The connection is slow or lost; this page keeps trying. Do not close it.`;
    if (late.textContent !== text) late.textContent = text;
  };

  // ---- what a person does -------------------------------------------------------------------------------------------
  const back = (action) => { tiles.focus(); action(); };
  const act = (rows, names, verb) => {
    store.act({ kind: "act", verb, rows, names, audit: view.audit });
    const last = rows[rows.length - 1];
    say(`${verb === "unknown" ? "Marked unknown" : verb === "confirm" ? "Confirmed" : "Moved"}: ${images(rows.length)}…`);
    drawAll();
    if (!tiles.next(last)) say(`${said.textContent} All images shown here have been looked at.`);
  };
  const confirm = () => {
    const chosen = tiles.chosen;
    const rows = chosen.filter((row) => store.name(row) >= 0);
    if (!rows.length) {
      if (chosen.length) say(`${chosen.length === 1 ? "This image carries" : "These images carry"} no name to confirm. Press a number or M to give one, U for unknown.`);
      return;
    }
    act(rows, rows.map((row) => store.name(row)), "confirm");
    if (rows.length < chosen.length) say(`${images(chosen.length - rows.length)} without a name left out: give a name with M, or U for unknown.`);
  };
  const give = (label, verb) => {
    const rows = tiles.chosen;
    if (!rows.length) return;
    store.remember(label);
    act(rows, rows.map(() => label), verb);
  };
  const undo = () => { store.act({ kind: "undo" }); say("Undoing…"); };
  const openChooser = (text) => {
    const rows = tiles.chosen;
    if (!rows.length) return;
    const likely = quick().map(([label]) => label);
    const rest = store.labels.map((_, i) => i).filter((i) => !likely.includes(i)).sort((a, b) => store.labels[a].localeCompare(store.labels[b]));
    const entries = [...likely, ...rest].map((index) => {
      const name = store.labels[index];
      return { index, name, note: store.titles[name] && store.titles[name] !== name ? store.titles[name] : "" };
    });
    chooser.open(`Move ${images(rows.length)} to`, entries, text);
  };
  const toggleHelp = () => { help.hidden = !help.hidden; helpButton.setAttribute("aria-expanded", String(!help.hidden)); };

  const KEY = {
    ArrowLeft: (e) => tiles.go(tiles.cursor - 1, e.shiftKey), ArrowRight: (e) => tiles.go(tiles.cursor + 1, e.shiftKey),
    ArrowUp: (e) => tiles.cursor >= tiles.columns && tiles.go(tiles.cursor - tiles.columns, e.shiftKey),
    ArrowDown: (e) => tiles.go(tiles.cursor + tiles.columns, e.shiftKey),
    Home: (e) => tiles.go(tiles.first, e.shiftKey), End: (e) => tiles.go(Math.min(tiles.first + PAGE, tiles.rows.length) - 1, e.shiftKey),
    PageDown: () => tiles.go(tiles.first + PAGE, false), PageUp: () => tiles.go(tiles.first - PAGE, false),
    " ": () => tiles.toggle(tiles.current), Enter: confirm, Escape: () => { help.hidden = true; tiles.none(); },
    u: () => give(-1, "unknown"), z: undo, m: () => openChooser(""), "/": () => openChooser(""), "?": toggleHelp,
  };
  tiles.box.addEventListener("keydown", (event) => {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const command = event.ctrlKey || event.metaKey;
    if (event.altKey || (command && key !== "a" && key !== "z")) return;
    if (command) { if (key === "a") tiles.all(); else undo(); }
    else if (KEY[key]) KEY[key](event);
    else if (/^[1-9]$/.test(key)) {
      const found = quick()[Number(key) - 1];
      if (found) give(found[0], "move"); else say(`There is no class with the number ${key} for this image.`);
    } else if (/^\p{L}$/u.test(key)) openChooser(event.key);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  root.addEventListener("keydown", (event) => { if (event.key === "Escape") { audit.box.hidden = true; help.hidden = true; } });

  // ---- what the kernel says -----------------------------------------------------------------------------------------
  const KIND = {
    index: (message) => {
      const keep = tiles.current;
      store.load(message);
      if (store.fresh || !ready) {
        tiles.forget();
        Object.assign(view, { label: null, audit: "" });
        say(message.words);
      }
      ready = true;
      waiting.hidden = true;
      work.hidden = false;
      arrange(store.fresh ? undefined : keep);
    },
    closed: (message) => { work.hidden = true; waiting.hidden = false; waiting.textContent = message.words; ready = false; store.run = null; },
    pictures: (message, buffers) => { if (message.run === store.run) { tiles.arrived(message, buffers ?? []); drawCurrent(); } },
    news: (message) => { store.apply(message.changes); say(message.words); drawAll(); },
    done: (message) => {
      const mine = store.answered(message.id);
      store.apply(message.changes);
      if (mine) say(message.words);
      if (mine && message.audit) { view.audit = message.audit; view.label = null; arrange(); tiles.focus(); } else drawAll();
      drawLate();
    },
    refused: (message) => {
      const mine = store.answered(message.id);
      if (message.changes) store.apply(message.changes);
      if (mine) say(message.words);
      drawAll();
      drawLate();
    },
  };
  const receive = (message, buffers) => {
    if (message.run !== undefined && message.kind !== "index" && message.kind !== "closed" && message.run !== store.run) return;
    KIND[message.kind]?.(message, buffers);
  };
  const ask = () => { if (model.get("run") !== (store.run ?? "")) tell({ kind: "hello" }); };
  // Before the page's own farewell, which ends the kernel: whoever stays still needs it for what is not saved yet.
  const leaving = (event) => {
    if (!store.pending.length) return;
    event.stopImmediatePropagation();
    event.preventDefault();
  };
  timer = setInterval(() => { store.again(); drawLate(); ask(); }, TICK_MS);
  const size = new ResizeObserver(() => {
    root.classList.toggle("tl-val-narrow", root.clientWidth < NARROW_PX);
    if (tiles.box.clientWidth) tiles.fit(tiles.box.clientWidth - 8);
  });
  size.observe(root);
  size.observe(tiles.box);
  window.addEventListener("beforeunload", leaving, true);
  const release = keepSteady(root);
  model.on("msg:custom", receive);
  model.on("change:run", ask);
  // Said when the way to the kernel was cut or is there again: a word tells which.
  const again = () => setTimeout(() => tell({ kind: "hello" }), TICK_MS);
  for (const name of BROKEN) model.on(name, again);
  tell({ kind: "hello" });
  return () => {
    clearInterval(timer);
    release();
    size.disconnect();
    window.removeEventListener("beforeunload", leaving, true);
    model.off("msg:custom", receive);
    model.off("change:run", ask);
    for (const name of BROKEN) model.off(name, again);
    tiles.forget();
  };
}
export default { render };
