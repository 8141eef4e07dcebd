"""A gateway as it is usually built for this job, to measure ours against.

keras-image-helper fetches and prepares, `tf.make_tensor_proto` packs, one gRPC call asks. Uploads, which the usual
gateway hasn't got, take keras-image-helper's own way from an image to a tensor.
"""

import io
import os

import grpc
import tensorflow as tf
from flask import Flask, Response, jsonify, request
from keras_image_helper import create_preprocessor
from PIL import Image
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

LABELS = ["badminton", "cricket", "karate", "soccer", "swimming", "tennis", "wrestling"]

app = Flask(__name__)
preprocessor = create_preprocessor("inception_v3", target_size=(299, 299))
channel = grpc.insecure_channel(os.environ["REFERENCE_MODEL_SERVER"])
stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)


@app.get("/ping")
def ping() -> str:
    return "pong"


@app.post("/predict")
def predict() -> Response:
    if request.is_json:
        tensor = preprocessor.from_url(request.get_json()["url"])
    else:
        tensor = preprocessor.convert_to_tensor(Image.open(io.BytesIO(request.get_data())))
    asked = predict_pb2.PredictRequest()
    asked.model_spec.name = "sports7"
    asked.model_spec.signature_name = "serving_default"
    asked.inputs["images"].CopyFrom(tf.make_tensor_proto(tensor, shape=tensor.shape))
    answered = stub.Predict(asked, timeout=20.0)
    scores = answered.outputs["probabilities"].float_val
    return jsonify(dict(zip(LABELS, scores, strict=True)))
