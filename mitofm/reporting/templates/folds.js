// Opens the part that the address names (report.html#part-1-3), all parts before printing, and all on demand.
(() => {
  const parts = [...document.querySelectorAll("details")];
  const reveal = () => {
    const target = location.hash.length > 1 && !location.hash.includes("=") && document.getElementById(location.hash.slice(1));
    if (!target) return;
    for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    target.scrollIntoView();
  };
  const button = document.querySelector("#open");
  const set = (open) => {
    for (const part of parts) part.open = open;
    button.textContent = open ? "Close all" : "Open all";
  };
  button.hidden = false;
  button.addEventListener("click", () => set(button.textContent === "Open all"));
  addEventListener("beforeprint", () => set(true));
  addEventListener("hashchange", reveal);
  reveal();
})();
