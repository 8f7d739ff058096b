// Tells the kernel who is looking, and tells the page when there is something to show.
function render({ model, el }) {
  el.style.display = "none";
  const showResults = () =>
    document.body.classList.toggle("tl-has-results", model.get("has_results"));
  model.on("change:has_results", showResults);
  showResults();
  const slot = document.getElementById("tidelab-ticket");
  model.send({ kind: "hello", ticket: slot ? slot.textContent.trim() : "" });
}
export default { render };
