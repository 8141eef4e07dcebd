// The native scrollbars need no style of their own, which the page's policy would forbid.
const options = { hideLoading: true, disableSearch: true, nativeScrollbars: true };
Redoc.init("openapi.json", options, document.getElementById("viewer"));
