// What belongs to the page as a whole: which view is shown, and what lights up with what.

"use strict";

function startPage() {
  const data = JSON.parse(document.getElementById("data").textContent), main = document.querySelector("main");

  for (const choice of document.querySelectorAll("input[name=view]"))
    choice.addEventListener("change", () => {
      main.dataset.view = choice.value;
      main.dispatchEvent(new Event("view"));
    });

  // A formula, its line of code and its layer in the picture light up together.
  const lit = (chosen, all) => {
    for (const own of document.querySelectorAll(`${all}.lit`)) own.classList.remove("lit");
    for (const own of document.querySelectorAll(chosen)) own.classList.add("lit");
  };
  const lightLayer = (layer) => lit(`svg [data-layer="${layer}"]`, "svg [data-layer]");
  const layers = new Map([...document.querySelectorAll("article[data-tensor]")].map((card) => [card.dataset.tensor, card.dataset.layer]));
  const pointed = (event) => {
    const own = event.target.closest?.("[data-tensor]");
    if (!own) return;
    lit(`[data-tensor="${own.dataset.tensor}"]`, "[data-tensor]");
    if (layers.has(own.dataset.tensor)) lightLayer(layers.get(own.dataset.tensor));
  };
  document.addEventListener("pointerover", pointed);
  document.addEventListener("focusin", pointed);

  // The layer that is being read about is lit in the picture.
  if ("IntersectionObserver" in window) {
    const seen = new IntersectionObserver(
      (found) => {
        const [top] = found.filter((one) => one.isIntersecting);
        if (top) lightLayer(top.target.dataset.layer);
      },
      { rootMargin: "-30% 0px -60% 0px" },
    );
    for (const section of document.querySelectorAll("section[data-layer]")) seen.observe(section);
  }

  window.lesson = { data, numbers: startNumbers(data), training: startTraining(data), exercises: startExercises(data) };
  document.documentElement.dataset.ready = "true";
}

startPage();
