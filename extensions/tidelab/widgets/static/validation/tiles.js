// One page of pictures as a grid that screen readers know: rows of cells, one of which has the focus.
const PAGE = 96;
const TILE_PX = 116;
const MOST_URLS = 800;

class Tiles {
  constructor(store, need, changed) {
    this.store = store;
    this.need = need;
    this.changed = changed;
    this.box = make("div", "tl-val-grid", "", { role: "grid", "aria-multiselectable": "true", "aria-label": "Images of the analysis" });
    this.urls = new Map();
    this.facts = new Map();
    this.cells = new Map();
    this.columns = 1;
    this.audit = null;
    this.set([], null);
    this.box.addEventListener("mousedown", (event) => this.click(event));
  }

  // Show these rows; `keep` is the row to stay at.
  set(rows, audit, keep) {
    this.rows = rows;
    this.audit = audit;
    this.selected = new Set();
    this.cursor = Math.max(0, rows.indexOf(keep));
    this.anchor = this.cursor;
    this.page = -1;
  }

  get pages() { return Math.max(1, Math.ceil(this.rows.length / PAGE)); }
  get current() { return this.rows[this.cursor]; }
  get chosen() {
    const rows = this.rows.filter((row) => this.selected.has(row));
    return rows.length ? rows : this.current === undefined ? [] : [this.current];
  }
  get first() { return Math.floor(this.cursor / PAGE) * PAGE; }
  get onPage() { return this.rows.slice(this.first, this.first + PAGE); }

  fit(width) {
    const columns = Math.max(1, Math.floor(width / TILE_PX));
    if (columns !== this.columns) { this.columns = columns; this.page = -1; this.draw(); }
  }

  draw() {
    const page = Math.floor(this.cursor / PAGE);
    if (page !== this.page) this.build(page);
    for (const [row, cell] of this.cells) this.paint(row, cell);
  }

  build(page) {
    const hadFocus = this.box.contains(document.activeElement);
    this.page = page;
    this.cells = new Map();
    const lines = [];
    this.onPage.forEach((row, i) => {
      if (i % this.columns === 0) {
        const line = make("div", "tl-val-row", "", { role: "row", "aria-rowindex": String(Math.floor((this.first + i) / this.columns) + 1) });
        line.style.gridTemplateColumns = `repeat(${this.columns}, minmax(0, 1fr))`;
        lines.push(line);
      }
      lines[lines.length - 1].append(this.cell(row));
    });
    this.box.setAttribute("aria-rowcount", String(Math.ceil(this.rows.length / this.columns)));
    this.box.setAttribute("aria-colcount", String(this.columns));
    this.box.replaceChildren(...lines);
    this.box.scrollTop = 0;
    const missing = this.onPage.filter((row) => !this.urls.has(row));
    if (missing.length) this.need(missing);
    if (hadFocus) this.focus();
  }

  cell(row) {
    const cell = make("div", "tl-val-tile", "", { role: "gridcell", tabindex: "-1" });
    const picture = make("img", "", "", { alt: "", draggable: "false" });
    if (this.urls.get(row)) picture.src = this.urls.get(row);
    cell.append(picture, make("span", "tl-val-badge", "", { "aria-hidden": "true" }), make("span", "tl-val-name"), make("span", "tl-val-score"));
    cell.dataset.row = String(row);
    this.cells.set(row, cell);
    return cell;
  }

