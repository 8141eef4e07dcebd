"""The Flask gateway: a picture or its URL in, an answer out."""

__version__ = "0.1.0"
