"use strict";
// Filters of the gallery, and the value under the pointer in charts. All text goes through textContent.

for (const bar of document.querySelectorAll(".filters")) {
  const wanted = {};
  const cards = [...document.querySelectorAll(".card")];
  const apply = () => {
    let shown = 0;
    for (const card of cards) {
      const fits = Object.entries(wanted).every(([key, value]) => value === "" || card.dataset[key] === value);
      card.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    document.getElementById("no-match").hidden = shown > 0;
  };
  bar.hidden = false;
  bar.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    wanted[button.dataset.filter] = button.dataset.value;
    for (const other of button.parentElement.querySelectorAll("button")) {
      other.setAttribute("aria-pressed", String(other === button));
    }
    apply();
  });
}

for (const plot of document.querySelectorAll(".plot")) {
  const points = JSON.parse(plot.dataset.points);
  const area = plot.querySelector(".area");
  const cursor = plot.querySelector(".cursor");
  const tip = plot.querySelector(".tip");
  const show = (visible) => { cursor.hidden = tip.hidden = !visible; };
  area.addEventListener("pointermove", (event) => {
    const box = area.getBoundingClientRect();
    const at = (100 * (event.clientX - box.left)) / box.width;
    let nearest = points[0];
    for (const point of points) if (Math.abs(point[0] - at) < Math.abs(nearest[0] - at)) nearest = point;
    cursor.style.left = tip.style.left = `${nearest[0]}%`;
    tip.classList.toggle("flip", nearest[0] > 60);
    tip.textContent = `step ${nearest[2]}: ${nearest[3]}`;
    show(true);
  });
  area.addEventListener("pointerleave", () => show(false));
}
