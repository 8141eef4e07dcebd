"""A client of the service's HTTP API: `Client` in Python, `python -m gateway.client` on the command line.

It needs nothing of the server, only requests, and rich for the command line.
"""

from gateway.client.answers import Guess, Page, Prediction, Source
from gateway.client.client import Client
from gateway.client.errors import ClientError, Refused, ServiceUnreachable

__all__ = ["Client", "ClientError", "Guess", "Page", "Prediction", "Refused", "ServiceUnreachable", "Source"]
