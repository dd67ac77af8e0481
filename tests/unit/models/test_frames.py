"""Streams by bytes: what goes on, what waits for the record, what is told again."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_provider import DONE, FRAMES, USAGE, USAGE_CHUNK, chunk, whole
from headrace_gateway.models.frames import Frames, text_of
from headrace_gateway.models.replay import as_stream, as_whole

CONTENT = b"".join(FRAMES[:3])
STREAM = b"".join(FRAMES)


def fed(*pieces: bytes, keep_usage: bool = False) -> tuple[bytes, Frames]:
    frames = Frames(keep_usage=keep_usage)
    return b"".join(frames.feed(piece) for piece in pieces), frames


def test_content_goes_on_and_usage_and_the_end_wait():
    onward, frames = fed(*FRAMES)
    assert onward == CONTENT
    assert frames.whole
    assert frames.usage.output_tokens == USAGE["completion_tokens"]
    assert frames.recorded() == CONTENT + USAGE_CHUNK


@given(st.lists(st.integers(min_value=0, max_value=len(STREAM)), max_size=8))
def test_it_does_not_matter_where_the_network_cuts(cuts):
    edges = [0, *sorted(cuts), len(STREAM)]
    onward, frames = fed(*(STREAM[a:b] for a, b in pairwise(edges)))
    assert onward == CONTENT
    assert frames.recorded() == CONTENT + USAGE_CHUNK
    assert frames.whole
    assert frames.usage.input_tokens == USAGE["prompt_tokens"]


@pytest.mark.parametrize("end", [b"\r\n\r\n", b"\n\n"])
def test_both_ends_of_lines_are_read(end):
    pieces = [frame.replace(b"\n\n", end) for frame in FRAMES]
    onward, frames = fed(b"".join(pieces))
    assert onward == b"".join(pieces[:3])
    assert frames.whole


def test_a_frame_leaves_as_soon_as_it_is_whole():
    frames = Frames(keep_usage=False)
    assert frames.feed(FRAMES[0]) == FRAMES[0]
    assert frames.feed(FRAMES[1][:10]) == b""
    assert frames.feed(FRAMES[1][10:]) == FRAMES[1]


def test_usage_that_rides_on_content_goes_on_with_it():
    both = chunk("end", "stop", usage=USAGE)
    onward, frames = fed(both, DONE)
    assert onward == both
    assert frames.usage.output_tokens == 4


def test_usage_that_is_null_is_no_usage():
    frame = chunk("a", usage=None)
    onward, frames = fed(frame)
    assert onward == frame
    assert frames.usage_frame is None


def test_a_stream_that_stops_before_its_end_is_not_whole():
    _, frames = fed(FRAMES[0])
    assert not frames.whole


def test_a_finish_without_the_end_marker_is_an_end():
    _, frames = fed(FRAMES[0], FRAMES[2])
    assert frames.whole


def test_an_error_within_the_stream_is_no_end():
    onward, frames = fed(FRAMES[0], b'data: {"error": {"message": "Overloaded."}}\n\n')
    assert onward == FRAMES[0]
    assert frames.error is not None
    assert not frames.whole


def test_comments_and_odd_frames_pass():
    odd = b": ping\n\ndata: no json\n\n"
    onward, _ = fed(odd)
    assert onward == odd


def test_the_last_frame_is_given_to_who_asked_for_usage():
    _, frames = fed(*FRAMES, keep_usage=True)
    assert frames.last({"headrace": {"cost": "1"}})["headrace"] == {"cost": "1"}
    _, frames = fed(*FRAMES, keep_usage=False)
    assert frames.last({}) is None


def test_the_text_of_frames_is_what_they_add():
    assert text_of(STREAM) == "Hello."


def data(stream: bytes) -> list[dict]:
    frames = [f.removeprefix(b"data: ") for f in stream.split(b"\n\n") if f]
    assert frames[-1] == b"[DONE]"
    return [json.loads(frame) for frame in frames[:-1]]


def test_a_recorded_stream_is_told_as_a_stream():
    told = as_stream(CONTENT + USAGE_CHUNK, streamed=True, include_usage=False)
    assert "".join(c["choices"][0]["delta"].get("content", "") for c in data(told)) == "Hello."
    told = as_stream(CONTENT + USAGE_CHUNK, streamed=True, include_usage=True)
    assert data(told)[-1]["usage"] == USAGE


def test_a_recorded_stream_is_told_whole():
    told = json.loads(as_whole(CONTENT + USAGE_CHUNK, streamed=True))
    (choice,) = told["choices"]
    assert choice["message"] == {"role": "assistant", "content": "Hello."}
    assert (choice["finish_reason"], told["usage"]) == ("stop", USAGE)
    assert told["object"] == "chat.completion"


def test_a_recorded_answer_is_told_as_it_was():
    recorded = json.dumps(whole()).encode()
    assert as_whole(recorded, streamed=False) is recorded


def test_a_recorded_answer_is_told_as_a_stream_and_back():
    answer = whole("Rivers.")
    answer["choices"][0]["message"]["tool_calls"] = [
        {"id": "t-1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        {"id": "t-2", "type": "function", "function": {"name": "g", "arguments": '{"a":1}'}},
    ]
    told = as_stream(json.dumps(answer).encode(), streamed=False, include_usage=True)
    back = json.loads(as_whole(told, streamed=True))
    assert back["choices"] == answer["choices"]
    assert back["usage"] == answer["usage"]
