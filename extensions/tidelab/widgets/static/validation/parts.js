// Pieces of the page. Names come from strangers' files: they are only ever set as text.
const NO_NAME = "unidentified";
const KEYS = [
  ["← ↑ → ↓", "go to another image"],
  ["Shift + arrows", "select from here to there"],
  ["Space", "select one more, or one less"],
  ["Ctrl + A", "select all on this page"],
  ["Esc", "select nothing; close a list"],
  ["Enter", "confirm the name"],
  ["1 … 9", "give the name with that number above the pictures"],
  ["M or a letter", "move to another class: type a part of its name, then Enter"],
  ["U", "unknown: you looked and cannot tell"],
  ["Z or Ctrl + Z", "undo your own last act, as often as you like"],
  ["Page ↓ / Page ↑", "next or earlier page"],
  ["?", "show or hide this list"],
];

const make = (tag, className, text, attributes = {}) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text) node.textContent = text;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
};
const button = (className, sign, text, key, press) => {
  const node = make("button", `tl-val-button ${className}`, "", { type: "button" });
  if (sign) node.append(make("span", "tl-val-sign", sign, { "aria-hidden": "true" }));
  node.append(make("span", "", text));
  if (key) node.append(make("kbd", "", key));
  node.addEventListener("click", press);
  return node;
};
const choice = (title, options, change) => {
  const label = make("label", "tl-val-choice");
  const select = make("select");
  label.append(make("span", "", title), select);
  select.addEventListener("change", () => change(select.value));
  const fill = (list, value) => {
    select.replaceChildren(...list.map(([key, text]) => new Option(text, key)));
    select.value = value;
  };
  fill(options, options.length ? options[0][0] : "");
  return { label, select, fill };
};
const count = (value) => value.toLocaleString("en");
const images = (value) => `${count(value)} ${value === 1 ? "image" : "images"}`;
const when = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ") + " UTC";
const percent = (perMille) => (Math.min(perMille, perMille < 1000 ? 990 : 1000) / 1000).toFixed(2);

function helpBox() {
  const box = make("div", "tl-val-help", "", { role: "region", "aria-label": "Keys" });
  const list = make("dl");
  for (const [key, text] of KEYS) list.append(make("dt", "", key), make("dd", "", text));
  box.append(list);
  box.hidden = true;
  return box;
}

// A searchable list of classes. `choose` gets the index of a label; `close` is called whichever way it ends.
function classChooser(choose, close) {
  const box = make("div", "tl-val-chooser", "", { role: "dialog" });
  const input = make("input", "", "", { type: "text", role: "combobox", "aria-expanded": "true", "aria-autocomplete": "list",
    autocomplete: "off", spellcheck: "false", placeholder: "Type a part of the name" });
  const list = make("ul", "", "", { role: "listbox", "aria-label": "Classes" });
  const title = make("p", "tl-val-chooser-title");
  list.id = `tl-val-list-${crypto.getRandomValues(new Uint32Array(1))[0]}`;
  input.setAttribute("aria-controls", list.id);
  box.append(title, input, list);
  box.hidden = true;
  let entries = [];
  let shown = [];
  let at = 0;

  const mark = () => {
    [...list.children].forEach((item, i) => item.setAttribute("aria-selected", String(i === at)));
    const item = list.children[at];
    if (!item || !shown.length) return input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-activedescendant", item.id);
    item.scrollIntoView({ block: "nearest" });
  };
  const filter = () => {
    const text = input.value.trim().toLowerCase();
    const rank = ({ words }) => (words.startsWith(text) ? 0 : words.includes(` ${text}`) ? 1 : words.includes(text) ? 2 : 3);
    shown = text ? entries.filter((one) => rank(one) < 3).sort((a, b) => rank(a) - rank(b)) : entries;
    at = 0;
    list.replaceChildren(...shown.map((one, i) => {
      const item = make("li", "", one.name, { role: "option", id: `${list.id}-${i}` });
      if (one.note) item.append(make("span", "tl-val-soft", one.note));
      // Before the press takes the focus away from the field.
      item.addEventListener("mousedown", (event) => { event.preventDefault(); end(one.index); });
      return item;
    }));
    if (!shown.length) list.append(make("li", "tl-val-soft", "No class of this run has that in its name.", { role: "option", "aria-disabled": "true" }));
    mark();
  };
  const end = (index) => {
    if (box.hidden) return;
    box.hidden = true;
    close();
    if (index !== undefined) choose(index);
  };
  input.addEventListener("input", filter);
  input.addEventListener("blur", () => end());
  input.addEventListener("keydown", (event) => {
    event.stopPropagation();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && shown.length) { at = (at + step + shown.length) % shown.length; mark(); }
    else if (event.key === "Enter") { if (shown[at]) end(shown[at].index); }
    else if (event.key === "Escape") end();
    else return;
    event.preventDefault();
  });
  const open = (words, list_, text) => {
    title.textContent = words;
    box.setAttribute("aria-label", words);
    entries = list_.map((one) => ({ ...one, words: `${one.name} ${one.note ?? ""}`.toLowerCase() }));
    box.hidden = false;
    input.value = text;
    filter();
    input.focus();
  };
  return { box, open };
}

// The question behind "check N random images".
function auditForm(draw) {
  const box = make("form", "tl-val-audit");
  const number = make("input", "", "", { type: "number", min: "1", max: "20000", value: "100", required: "" });
  const seed = make("input", "", "", { type: "number", min: "0", max: "4294967295", required: "" });
  const design = choice("Chosen", [["stratified", "by predicted class (usual)"], ["simple", "from all images alike"]], () => {});
  const field = (text, input) => { const label = make("label", "tl-val-choice"); label.append(make("span", "", text), input); return label; };
  const go = make("button", "tl-val-button tl-val-main", "Choose these images", { type: "submit" });
  box.append(
    make("p", "", "An audit chooses images at random and asks you to look at each. It tells how often the model is right here; images that you pick yourself do not."),
    field("Images", number), design.label, field("Seed (repeats the choice)", seed), go);
  box.hidden = true;
  box.addEventListener("keydown", (event) => event.stopPropagation());
  box.addEventListener("submit", (event) => {
    event.preventDefault();
    draw({ n: Number(number.value), seed: Number(seed.value), design: design.select.value });
  });
  const open = (most) => {
    box.hidden = !box.hidden;
    if (box.hidden) return;
    number.max = String(most);
    number.value = String(Math.min(100, most));
    seed.value = String(crypto.getRandomValues(new Uint32Array(1))[0] % 1000000);
    number.focus();
  };
  return { box, open };
}
