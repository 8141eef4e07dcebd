"""One prediction with requests: python gateway/predict_test.py [BASE_URL] [URL_OR_FILE]"""

import sys
from pathlib import Path

import requests

SAMPLE = Path(__file__).resolve().parent.parent / "samples" / "tennis.jpg"


def main(base: str = "http://127.0.0.1:9696", picture: str = str(SAMPLE)) -> int:
    """Print every class' probability; the exit status."""
    predict, query = f"{base}/predict", {"show_probability": "true"}
    try:
        if picture.startswith(("http://", "https://")):
            response = requests.post(predict, params=query, json={"url": picture}, timeout=30)
        else:
            with open(picture, "rb") as file:
                response = requests.post(predict, params=query, files={"file": file}, timeout=30)
    except (OSError, requests.RequestException) as error:
        print(f"predict_test.py: {error}", file=sys.stderr)
        return 1
    print(response.text, end="")
    return 0 if response.ok else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
