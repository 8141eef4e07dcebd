"""Replays the Dockerfiles without a Docker engine: python -m tests.images_check [--all-in-one]

buildah runs their steps in a chroot, from a base that debootstrap makes here and that bears the names of the real
ones. The gateway's image is then run as its user on a read-only root, and predicts through the embedded model server.
It proves the steps and the result, not limits, networking or the real base's packages. Needs root, buildah and
debootstrap.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from bench.processes import family, free_port, pss_mib
from tests.conftest import running_model_server

ROOT = Path(__file__).resolve().parent.parent
USER = "10001:10001"
LARGEST_GATEWAY_MB = 250
LARGEST_ALL_IN_ONE_MIB = 512
START_S = 30


def main() -> None:
    """Every step, with its seconds; the first that fails ends it."""
    work = Path(tempfile.mkdtemp(prefix="images-"))
    try:
        with step("base"):
            make_base(work)
        with step("model/Dockerfile"):
            build(work, "model/Dockerfile", "sports-model")
        with step("gateway/Dockerfile"):
            build(work, "gateway/Dockerfile", "sports-gateway")
        with mounted(work, "sports-gateway") as root:
            report_size(root)
            with step("gateway predicts"):
                predict(root, work)
        if "--all-in-one" in sys.argv[1:]:
            with step("Dockerfile.all-in-one"):
                build(work, "Dockerfile.all-in-one", "sports")
            with mounted(work, "sports") as root, step("all-in-one predicts"):
                predict_alone(root, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def step(name: str) -> Iterator[None]:
    start = time.monotonic()
    yield
    print(f"{name:<24} {time.monotonic() - start:6.1f} s", flush=True)


def run(*command: str | Path) -> str:
    done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


def buildah(work: Path, *arguments: str | Path) -> str:
    return run("buildah", "--root", work / "root", "--runroot", work / "run", "--storage-driver", "vfs", *arguments)


def base_names() -> set[str]:
    """What the Dockerfiles start from."""
    named = set()
    for dockerfile in ("gateway/Dockerfile", "model/Dockerfile", "Dockerfile.all-in-one"):
        text = (ROOT / dockerfile).read_text()
        named |= set(re.findall(r"^ARG PYTHON_IMAGE=(\S+)|^FROM (tensorflow/serving:\S+)", text, re.MULTILINE))
    return {f"docker.io/library/{python}" if python else f"docker.io/{serving}" for python, serving in named}


def make_base(work: Path) -> None:
    """A minimal Debian with Python, under the names of the real bases."""
    files, context = work / "rootfs", work / "base"
    packages = "ca-certificates,python3,python3-venv,python3-pip"
    mirrors = re.findall(r"https?://\S+/debian/?(?=\s|$)", sources())
    run("debootstrap", "--variant=minbase", f"--include={packages}", "bookworm", files, *mirrors[:1])
    (files / "usr/bin/python").symlink_to("python3")
    shutil.copyfile("/etc/ssl/certs/ca-certificates.crt", files / "etc/ssl/certs/ca-certificates.crt")
    context.mkdir()
    run("tar", "-C", files, "-cf", context / "base.tar", ".")
    shutil.rmtree(files)
    certificates = "/etc/ssl/certs/ca-certificates.crt"  # a fresh pip knows only its own authorities
    environment = f"ENV PIP_CERT={certificates} SSL_CERT_FILE={certificates} PIP_BREAK_SYSTEM_PACKAGES=1"
    (context / "Dockerfile").write_text(f"FROM scratch\nADD base.tar /\n{environment}\n")
    first, *others = sorted(base_names())
    buildah(work, "bud", "--isolation", "chroot", "-t", first, context)
    for name in others:
        buildah(work, "tag", first, name)
    shutil.rmtree(context)


def sources() -> str:
    files = [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")]
    return "\n".join(file.read_text() for file in files if file.is_file())


def build(work: Path, dockerfile: str, tag: str) -> None:
    # Without --format docker HEALTHCHECK would be dropped.
    options = ("--isolation", "chroot", "--format", "docker", "--pull-never")
    buildah(work, "bud", *options, "-f", ROOT / dockerfile, "-t", tag, ROOT)
    inspected = json.loads(buildah(work, "inspect", "--type", "image", tag))
    layers = len(inspected["OCIv1"]["rootfs"]["diff_ids"])
    print(f"{dockerfile:<24} {layers} layers here (the base's, and one for the last stage)")
    config = inspected["Docker"]["config"]
    assert config["User"] == USER, config["User"]
    if dockerfile != "model/Dockerfile":
        assert config["Healthcheck"]["Test"][0] == "CMD"


@contextmanager
def mounted(work: Path, tag: str) -> Iterator[Path]:
    container = buildah(work, "from", "--pull-never", tag).strip()
    try:
        yield Path(buildah(work, "mount", container).strip())
    finally:
        buildah(work, "rm", container)


def report_size(root: Path) -> None:
    """What the image adds to its base, in megabytes, and that TensorFlow isn't in it."""
    sizes = {part: int(run("du", "-sb", root / part).split()[0]) / 1e6 for part in ("venv", "app", "models")}
    print(f"{'gateway adds':<24} " + ", ".join(f"/{part} {size:.1f} MB" for part, size in sizes.items()))
    assert sum(sizes.values()) < LARGEST_GATEWAY_MB
    tensorflow = list(root.glob("venv/lib/*/site-packages/tensorflow"))
    assert tensorflow
    assert not list(tensorflow[0].rglob("*.so*"))
    assert not (tensorflow[0] / "__init__.py").exists()
    assert list((root / "models").glob("*/*/assets.extra/card.json"))


