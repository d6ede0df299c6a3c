// Hides what is about other models, adaptations or domains than the chosen ones; what names none of a kind stays.
// The choice is in the address (report.html#backbone=uni&adaptation=lora), so that a link keeps it.
(() => {
  const selects = [...document.querySelectorAll("#filters select")];
  const marked = [...document.querySelectorAll("[data-about]")].map((element) => [element, element.dataset.about.split(" ")]);
  const shown = document.querySelector("#filters output");
  const narrow = () => {
    const chosen = selects.filter((select) => select.value).map((select) => [select.name, select.value]);
    let hidden = 0;
    for (const [element, about] of marked) {
      element.hidden = chosen.some(([kind, token]) => !about.includes(token) && about.some((one) => one.startsWith(kind)));
      hidden += element.hidden;
    }
    for (const section of document.querySelectorAll("[data-section]")) {
      const parts = [...section.querySelectorAll("[data-about]")];
      section.hidden = parts.length > 0 && parts.every((part) => part.hidden);
    }
    shown.textContent = chosen.length ? `${marked.length - hidden} of ${marked.length} rows and figures shown; the sentences at the top are about all.` : "";
  };
  const read = () => {
    if (location.hash.length > 1 && !location.hash.includes("=")) return narrow(); // the address of a part
    const asked = new URLSearchParams(location.hash.slice(1));
    for (const select of selects) {
      const option = [...select.options].find((one) => one.text === asked.get(select.name));
      select.value = option ? option.value : "";
    }
    narrow();
  };
  const write = () => {
    location.hash = new URLSearchParams(selects.filter((one) => one.value).map((one) => [one.name, one.selectedOptions[0].text]));
  };
  for (const select of selects) select.addEventListener("change", write);
  addEventListener("hashchange", read);
  document.querySelector("#filters").hidden = false;
  read();
})();
