Redoc.init("openapi.json", { hideLoading: true, disableSearch: true }, document.getElementById("viewer"));
