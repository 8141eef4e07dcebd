"""MLServer: python -m bench.rivals.mlserver_server PORT RUNTIME

POST /predict, a custom handler's route, with a JPEG as the body or {"url": URL}. Adaptive batching is on. There are no
parallel workers: each would load the model, and handlers that run in one get no batches.
"""

import asyncio
import sys

import numpy as np
from fastapi import Request
from mlserver import MLModel, MLServer, ModelSettings, Settings
from mlserver.codecs import NumpyCodec
from mlserver.context import model_context
from mlserver.handlers import custom_handler
from mlserver.settings import ModelParameters
from mlserver.types import InferenceRequest, InferenceResponse, RequestInput

from bench.rivals.common import BATCH_WAIT_S, MAX_BATCH_SIZE, answer, classifier, fetched, picture


class Sports(MLModel):
    """The model; its settings' parameters name the runtime."""

    async def load(self) -> bool:
        """Load the model."""
        self._classify = classifier(self.settings.parameters.extra["runtime"])
        return True

    @custom_handler(rest_path="/predict")
    async def answer(self, request: Request) -> dict[str, float]:
        """The answer to a request, whose picture joins a batch."""
        if request.headers["content-type"] == "application/json":
            data = await asyncio.to_thread(fetched, (await request.json())["url"])
        else:
            data = await request.body()
        image = await asyncio.to_thread(picture, data)
        # An array in a list stays an array: the codec would make a list of a quarter of a million numbers.
        images = RequestInput(name="images", datatype="FP32", shape=[1, *image.shape], data=[image])
        with model_context(self.settings):  # which a batch's metrics ask for
            answered = await self.predict(InferenceRequest(inputs=[images]))
        return answer(answered.outputs[0].data)

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """A row of probabilities for each picture of a batch."""
        probabilities = await asyncio.to_thread(self._classify, np.stack(list(payload.inputs[0].data)))
        outputs = [NumpyCodec.encode_output("probabilities", probabilities)]
        return InferenceResponse(model_name=self.name, outputs=outputs)


async def serve(port: int, runtime: str) -> None:
    server = MLServer(
        Settings(debug=False, host="127.0.0.1", http_port=port, grpc_port=0, metrics_endpoint=None, parallel_workers=0)
    )
    model = ModelSettings(
        name="sports7", implementation=Sports, max_batch_size=MAX_BATCH_SIZE, max_batch_time=BATCH_WAIT_S,
        parameters=ModelParameters(extra={"runtime": runtime}),
    )  # fmt: skip
    await server.start([model])


def main(port: str, runtime: str) -> None:
    asyncio.run(serve(int(port), runtime))


if __name__ == "__main__":
    main(*sys.argv[1:])
