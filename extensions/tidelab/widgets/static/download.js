// Fetches a file from the kernel piece by piece and gives it to the browser as a download.
const REVOKE_AFTER_MS = 60000;

function render({ model, el }) {
  const box = document.createElement("div");
  box.className = "tl-downloads";
  const line = document.createElement("p");
  line.setAttribute("role", "status");
  const notes = document.createElement("ul");
  notes.className = "tl-download-notes";
  let current = null;

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
        if (current || file.reason) return;
        notes.replaceChildren();
        current = { name: file.name, type: file.media_type, parts: [] };
        line.textContent = `Preparing ${file.name}…`;
        model.send({ kind: "fetch", file: file.name, offset: 0 });
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
    if (!current || message.file !== current.name) return;
    if (message.kind === "progress") { line.textContent = message.text; return; }
    if (message.kind === "wrong") { line.textContent = message.text; current = null; return; }
    if (buffers && buffers.length) current.parts.push(buffers[0]);
    if (message.more) model.send({ kind: "fetch", file: current.name, offset: message.next });
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
  draw();
  el.append(box, line, notes);
  return () => { model.off("msg:custom", receive); model.off("change:files", draw); };
}
export default { render };
