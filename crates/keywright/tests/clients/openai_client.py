"""OpenAI's own SDK, unmodified: JSON, streamed and tool turns in Chat Completions and in Responses,
embeddings, the models.

Takes KEYWRIGHT_TEST_BASE_URL (without /v1) and KEYWRIGHT_TEST_TOKEN. Prints one line of JSON of what
it saw; ends with 1 and a sentence on standard error when something is not as it should be.
"""

import json

import openai
from expect import base_url, expect, finish, model, token

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


def chat_json(client):
    completion = client.chat.completions.create(
        model=model(), messages=[{"role": "user", "content": "hello from a JSON turn"}]
    )
    choice = completion.choices[0]
    expect("chat, JSON: finish reason", choice.finish_reason, "stop")
    expect("chat, JSON: quotes the message", "hello from a JSON turn" in choice.message.content, True)
    usage = completion.usage
    expect("chat, JSON: tokens", usage.total_tokens, usage.prompt_tokens + usage.completion_tokens)
    return {
        "text": choice.message.content,
        "inputTokens": usage.prompt_tokens,
        "outputTokens": usage.completion_tokens,
        "requestId": completion._request_id,
    }


def chat_stream(client):
    pieces, usage = [], None
    for chunk in client.chat.completions.create(
        model=model(),
        messages=[{"role": "user", "content": "hello from a stream"}],
        stream=True,
        stream_options={"include_usage": True},
    ):
        usage = chunk.usage or usage
        pieces += [choice.delta.content for choice in chunk.choices if choice.delta.content]
    text = "".join(pieces)
    expect("chat, stream: several pieces", len(pieces) > 3, True)
    expect("chat, stream: quotes the message", "hello from a stream" in text, True)
    expect("chat, stream: tokens", usage is not None and usage.completion_tokens > 1, True)
    return {
        "text": text,
        "pieces": len(pieces),
        "inputTokens": usage.prompt_tokens,
        "outputTokens": usage.completion_tokens,
    }


def chat_tool(client):
    tools = [{"type": "function", "function": {"name": "get_weather", "strict": True, "parameters": SCHEMA}}]
    messages = [{"role": "user", "content": "Please call get_weather for me"}]
    with client.chat.completions.stream(model=model(), messages=messages, tools=tools) as stream:
        asked = stream.get_final_completion().choices[0]
    expect("chat, tool: finish reason", asked.finish_reason, "tool_calls")
    call = asked.message.tool_calls[0]
    arguments = json.loads(call.function.arguments)
    expect("chat, tool: name", call.function.name, "get_weather")
    expect("chat, tool: arguments", sorted(arguments), ["city"])
    messages += [
        {
            "role": "assistant",
            "tool_calls": [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.function.name, "arguments": call.function.arguments},
                }
            ],
        },
        {"role": "tool", "tool_call_id": call.id, "content": "18 degrees and windy"},
    ]
    answer = client.chat.completions.create(model=model(), messages=messages, tools=tools)
    text = answer.choices[0].message.content
    expect("chat, tool: quotes the result", "18 degrees and windy" in text, True)
    return {"name": call.function.name, "arguments": arguments, "answer": text}


def responses_json(client):
    response = client.responses.create(model=model(), input="hello from a JSON turn")
    expect("responses, JSON: status", response.status, "completed")
    expect("responses, JSON: quotes the message", "hello from a JSON turn" in response.output_text, True)
    usage = response.usage
    expect("responses, JSON: tokens", usage.total_tokens, usage.input_tokens + usage.output_tokens)
    return {
        "text": response.output_text,
        "inputTokens": usage.input_tokens,
        "outputTokens": usage.output_tokens,
        "requestId": response._request_id,
    }


def responses_stream(client):
    kinds, pieces = [], []
    with client.responses.stream(model=model(), input="hello from a stream") as stream:
        for event in stream:
            kinds.append(event.type)
            if event.type == "response.output_text.delta":
                pieces.append(event.delta)
        response = stream.get_final_response()
    expect("responses, stream: first event", kinds[0], "response.created")
    expect("responses, stream: last event", kinds[-1], "response.completed")
    expect("responses, stream: the pieces are the whole", "".join(pieces), response.output_text)
    expect("responses, stream: quotes the message", "hello from a stream" in response.output_text, True)
    return {
        "text": response.output_text,
        "pieces": len(pieces),
        "inputTokens": response.usage.input_tokens,
        "outputTokens": response.usage.output_tokens,
    }


def responses_tool(client):
    tools = [{"type": "function", "name": "get_weather", "strict": True, "parameters": SCHEMA}]
    items = [{"role": "user", "content": "Please call get_weather for me"}]
    with client.responses.stream(model=model(), input=items, tools=tools) as stream:
        asked = stream.get_final_response()
    call = asked.output[0]
    arguments = json.loads(call.arguments)
    expect("responses, tool: type", call.type, "function_call")
    expect("responses, tool: name", call.name, "get_weather")
    expect("responses, tool: arguments", sorted(arguments), ["city"])
    items += [
        {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments},
        {"type": "function_call_output", "call_id": call.call_id, "output": "18 degrees and windy"},
    ]
    answer = client.responses.create(model=model(), input=items, tools=tools)
    expect("responses, tool: quotes the result", "18 degrees and windy" in answer.output_text, True)
    return {"name": call.name, "arguments": arguments, "answer": answer.output_text}


def embeddings(client):
    answer = client.embeddings.create(model=model(), input=["one", "two"])
    expect("embeddings: one for each", len(answer.data), 2)
    vector = answer.data[0].embedding
    expect("embeddings: numbers", all(isinstance(number, float) for number in vector), True)
    expect("embeddings: tokens", answer.usage.prompt_tokens > 0, True)
    return {"dimensions": len(vector), "inputTokens": answer.usage.prompt_tokens}


def main():
    client = openai.OpenAI(base_url=f"{base_url()}/v1", api_key=token(), max_retries=0)
    models = [entry.id for entry in client.models.list()]
    expect("models: some", len(models) > 0, True)
    expect("models: one", client.models.retrieve(models[0]).id, models[0])
    finish(
        sdk=f"openai {openai.__version__}",
        chat={"json": chat_json(client), "stream": chat_stream(client), "tool": chat_tool(client)},
        responses={
            "json": responses_json(client),
            "stream": responses_stream(client),
            "tool": responses_tool(client),
        },
        embeddings=embeddings(client),
        models=models,
    )


main()
