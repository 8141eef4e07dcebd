"""The document as JSON, for a linter or a generator: python -m gateway.openapi"""

import json

from gateway import __version__
from gateway.openapi.description import document

if __name__ == "__main__":
    print(json.dumps(document(__version__), indent=2))
