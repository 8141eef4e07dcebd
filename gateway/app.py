"""The application: builds each part once and hands it to those who need it."""

from flask import Flask

from gateway import api, health, problems
from gateway.cards import Cards
from gateway.classifier import Classifier
from gateway.fetch import Fetcher
from gateway.patience import Patience
from gateway.serving import ModelServer
from gateway.settings import Settings, load
from gateway.slots import DecodeSlots
from gateway.uploads import FORM_OVERHEAD_BYTES, UploadRequest, Uploads


def create_app(settings: Settings | None = None) -> Flask:
    """The gateway as a WSGI application.

    Call it after a fork: it opens the gRPC channel.

    Args:
        settings: Every option; None reads the environment.
    """
    settings = settings or load()[0]
    server = ModelServer(settings.model_server)
    cards = Cards(settings.model_dir, server, settings.default_model)
    classifier = Classifier(cards, server, DecodeSlots())
    patience = Patience()
    fetcher = Fetcher(
        settings.allowed_networks, settings.allowed_ports, settings.fetch_timeout_s, settings.max_upload_bytes, patience
    )
    uploads = Uploads(fetcher, settings.max_upload_bytes, patience)

    app = Flask(__name__, static_folder=None)
    app.request_class = UploadRequest
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the card's order is an answer's order
    app.config["MAX_CONTENT_LENGTH"] = settings.max_upload_bytes + FORM_OVERHEAD_BYTES
    problems.install(app)
    app.register_blueprint(api.blueprint(settings, cards, classifier, uploads))
    app.register_blueprint(health.blueprint(cards))
    return app
