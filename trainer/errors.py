"""What stops a run: a sentence for the person who started it."""


class TrainerError(Exception):
    """Its text names the file, the class or the option that has to change."""
