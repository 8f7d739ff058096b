// Fetches a file from the kernel piece by piece and gives it to the browser as a download.
const REVOKE_AFTER_MS = 60000;
const ENDED = "The kernel behind this page was restarted or has ended. Run the notebook again, or reload this page; the files of the run are kept.";

function render({ model, el }) {
  const box = document.createElement("div");
  box.className = "tl-downloads";
  const line = document.createElement("p");
  line.setAttribute("role", "status");
  const notes = document.createElement("ul");
  notes.className = "tl-download-notes";
  let current = null;
  let making = false;
  // A closed comm throws: nobody would answer, and the buttons would wait for ever.
  const ask = (content) => {
    try { model.send(content); } catch {
      current = null;
      making = false;
      again.removeAttribute("aria-disabled");
      line.textContent = ENDED;
    }
  };
  const old = document.createElement("div");
  old.className = "tl-download-old";
  const reason = document.createElement("p");
  const again = document.createElement("button");
  again.type = "button";
  again.className = "tl-download-button tl-remake";
  again.textContent = "Make the files again";
  old.append(reason, again);
  const drawOld = () => {
    reason.textContent = model.get("old");
    old.hidden = !model.get("old");
  };
  again.addEventListener("click", () => {
    if (current || making) return;
    making = true;
    again.setAttribute("aria-disabled", "true");
    line.textContent = "Making the files again…";
    ask({ kind: "remake" });
  });

  const draw = () => {
    box.replaceChildren();
    for (const file of model.get("files")) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "tl-download-button";
      button.dataset.file = file.name;
      const name = document.createElement("strong");
      name.textContent = file.title;
      const what = document.createElement("span");
      what.textContent = file.detail;
      button.append(name, what);
      if (file.reason) {
        // aria-disabled and not disabled: a screen reader must be able to reach the reason.
        button.setAttribute("aria-disabled", "true");
        what.textContent = `${file.detail}. Not available: ${file.reason}`;
      }
      button.addEventListener("click", () => {
        if (current || making || file.reason) return;
        notes.replaceChildren();
        current = { name: file.name, type: file.media_type, parts: [] };
        line.textContent = `Preparing ${file.name}…`;
        ask({ kind: "fetch", file: file.name, offset: 0 });
      });
      box.append(button);
    }
  };
  const save = () => {
    const url = URL.createObjectURL(new Blob(current.parts, { type: current.type }));
    const link = document.createElement("a");
    link.href = url;
    link.download = current.name;
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), REVOKE_AFTER_MS);
    line.textContent = `${current.name} is in your downloads.`;
    current = null;
  };
  const receive = (message, buffers) => {
    if (making && (message.kind === "making" || message.kind === "made")) {
      line.textContent = message.text;
      if (message.kind === "made") { making = false; again.removeAttribute("aria-disabled"); }
      return;
    }
    if (!current || message.file !== current.name) return;
    if (message.kind === "progress") { line.textContent = message.text; return; }
    if (message.kind === "wrong") { line.textContent = message.text; current = null; return; }
    if (buffers && buffers.length) current.parts.push(buffers[0]);
    if (message.more) ask({ kind: "fetch", file: current.name, offset: message.next });
    else {
      for (const text of message.notes || []) {
        const item = document.createElement("li");
        item.textContent = text;
        notes.append(item);
      }
      save();
    }
  };
  model.on("msg:custom", receive);
  model.on("change:files", draw);
  model.on("change:old", drawOld);
  draw();
  drawOld();
  el.append(old, box, line, notes);
  return () => { model.off("msg:custom", receive); model.off("change:files", draw); model.off("change:old", drawOld); };
}
export default { render };