  paint(row, cell) {
    const store = this.store;
    const status = store.statusOf(row);
    const done = store.isDone(row, this.audit);
    const name = store.label(store.name(row));
    const moved = status === "validated" && store.name(row) !== store.predicted[row];
    const [, badge, name_, score] = cell.children;
    const before = !done && status !== "predicted";
    badge.textContent = done ? (status === "unknown" ? "?" : "✓") : "";
    badge.className = `tl-val-badge${done ? (status === "unknown" ? " tl-val-badge-unknown" : " tl-val-badge-ok") : ""}`;
    name_.textContent = (moved ? "→ " : "") + (name || (status === "unknown" ? "unknown" : NO_NAME));
    score.textContent = percent(store.score[row]);
    cell.classList.toggle("tl-val-done", done);
    cell.classList.toggle("tl-val-current", row === this.current);
    cell.setAttribute("aria-selected", String(this.selected.has(row)));
    cell.tabIndex = row === this.current ? 0 : -1;
    const facts = this.facts.get(row);
    const words = { predicted: "not looked at", validated: moved ? "moved" : "confirmed", unknown: "marked unknown" }[status];
    const waiting = store.over.has(row) ? ", being saved" : "";
    cell.setAttribute("aria-label", `${facts ? facts.image : "image"}, ${name || NO_NAME}, score ${percent(store.score[row])}, ${words}${before ? " before this audit" : ""}${waiting}`);
  }

  arrived(message, buffers) {
    message.rows.forEach((row, i) => {
      this.facts.set(row, { image: message.images[i], sample: message.samples[i], top: message.top[i] });
      const bytes = buffers[i];
      const url = bytes && bytes.byteLength ? URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" })) : "";
      if (this.urls.get(row)) URL.revokeObjectURL(this.urls.get(row));
      this.urls.set(row, url);
      const cell = this.cells.get(row);
      if (!cell) return;
      if (url) cell.children[0].src = url;
      else cell.classList.add("tl-val-nopicture");
      this.paint(row, cell);
    });
    const shown = new Set(this.onPage);
    for (const [row, url] of this.urls) {
      if (this.urls.size <= MOST_URLS) break;
      if (shown.has(row)) continue;
      URL.revokeObjectURL(url);
      this.urls.delete(row);
    }
  }

  forget() {
    for (const url of this.urls.values()) if (url) URL.revokeObjectURL(url);
    this.urls.clear();
    this.facts.clear();
  }

  focus() {
    const cell = this.cells.get(this.current);
    if (!cell) return;
    cell.focus({ preventScroll: true });
    // Only the grid scrolls, never the page around it.
    const [top, bottom] = [cell.offsetTop - this.box.offsetTop, cell.offsetTop - this.box.offsetTop + cell.offsetHeight];
    if (top < this.box.scrollTop) this.box.scrollTop = top - 4;
    else if (bottom > this.box.scrollTop + this.box.clientHeight) this.box.scrollTop = bottom - this.box.clientHeight + 4;
  }

  go(to, extend) {
    if (!this.rows.length) return;
    this.cursor = Math.min(this.rows.length - 1, Math.max(0, to));
    if (extend) {
      const [low, high] = [Math.min(this.anchor, this.cursor), Math.max(this.anchor, this.cursor)];
      this.selected = new Set(this.rows.slice(low, high + 1));
    } else {
      this.anchor = this.cursor;
      this.selected = new Set();
    }
    this.draw();
    this.focus();
    this.changed();
  }

  toggle(row) {
    if (this.selected.has(row)) this.selected.delete(row); else this.selected.add(row);
    this.anchor = this.cursor;
    this.draw();
    this.changed();
  }

  all() { this.selected = new Set(this.onPage); this.draw(); this.changed(); }
  none() { this.selected = new Set(); this.anchor = this.cursor; this.draw(); this.changed(); }

  // The next image that nobody looked at, from `after` on and then from the start; false when there is none.
  next(after) {
    const at = this.rows.indexOf(after);
    const open = (row) => !this.store.isDone(row, this.audit);
    let to = this.rows.findIndex((row, i) => i > at && open(row));
    if (to < 0) to = this.rows.findIndex(open);
    this.selected = new Set();
    this.go(to < 0 ? at : to, false);
    return to >= 0;
  }

  click(event) {
    const cell = event.target.closest(".tl-val-tile");
    if (!cell || event.button !== 0) return;
    event.preventDefault();
    const row = Number(cell.dataset.row);
    const to = this.rows.indexOf(row);
    if (event.ctrlKey || event.metaKey) {
      if (!this.selected.size && this.current !== row) this.selected.add(this.current);
      this.cursor = to;
      this.toggle(row);
      this.focus();
    } else this.go(to, event.shiftKey);
  }
}
