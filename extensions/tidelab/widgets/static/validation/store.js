// What the grid knows: the kernel's word on every image, and over it the acts that the kernel has not answered yet.
const LOOKED = { predicted: false, validated: true, unknown: true };
const RESEND_MS = 5000;
const SLOW_MS = 3000;

class Store {
  constructor(send) {
    this.send = send;
    this.run = null;
    this.pending = [];
    this.over = new Map();
    this.recent = [];
  }

  load(index) {
    this.fresh = this.run !== index.run;
    if (this.fresh) { this.pending = []; this.recent = []; }
    Object.assign(this, { run: index.run, labels: index.labels, titles: index.titles, predicted: index.predicted,
      score: index.score, now: index.now, status: index.status, by: index.by, at: index.at, people: index.people,
      audits: index.audits });
    this.lay();
  }

  // The kernel's word on some images, whoever acted.
  apply(changes) {
    this.people = changes.people;
    this.audits = changes.audits;
    changes.rows.forEach((row, i) => {
      for (const name of ["now", "status", "by", "at"]) this[name][row] = changes[name][i];
    });
  }

  lay() {
    this.over = new Map();
    for (const act of this.pending)
      if (act.names) act.rows.forEach((row, i) => this.over.set(row, { name: act.names[i], audit: act.audit }));
  }

  get size() { return this.predicted ? this.predicted.length : 0; }
  name(row) { const over = this.over.get(row); return over ? over.name : this.now[row]; }
  statusOf(row) {
    const over = this.over.get(row);
    return over ? (over.name < 0 ? "unknown" : "validated") : this.status[row];
  }
  label(index) { return index < 0 ? "" : this.labels[index]; }
  audit(id) { return this.audits.find((one) => one.id === id); }
  // Whether a person looked; in an audit, whether they did since it was drawn.
  isDone(row, audit) {
    if (this.over.has(row)) return true;
    if (!audit) return LOOKED[this.status[row]];
    return audit.checked.includes(row);
  }

  act(content) {
    const act = { ...content, id: crypto.getRandomValues(new Uint32Array(4)).join("-"), since: Date.now(), sent: Date.now() };
    this.pending.push(act);
    this.lay();
    this.transmit(act);
    return act;
  }

  transmit(act) {
    const { since, sent, ...content } = act;
    try { this.send({ ...content, run: this.run }); } catch { act.sent = 0; }
  }

  // An answer may come twice, for an act is sent again until it is answered; the kernel knows each by its id.
  answered(id) {
    const found = this.pending.find((act) => act.id === id);
    this.pending = this.pending.filter((act) => act.id !== id);
    this.lay();
    return found;
  }

  again() {
    const now = Date.now();
    for (const act of this.pending)
      if (now - act.sent > RESEND_MS) { act.sent = now; this.transmit(act); }
  }

  get late() {
    const late = this.pending.filter((act) => Date.now() - act.since > SLOW_MS);
    return late.reduce((sum, act) => sum + (act.rows ? act.rows.length : 0), late.length ? 0 : -1);
  }

  // Rows in the order in which they are looked through.
  order({ label, onlyOpen, sureFirst, audit }) {
    const rows = audit ? [...audit.rows] : [...this.predicted.keys()].sort((a, b) => {
      const [x, y] = [this.predicted[a], this.predicted[b]];
      // Unidentified ones last; within a class by score.
      if (x !== y) return (x < 0 ? 1e9 : x) - (y < 0 ? 1e9 : y);
      return (this.score[a] - this.score[b]) * (sureFirst ? -1 : 1) || a - b;
    });
    return rows.filter((row) => (label === null || this.predicted[row] === label) && !(onlyOpen && this.isDone(row, audit)));
  }

  // Predicted class -> [images, looked at].
  tally(audit) {
    const found = new Map();
    for (const row of audit ? audit.rows : this.predicted.keys()) {
      const entry = found.get(this.predicted[row]) ?? [0, 0];
      entry[0] += 1;
      entry[1] += this.isDone(row, audit) ? 1 : 0;
      found.set(this.predicted[row], entry);
    }
    return [...found].sort(([a], [b]) => (a < 0 ? 1e9 : a) - (b < 0 ? 1e9 : b));
  }

  remember(label) {
    if (label >= 0) this.recent = [label, ...this.recent.filter((one) => one !== label)].slice(0, 9);
  }
}
