"""Anthropic's own SDK, unmodified: a JSON turn, a streamed turn, a tool turn, a token count, the models.

Takes KEYWRIGHT_TEST_BASE_URL (without /v1) and KEYWRIGHT_TEST_TOKEN. Prints one line of JSON of what
it saw; ends with 1 and a sentence on standard error when something is not as it should be.
"""

import anthropic
from expect import base_url, expect, finish, model, token

WEATHER = {
    "name": "get_weather",
    "description": "The weather in a city.",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}


def text_of(message):
    return "".join(block.text for block in message.content if block.type == "text")


def json_turn(client):
    message = client.messages.create(
        model=model(), max_tokens=1000, messages=[{"role": "user", "content": "hello from a JSON turn"}]
    )
    expect("JSON turn: stop reason", message.stop_reason, "end_turn")
    expect("JSON turn: quotes the message", "hello from a JSON turn" in text_of(message), True)
    expect("JSON turn: tokens", message.usage.input_tokens > 0 and message.usage.output_tokens > 0, True)
    return {
        "text": text_of(message),
        "inputTokens": message.usage.input_tokens,
        "outputTokens": message.usage.output_tokens,
        "requestId": message._request_id,
    }


def streamed_turn(client):
    pieces = []
    with client.messages.stream(
        model=model(), max_tokens=1000, messages=[{"role": "user", "content": "hello from a stream"}]
    ) as stream:
        for piece in stream.text_stream:
            pieces.append(piece)
        message = stream.get_final_message()
    expect("stream: several pieces", len(pieces) > 3, True)
    expect("stream: the pieces are the whole", "".join(pieces), text_of(message))
    expect("stream: quotes the message", "hello from a stream" in text_of(message), True)
    expect("stream: tokens", message.usage.input_tokens > 0 and message.usage.output_tokens > 1, True)
    return {
        "text": text_of(message),
        "pieces": len(pieces),
        "inputTokens": message.usage.input_tokens,
        "outputTokens": message.usage.output_tokens,
    }


def tool_turn(client):
    messages = [{"role": "user", "content": "Please call get_weather for me"}]
    with client.messages.stream(model=model(), max_tokens=1000, tools=[WEATHER], messages=messages) as stream:
        asked = stream.get_final_message()
    expect("tool turn: stop reason", asked.stop_reason, "tool_use")
    call = next(block for block in asked.content if block.type == "tool_use")
    expect("tool turn: name", call.name, "get_weather")
    expect("tool turn: arguments", sorted(call.input), ["city"])
    messages += [
        {"role": "assistant", "content": asked.content},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "18 degrees and windy"}],
        },
    ]
    answer = client.messages.create(model=model(), max_tokens=1000, tools=[WEATHER], messages=messages)
    expect("tool turn: quotes the result", "18 degrees and windy" in text_of(answer), True)
    return {"name": call.name, "arguments": call.input, "answer": text_of(answer)}


def count(client):
    counted = client.messages.count_tokens(model=model(), messages=[{"role": "user", "content": "count me"}])
    expect("count", counted.input_tokens > 0, True)
    return counted.input_tokens


def main():
    client = anthropic.Anthropic(base_url=base_url(), api_key=token(), max_retries=0)
    models = [entry.id for entry in client.models.list()]
    expect("models: some", len(models) > 0, True)
    expect("models: by pages", [entry.id for entry in client.models.list(limit=1)], models)
    expect("models: one", client.models.retrieve(models[0]).id, models[0])
    finish(
        sdk=f"anthropic {anthropic.__version__}",
        json=json_turn(client),
        stream=streamed_turn(client),
        tool=tool_turn(client),
        count=count(client),
        models=models,
    )


main()
