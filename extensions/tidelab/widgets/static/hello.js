// Tells the kernel who is looking, and tells the page when there is something to show.
const AGAIN_MS = 2000;
const MOST_TIMES = 30;

function render({ model, el }) {
  el.style.display = "none";
  const showResults = () =>
    document.body.classList.toggle("tl-has-results", model.get("has_results"));
  model.on("change:has_results", showResults);
  showResults();
  const slot = document.getElementById("tidelab-ticket");
  const ticket = slot ? slot.textContent.trim() : "";
  let times = 0;
  // A kernel that was busy while the page connected may have answered into the void: ask until the answer is here.
  const ask = () => {
    if (model.get("answered") || times++ >= MOST_TIMES) return clearInterval(timer);
    model.send({ kind: "hello", ticket });
  };
  const timer = setInterval(ask, AGAIN_MS);
  ask();
  return () => clearInterval(timer);
}
export default { render };
