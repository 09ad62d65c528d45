(() => {
  const form = document.getElementById("filter");
  if (!form) return;
  const wanted = ["truth", "answer", "right"].map((name) => [name, document.getElementById("filter-" + name)]);
  const parts = [...document.querySelectorAll(".part")];
  const pictures = parts.flatMap((part) => [...part.querySelectorAll("li")]);
  const shown = document.getElementById("shown");

  const choose = () => {
    let count = 0;
    for (const picture of pictures) {
      const fits = ([name, { value }]) => !value || picture.dataset[name].split(" ").includes(value);
      picture.hidden = !wanted.every(fits);
      count += picture.hidden ? 0 : 1;
    }
    for (const part of parts) part.hidden = !part.querySelector("li:not([hidden])");
    shown.value = count + " of " + pictures.length + " pictures shown";
  };

  form.addEventListener("change", choose);
  form.addEventListener("submit", (event) => event.preventDefault());
  // The fields have their values back only when this event is over.
  form.addEventListener("reset", () => setTimeout(choose));
  form.hidden = false;
  choose();
})();

// Nobody can open on paper what is closed.
(() => {
  const opened = [];
  addEventListener("beforeprint", () => {
    for (const part of document.querySelectorAll("details:not([open])")) {
      part.open = true;
      opened.push(part);
    }
  });
  addEventListener("afterprint", () => {
    for (const part of opened.splice(0)) part.open = false;
  });
})();
