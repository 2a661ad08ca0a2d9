"use strict";
// Sort a table by its column heads, and filter its rows. Without scripts the tables stand as they were built.
(() => {
  const value = (row, column) => {
    const cell = row.cells[column], given = cell.dataset.sort;
    const text = given === undefined ? cell.textContent.trim() : given;
    const number = Number(text);
    return text !== "" && !Number.isNaN(number) ? number : text.toLowerCase();
  };
  const compare = (one, other) => typeof one === "number" && typeof other === "number" ? one - other
    : String(one).localeCompare(String(other));

  for (const table of document.querySelectorAll("table[data-sortable]")) {
    const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") !== "descending";
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const rows = [...body.rows].sort((one, other) => compare(value(one, column), value(other, column)) * (down ? -1 : 1));
        body.append(...rows);
      });
    });
  }

  const table = document.querySelector("table[data-filtered]");
  if (!table) return;
  const words = document.querySelector("[data-filter]"), controls = document.querySelector("[data-controls]");
  const count = document.querySelector("[data-count]");
  const apply = () => {
    const wanted = words.value.trim().toLowerCase().split(/\s+/);
    let visible = 0;
    for (const row of table.tBodies[0].rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !wanted.every((word) => text.includes(word)) || (!controls.checked && row.classList.contains("control"));
      visible += row.hidden ? 0 : 1;
    }
    count.textContent = visible + (visible === 1 ? " row" : " rows");
  };
  words.addEventListener("input", apply);
  controls.addEventListener("change", apply);
  apply();
})();
