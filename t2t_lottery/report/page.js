"use strict";
// A click on a column heading sorts by the column, a second click reverses the order. Rows of one tbody stay together;
// rows without a value come last.
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const table = button.closest("table");
    const head = button.closest("th");
    const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    const key = (body) => body.rows[0].cells[Number(button.dataset.column)].dataset.value;
    const bodies = [...table.tBodies].sort((one, other) => {
      const [a, b] = [key(one), key(other)];
      if (a === "" || b === "") return (a === "") - (b === "");
      const difference = Number(a) - Number(b);
      return sign * (Number.isNaN(difference) ? a.localeCompare(b) : difference);
    });
    for (const other of table.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    table.append(...bodies);
  });
}
