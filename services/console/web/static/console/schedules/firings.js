"use strict";

// Shows the next firings of a schedule while it is typed. Without this script a button does so.
document.addEventListener("DOMContentLoaded", () => {
  const shown = document.getElementById("firings");
  const form = shown && shown.closest("form");
  if (!form) {
    return;
  }
  const wait = 300;
  let waiting = 0;
  let asked = 0;

  async function show() {
    const mine = ++asked;
    const answer = await fetch(shown.dataset.address, { method: "POST", body: new FormData(form) });
    if (answer.ok && mine === asked) {
      shown.innerHTML = await answer.text();
    }
  }

  function showSoon() {
    clearTimeout(waiting);
    waiting = setTimeout(() => show().catch(() => {}), wait);
  }

  form.addEventListener("input", showSoon);
  form.addEventListener("change", showSoon);
  const button = document.getElementById("show-firings");
  if (button) {
    button.closest("p").hidden = true;
  }
});
