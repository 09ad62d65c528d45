(() => {
  const box = document.querySelector("[data-live]");
  const button = document.getElementById("pause");
  const key = "divvy " + location.pathname;
  // A browser may keep nothing of a page that is a file.
  const kept = (() => { try { return JSON.parse(sessionStorage.getItem(key)) || {}; } catch { return {}; } })();
  const keep = () => { try { sessionStorage.setItem(key, JSON.stringify(kept)); } catch { } };

  const at = new Date(Number(box.dataset.at));
  document.getElementById("as-of").textContent = "As of " + at.toLocaleTimeString() + ".";
  if (Date.now() - at > 600000) {
    document.getElementById("stale").textContent = "Nothing new for ten minutes: the training may have been ended.";
  }

  const show = () => {
    button.hidden = false;
    button.setAttribute("aria-pressed", String(Boolean(kept.paused)));
  };
  button.addEventListener("click", () => { kept.paused = !kept.paused; keep(); show(); });
  show();

  if (kept.focus) {
    const focused = document.getElementById(kept.focus);
    if (focused) focused.focus({ preventScroll: true });
  }
  if (kept.y !== undefined) scrollTo(kept.x, kept.y);
  const wide = [...document.querySelectorAll(".wide")];
  (kept.wide || []).forEach((x, i) => { if (wide[i]) wide[i].scrollLeft = x; });

  setInterval(() => {
    if (kept.paused || document.hidden || String(getSelection())) return;
    kept.x = scrollX;
    kept.y = scrollY;
    kept.wide = wide.map((element) => element.scrollLeft);
    kept.focus = document.activeElement && document.activeElement.id;
    keep();
    location.reload();
  }, 1000 * Number(box.dataset.live));
})();
