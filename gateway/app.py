"""The application: builds each part once and hands it to those who need it."""

import atexit

from flask import Flask

from gateway import (
    __version__,
    api,
    cors,
    health,
    openapi,
    pages,
    predictions,
    problems,
    samples,
    siblings,
    viewers,
    watching,
)
from gateway.admission import Admission
from gateway.cards import Cards
from gateway.classifier import Classifier
from gateway.fetch import Fetcher
from gateway.history.history import History
from gateway.metrics import Metrics
from gateway.patience import Patience
from gateway.recorder import Recorder
from gateway.serving import ModelServer
from gateway.settings import Address, Settings, load
from gateway.slots import DecodeSlots
from gateway.uploads import FORM_OVERHEAD_BYTES, UploadRequest, Uploads


def create_app(
    settings: Settings | None = None,
    address: Address | None = None,
    metrics: Metrics | None = None,
    history: History | None = None,
) -> Flask:
    """The gateway as a WSGI application.

    Call it after a fork: it opens the gRPC channel.

    Args:
        settings: Every option; None reads the environment.
        address: Where it listens: the metrics' port opens on the same host. None reads the environment.
        metrics: What is counted; None makes its own.
        history: Where predictions are kept; None opens what the settings say. Who gives it closes it.
    """
    if settings is None or address is None:
        from_environment = load()
        settings, address = settings or from_environment[0], address or from_environment[1]
    server = ModelServer(settings.model_server)
    cards = Cards(settings.model_dir, server, settings.default_model)
    admission = Admission(settings.max_in_flight)
    classifier = Classifier(cards, server, DecodeSlots(), admission)
    patience = Patience()
    fetcher = Fetcher(
        settings.allowed_networks, settings.allowed_ports, settings.fetch_timeout_s, settings.max_upload_bytes, patience
    )
    uploads = Uploads(fetcher, settings.max_upload_bytes, patience)

    metrics = metrics or Metrics()
    if history is None and settings.history:
        history = History(settings, metrics.history_rows)
        atexit.register(history.close)
    recorder = Recorder(history, classifier)

    app = Flask(__name__, static_folder=None)
    app.request_class = UploadRequest
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the card's order is an answer's order
    app.config["MAX_CONTENT_LENGTH"] = settings.max_upload_bytes + FORM_OVERHEAD_BYTES
    watching.install(app, metrics)
    problems.install(app)
    parts = (settings, cards, classifier, uploads, admission, recorder)
    app.register_blueprint(api.blueprint(*parts))
    app.register_blueprint(siblings.blueprint(*parts))
    app.register_blueprint(predictions.blueprint(settings, classifier, uploads, admission, recorder, history))
    app.register_blueprint(pages.blueprint(settings, classifier, uploads, admission, recorder))
    app.register_blueprint(samples.blueprint())
    app.register_blueprint(health.blueprint(cards))
    app.register_blueprint(openapi.blueprint(__version__))
    app.register_blueprint(viewers.blueprint())
    cors.install(app, settings.cors_origins)
    if settings.metrics_port:
        metrics.serve(address.host, settings.metrics_port)
    return app
