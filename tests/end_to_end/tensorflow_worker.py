"""A process in which TensorFlow is loaded once, for many commands: python -m tests.end_to_end.tensorflow_worker

Each line on standard input is a JSON list: `trainer` and a command's arguments, or `program`, a text of Python and its
arguments. It is answered by a line: [exit status, standard output, standard error].
"""

import contextlib
import io
import json
import os
import sys
import traceback

import keras
import tensorflow as tf  # noqa: F401  # what the commands would load one by one

from trainer import __main__ as trainer
from trainer import served


def run(kind: str, arguments: list[str]) -> int:
    """Do what a line says; the exit status."""
    if kind == "trainer":
        return trainer.main(arguments)
    program, *rest = arguments
    sys.argv = ["-c", *rest]
    exec(compile(program, "program", "exec"), {"__name__": "__main__"})  # noqa: S102
    return 0


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what TensorFlow and children print is no answer
    for line in sys.stdin:
        kind, *arguments = json.loads(line)
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                status = run(kind, arguments)
            except SystemExit as exit_:
                status = exit_.code if isinstance(exit_.code, int) else 1
            except BaseException:
                traceback.print_exc()
                status = 1
        keras.backend.clear_session()
        served._loaded.cache_clear()
        print(json.dumps([status, out.getvalue(), err.getvalue()]), file=answers)


if __name__ == "__main__":
    main()
