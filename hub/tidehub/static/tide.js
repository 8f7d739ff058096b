// What the pages do beyond forms and links: filter cards, refresh running analyses, ask before removing.
"use strict";

function filterCards(box) {
  const cards = [...document.querySelectorAll("#" + box.dataset.filter + " .card")];
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const card of cards) {
    card.hidden = !words.every((word) => card.dataset.search.includes(word));
    shown += card.hidden ? 0 : 1;
  }
  document.getElementById("nothing-found").hidden = shown > 0;
  document.getElementById("card-filter-count").textContent = words.length ? shown + " of " + cards.length : "";
}

async function refreshRuns(place) {
  if (document.visibilityState === "visible" && place.querySelector("[data-live]")) {
    try {
      const answer = await fetch(place.dataset.refresh, { credentials: "same-origin", redirect: "error" });
      if (answer.ok) place.innerHTML = await answer.text();  // our own page, escaped on the server
    } catch {
      // the hub is restarting or the session ended; the next attempt or a reload tells
    }
  }
  setTimeout(refreshRuns, 3000, place);
}

// While a service does not answer, look again: nobody has to reload the page to get its button back.
async function refreshTroubles() {
  if (document.visibilityState === "visible" && document.querySelector("#troubles[data-waiting]")) {
    try {
      const answer = await fetch(window.location.href, { credentials: "same-origin", redirect: "error" });
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const id of ["troubles", "cards"]) {
          const now = document.getElementById(id);
          const then = fresh.getElementById(id);
          if (now && then && !now.contains(document.activeElement)) now.replaceWith(then);
        }
        const filter = document.getElementById("card-filter");
        if (filter) filterCards(filter);
      }
    } catch {
      // as above
    }
  }
  setTimeout(refreshTroubles, 5000);
}

const box = document.getElementById("card-filter");
if (box) box.addEventListener("input", () => filterCards(box));
const runs = document.getElementById("runs");
if (runs) setTimeout(refreshRuns, 3000, runs);
if (document.getElementById("troubles")) setTimeout(refreshTroubles, 5000);
for (const form of document.querySelectorAll("form[data-confirm]")) {
  form.addEventListener("submit", (event) => { if (!window.confirm(form.dataset.confirm)) event.preventDefault(); });
}
