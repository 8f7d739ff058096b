// Sends chosen files in pieces, each when the kernel asks for it: nothing is lost in a full pipe, and a 200 MB zip
// needs a few megabytes of memory. Names are only ever set as text, never as HTML.
const element = (tag, className, text) => {
  const node = document.createElement(tag);
  node.className = className;
  if (text) node.textContent = text;
  return node;
};
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

function render({ model, el }) {
  let files = [];
  let sent = 0;
  let total = 0;
  let busy = false;

  const box = element("div", "tl-upload");
  const label = element("label", "tl-upload-drop");
  const input = element("input", "tl-upload-input");
  input.type = "file";
  input.multiple = true;
  input.accept = model.get("accept");
  const strong = element("strong", "", "Drop files or one zip here");
  const hint = element("span", "tl-upload-hint", `or click to choose · PNG, JPEG, TIFF or zip · ${model.get("limit_mb")} MB at most`);
  label.append(strong, hint, input);
  const bar = element("progress", "tl-upload-bar");
  bar.max = 1;
  bar.hidden = true;
  bar.setAttribute("aria-label", "Upload");
  const line = element("p", "tl-upload-line");
  line.setAttribute("role", "status");
  box.append(label, bar, line);
  el.append(box);

  const say = (text, wrong) => {
    line.textContent = text;
    line.classList.toggle("tl-upload-wrong", Boolean(wrong));
  };
  const ready = () => {
    busy = false;
    bar.hidden = true;
    input.disabled = !model.get("enabled");
    input.value = "";
    label.classList.remove("tl-upload-over");
  };

  // A closed comm throws: the kernel was restarted or has ended, and nobody receives what is sent.
  const tell = (content, buffers) => {
    try { model.send(content, undefined, buffers); return true; } catch {
      ready();
      say("The kernel behind this page was restarted or has ended, so nothing was uploaded. Run the notebook again, or reload this page, " +
          "and choose the files once more.", true);
      return false;
    }
  };

  const start = (list) => {
    if (busy || !model.get("enabled")) return;
    files = Array.from(list);
    total = files.reduce((sum, file) => sum + file.size, 0);
    if (!files.length) return;
    if (total > model.get("limit_mb") * 1e6) {
      say(`The files are ${megabytes(total)} together; at most ${model.get("limit_mb")} MB can be uploaded at once. ` +
          "Upload fewer files, or put them into a folder on the hub and choose that.", true);
      ready();
      return;
    }
    busy = true;
    sent = 0;
    input.disabled = true;
    bar.value = 0;
    bar.hidden = false;
    say("Uploading…");
    tell({ kind: "begin", files: files.map((file) => ({ name: file.name, size: file.size })) });
  };

  const sendPiece = async (position, offset) => {
    try {
      const blob = files[position].slice(offset, offset + model.get("chunk_bytes"));
      const data = await blob.arrayBuffer();
      if (!tell({ kind: "piece", file: position, offset }, [data])) return;
      sent += data.byteLength;
      bar.value = total ? sent / total : 1;
      say(`Uploading ${megabytes(sent)} of ${megabytes(total)}`);
    } catch (error) {
      say(`${files[position].name} could not be read from your disk. Choose the files again.`, true);
      tell({ kind: "abandon" });
      ready();
    }
  };

  const receive = (message) => {
    if (message.kind === "next") sendPiece(message.file, message.offset);
    if (message.kind === "done") { ready(); say(message.text); }
    if (message.kind === "refused") { ready(); say(message.text, true); }
  };
  model.on("msg:custom", receive);
  const enable = () => {
    if (!busy) input.disabled = !model.get("enabled");
    box.classList.toggle("tl-upload-off", !model.get("enabled"));
  };
  model.on("change:enabled", enable);
  enable();

  input.addEventListener("change", () => start(input.files));
  for (const name of ["dragenter", "dragover"])
    label.addEventListener(name, (event) => { event.preventDefault(); label.classList.add("tl-upload-over"); });
  label.addEventListener("dragleave", () => label.classList.remove("tl-upload-over"));
  label.addEventListener("drop", (event) => {
    event.preventDefault();
    label.classList.remove("tl-upload-over");
    start(event.dataTransfer.files);
  });
  return () => { model.off("msg:custom", receive); model.off("change:enabled", enable); };
}
export default { render };
