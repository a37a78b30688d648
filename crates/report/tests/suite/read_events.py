"""Reads a folder of event files with TensorBoard's own reader and prints what is in it as JSON.

    pip install tensorboard
    python read_events.py FOLDER
"""

import json
import sys

from tensorboard.backend.event_processing import event_accumulator

FOLDER = sys.argv[1]
reader = event_accumulator.EventAccumulator(FOLDER, size_guidance={kind: 0 for kind in (
    event_accumulator.SCALARS,
    event_accumulator.HISTOGRAMS,
    event_accumulator.IMAGES,
    event_accumulator.TENSORS,
)})
reader.Reload()
tags = reader.Tags()


def histogram(event):
    value = event.histogram_value
    return {
        "step": event.step,
        "min": value.min,
        "max": value.max,
        "num": value.num,
        "sum": value.sum,
        "sum_squares": value.sum_squares,
        "limits": list(value.bucket_limit),
        "counts": list(value.bucket),
    }


def image(event):
    return {"step": event.step, "width": event.width, "height": event.height, "png": event.encoded_image_string.hex()}


print(json.dumps({
    "scalars": {tag: [[e.step, e.value] for e in reader.Scalars(tag)] for tag in tags["scalars"]},
    "histograms": {tag: [histogram(e) for e in reader.Histograms(tag)] for tag in tags["histograms"]},
    "images": {tag: [image(e) for e in reader.Images(tag)] for tag in tags["images"]},
    "texts": {
        tag: [[e.step, e.tensor_proto.string_val[0].decode()] for e in reader.Tensors(tag)] for tag in tags["tensors"]
    },
}))
