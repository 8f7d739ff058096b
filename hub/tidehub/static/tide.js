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

// What is alive on the page is asked for again; a button that has the keyboard's focus is not pulled away.
async function refresh(place) {
  if (document.visibilityState === "visible" && place.querySelector("[data-live]") && !place.contains(document.activeElement)) {
    try {
      const answer = await fetch(place.dataset.refresh, { credentials: "same-origin", redirect: "error" });
      if (answer.ok) {
        const text = await answer.text();  // our own page, escaped on the server
        if (!place.contains(document.activeElement)) {
          const open = [...place.querySelectorAll("details")].map((one) => one.open);
          place.innerHTML = text;
          place.querySelectorAll("details").forEach((one, index) => { one.open = open[index] || false; });
        }
      }
    } catch {
      // the hub is restarting or the session ended; the next attempt or a reload tells
    }
  }
  setTimeout(refresh, 3000, place);
}

// How many GPUs are free changes while somebody looks; what was chosen stays chosen.
async function refreshOffers() {
  const cards = document.getElementById("cards");
  if (document.visibilityState === "visible" && cards.querySelector(".gpu-line")) {
    try {
      const answer = await fetch(cards.dataset.offers, { credentials: "same-origin", redirect: "error" });
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const then of fresh.querySelectorAll(".sizes")) {
          const now = document.getElementById(then.id);
          if (!now || now.contains(document.activeElement)) continue;
          const chosen = now.querySelector("select")?.value;
          const option = [...then.querySelectorAll("option")].find((one) => one.value === chosen && !one.disabled);
          if (option) option.selected = true;
          now.replaceWith(then);
        }
      }
    } catch {
      // as above
    }
  }
  setTimeout(refreshOffers, 5000);
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
for (const place of document.querySelectorAll("[data-refresh]")) setTimeout(refresh, 3000, place);
if (document.getElementById("cards")) setTimeout(refreshOffers, 5000);
if (document.getElementById("troubles")) setTimeout(refreshTroubles, 5000);
document.addEventListener("submit", (event) => {
  const words = event.target.dataset.confirm;
  if (words && !window.confirm(words)) event.preventDefault();
});
