"""Another project's client, in a process without this one's packages: prints what half_plus_two answers."""

import json
import sys

import numpy as np
from min_tfs_client.requests import TensorServingClient
from min_tfs_client.tensors import tensor_proto_to_ndarray

client = TensorServingClient(host="127.0.0.1", port=int(sys.argv[1]))
x = {"x": np.array([[2.0], [4.0]], np.float32)}
answered = {}
for version in (None, 123):
    response = client.predict_request("half_plus_two", x, timeout=10, model_version=version)
    answered[str(version)] = tensor_proto_to_ndarray(response.outputs["y"]).tolist()
try:
    client.predict_request("none", x, timeout=10)
except Exception as error:
    answered["error"] = error.details()
print(json.dumps(answered))
