// Tells the kernel who is looking, and tells the page when there is something to show.
const LOOK_MS = 500;
const MOST_LOOKS = 120;

function render({ model, el }) {
  el.style.display = "none";
  const showResults = () =>
    document.body.classList.toggle("tl-has-results", model.get("has_results"));
  model.on("change:has_results", showResults);
  showResults();
  const slot = document.getElementById("tidelab-ticket");
  const asked = new URLSearchParams(window.location.search).get("run") ?? "";
  let timer = 0;
  const hello = () => {
    // A closed comm throws: this form's kernel was restarted or has ended, and nothing that is asked reaches it.
    try { model.send({ kind: "hello", ticket: slot ? slot.textContent.trim() : "", run: asked }); } catch { clearInterval(timer); }
  };
  // The address names the run that is shown: a reload, a bookmark or the home page's link shows it again.
  model.on("change:run", () => {
    const address = new URL(window.location.href);
    if (model.get("run")) address.searchParams.set("run", model.get("run"));
    else address.searchParams.delete("run");
    window.history.replaceState(null, "", address);
  });
  // What the kernel answers while the page is still being put together reaches widgets that are not there yet, and is
  // lost without a word. So look whether the form shows what the kernel says it shows, ask again while it does not, and
  // once more when it does: another widget may have missed its part.
  const outOfStep = () => {
    const button = document.querySelector("button.tl-analyse");
    return !model.get("answered") || (button && button.disabled && model.get("can_start"));
  };
  let looks = 0;
  let confirmed = false;
  timer = setInterval(() => {
    if (looks++ >= MOST_LOOKS) clearInterval(timer);
    else if (outOfStep()) hello();
    else if (!confirmed) { confirmed = true; hello(); }
  }, LOOK_MS);
  hello();
  return () => clearInterval(timer);
}
export default { render };
