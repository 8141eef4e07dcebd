"""How is the gRPC API encrypted? As a text-format `SSLConfig` says."""

from pathlib import Path

import grpc

from model.errors import ConfigError
from model.text_protos import BOOL, STRING, message_class, read_text

_SSLConfig = message_class(
    "SSLConfig", {"server_key": STRING, "server_cert": STRING, "custom_ca": STRING, "client_verify": BOOL}
)


def credentials(path: Path) -> grpc.ServerCredentials:
    """What the file holds: key and certificate of the server, the clients' authority, and whether they must show one.

    Raises:
        ConfigError: It can't be read, or lacks key or certificate.
    """
    config = read_text(path, _SSLConfig(), "SSLConfig")
    if not config.server_key or not config.server_cert:
        raise ConfigError(f"{path} must hold server_key and server_cert, in PEM.")
    if config.client_verify and not config.custom_ca:
        raise ConfigError(f"{path}: client_verify needs custom_ca, in PEM.")
    pair = (config.server_key.encode(), config.server_cert.encode())
    return grpc.ssl_server_credentials([pair], config.custom_ca.encode() or None, config.client_verify)