@contextmanager
def running(root: Path, command: str, volume: str = "", **environment: str) -> Iterator[int]:
    """The command in the image, as its user, on a read-only root with a small /tmp; its process id.

    The volume is the image's own folder, writable, with the owner that it has there, as a fresh one of Docker's is.
    """
    mounts = (
        f"mount --bind {root} {root} && mount -o remount,ro,bind {root} && mount -t tmpfs tmpfs {root}/tmp && "
        f"mount -t tmpfs tmpfs {root}/dev && mkdir -m 1777 {root}/dev/shm && mknod -m 666 {root}/dev/null c 1 3 && "
        f"mknod -m 666 {root}/dev/urandom c 1 9 && mount --bind /proc {root}/proc"
    )
    if volume:
        mounts += f" && mount --bind {root}{volume} {root}{volume} && mount -o remount,rw,bind {root}{volume}"
    variables = " ".join(
        f"{name}={value}" for name, value in {"PATH": "/venv/bin:/usr/bin:/bin", **environment}.items()
    )
    inside = f'exec chroot --userspec={USER} {root} env -i {variables} sh -c "cd /app && exec {command}"'
    process = subprocess.Popen(["unshare", "-m", "sh", "-ec", f"{mounts}; {inside}"], start_new_session=True)
    try:
        yield process.pid
        assert process.poll() is None
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def answer(port: int) -> None:
    """Wait until the image is ready, then have a sample classified."""
    deadline = time.monotonic() + START_S
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                break
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
    print(run("./predict_test.sh", f"http://127.0.0.1:{port}").strip())


def predict(root: Path, work: Path) -> None:
    port = free_port()
    gateway = "gunicorn -c gateway/gunicorn.conf.py 'gateway.app:create_app()'"
    model = ("--model_name=sports7", f"--model_base_path={ROOT / 'model' / 'sports7'}")
    with running_model_server(*model) as server:
        settings = {
            "PORT": str(port),
            "GATEWAY_MODEL_SERVER": server.address,
            "GATEWAY_MODEL_DIR": "/models",
            "GATEWAY_DATA_DIR": "/data",
        }
        with running(root, gateway, "/data", HOST="127.0.0.1", PYTHONDONTWRITEBYTECODE="1", **settings):
            answer(port)
            show(port)
    assert (root / "data" / "history.db").exists(), "no history was written"


def show(port: int) -> None:
    """The page and its samples are in the image."""
    page = requests.get(f"http://127.0.0.1:{port}/", headers={"Accept": "text/html"}, timeout=5)
    script = re.search(r'"(assets/[^/"]+/app\.js)"', page.text)
    assert script, "the page names no script"
    assert requests.get(f"http://127.0.0.1:{port}/{script[1]}", timeout=5).ok, "the page's script isn't there"
    assert len(requests.get(f"http://127.0.0.1:{port}/samples", timeout=5).json()["samples"]) == 7


def predict_alone(root: Path, work: Path) -> None:
    port = free_port()
    # Without a volume: what it can't keep must not hinder the answers.
    places = {"XDG_CACHE_HOME": "/cache", "XDG_STATE_HOME": "/tmp", "HOME": "/tmp", "GATEWAY_DATA_DIR": "/data"}
    ports = {
        "PORT": str(port),
        "MODEL_PORT": str(free_port()),
        "MODEL_REST_PORT": str(free_port()),
        "GATEWAY_WORKERS": "1",
    }
    with running(root, "python run.py", HOST="127.0.0.1", PYTHONDONTWRITEBYTECODE="1", **places, **ports) as pid:
        answer(port)
        for _ in range(50):
            run("./predict_test.sh", f"http://127.0.0.1:{port}")
        memory = sum(map(pss_mib, family(pid)))
        print(f"{'all-in-one holds':<24} {memory:.0f} MiB")
        assert memory < LARGEST_ALL_IN_ONE_MIB


if __name__ == "__main__":
    main()
