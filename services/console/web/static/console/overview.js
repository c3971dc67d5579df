"use strict";
// Fetches the overview anew and exchanges those of its sections that have changed, so that nothing flickers, and
// what is open, focused or scrolled elsewhere stays so. Without this script the page is a page like any other.
(() => {
  const region = document.getElementById("overview");
  if (!region) return;
  const shown = new Map(sections(region).map((section) => [section.id, section.outerHTML]));
  const button = Object.assign(document.createElement("button"), { type: "button", className: "overview-control" });
  const note = Object.assign(document.createElement("span"), { className: "overview-stale" });
  let paused = false;

  function sections(root) {
    return [...root.querySelectorAll("section[id]")];
  }

  function pause(wanted) {
    paused = wanted;
    button.textContent = paused ? "Resume refreshing" : "Pause refreshing";
  }

  function exchange(fresh) {
    for (const section of sections(fresh)) {
      const old = document.getElementById(section.id);
      if (!old || shown.get(section.id) === section.outerHTML) continue;
      shown.set(section.id, section.outerHTML);
      const open = old.querySelector("details[open]") !== null;
      const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
      old.replaceWith(section);
      if (open) section.querySelector("details")?.setAttribute("open", "");
      if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    }
  }

  async function refresh() {
    if (paused || document.hidden) return;
    try {
      const answer = await fetch(region.dataset.url, { redirect: "manual" });
      if (answer.type === "opaqueredirect") return location.reload(); // the login has ended
      if (!answer.ok) throw new Error(String(answer.status));
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").body;
      const gone = [...shown.keys()].some((id) => !fresh.querySelector(`#${CSS.escape(id)}`));
      if (gone || sections(fresh).length !== shown.size) return location.reload();
      exchange(fresh);
      note.textContent = "";
    } catch {
      note.textContent = "The console does not answer; trying again.";
    }
  }

  button.addEventListener("click", () => {
    pause(!paused);
    refresh();
  });
  document.addEventListener("visibilitychange", refresh);
  note.setAttribute("role", "status");
  pause(false);
  document.getElementById("overview-controls").prepend(note, button);
  setInterval(refresh, Number(region.dataset.seconds) * 1000);
})();
