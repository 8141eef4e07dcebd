// The colours that the reader chose, before anything is drawn in others.
document.documentElement.dataset.theme = localStorage.getItem("theme") ?? "";
document.documentElement.classList.add("scripted");
