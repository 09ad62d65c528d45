"""Event files as the tensorboard package (2.21, `pip install tensorboard`) writes and reads them.

    python make.py write events.bin     # the bytes that views/board/record.rs compares with
    python make.py read RUN             # what TensorBoard reads in a run's folder, held against its events.jsonl
"""

import json
import pathlib
import sys


def write(path):
    from tensorboard.compat.proto.event_pb2 import Event, SessionLog
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.record_writer import RecordWriter

    values = [("loss/train", 0.7531), ("learning_rate", 1e-3), ("images_per_second", 0.0)]
    values = [Summary.Value(tag=tag, simple_value=value) for tag, value in values]
    events = [
        Event(wall_time=1_700_000_000.25, file_version="brain.Event:2"),
        Event(wall_time=1_700_000_000.5, step=300, session_log=SessionLog(status=SessionLog.START)),
        Event(wall_time=1_700_000_001.0, step=1, summary=Summary(value=values)),
        Event(wall_time=1_700_000_002.0, step=12_345_678_901, summary=Summary(value=values[:1])),
    ]
    with open(path, "wb") as file:
        writer = RecordWriter(file)
        for event in events:
            writer.write(event.SerializeToString())
        writer.flush()


def read(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = EventAccumulator(str(run), size_guidance={"scalars": 0, "tensors": 0})
    board.Reload()
    scalars = {tag: {s.step: s.value for s in board.Scalars(tag)} for tag in board.Tags()["scalars"]}
    lines = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    compared = 0

    def compare(tag, step, wanted):
        nonlocal compared
        found = scalars[tag][step]
        assert abs(found - wanted) <= 1e-6 * max(1.0, abs(wanted)), (tag, step, found, wanted)
        compared += 1

    step = 0
    for line in lines:
        if line["event"] == "step":
            step = (line["epoch"] - 1) * line["steps"] + line["step"]
            compare("loss/train", step, line["batch_loss"])
            compare("learning_rate", step, line["rate"])
            compare("images_per_second", step, line["images_per_second"])
            steps = line["steps"]
        elif line["event"] == "epoch":
            validation = line["validation"]
            compare("loss/validation", line["epoch"] * steps, validation["loss"])
            compare("validation/" + validation["metric"], line["epoch"] * steps, validation["value"])
    print({tag: len(points) for tag, points in scalars.items()}, f"{compared} values of events.jsonl are the same")


if __name__ == "__main__":
    {"write": write, "read": read}[sys.argv[1]](pathlib.Path(sys.argv[2]))
