// The colours that the reader chose, before anything is drawn in others.
document.documentElement.classList.add("scripted");
try {
  document.documentElement.dataset.theme = localStorage.getItem("theme") ?? "";
} catch {
  // the browser is told to remember nothing
}
