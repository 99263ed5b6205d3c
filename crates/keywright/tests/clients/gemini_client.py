"""Google's own SDK, unmodified: a JSON turn, a streamed turn, a tool turn, a token count, the models.

Takes KEYWRIGHT_TEST_BASE_URL (without /v1beta) and KEYWRIGHT_TEST_TOKEN. Prints one line of JSON of
what it saw; ends with 1 and a sentence on standard error when something is not as it should be.
"""

from expect import base_url, expect, finish, model, token
from google import genai
from google.genai import types

WEATHER = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name="get_weather",
            description="The weather in a city.",
            parameters=types.Schema(
                type="OBJECT", properties={"city": types.Schema(type="STRING")}, required=["city"]
            ),
        )
    ]
)


def json_turn(client):
    answer = client.models.generate_content(model=model(), contents="hello from a JSON turn")
    expect("JSON turn: finish reason", answer.candidates[0].finish_reason.value, "STOP")
    expect("JSON turn: quotes the message", "hello from a JSON turn" in answer.text, True)
    usage = answer.usage_metadata
    expect(
        "JSON turn: tokens", usage.total_token_count, usage.prompt_token_count + usage.candidates_token_count
    )
    return {
        "text": answer.text,
        "inputTokens": usage.prompt_token_count,
        "outputTokens": usage.candidates_token_count,
    }


def streamed_turn(client):
    pieces, usage = [], None
    for chunk in client.models.generate_content_stream(model=model(), contents="hello from a stream"):
        pieces.append(chunk.text or "")
        usage = chunk.usage_metadata or usage
    text = "".join(pieces)
    expect("stream: several pieces", len(pieces) > 3, True)
    expect("stream: quotes the message", "hello from a stream" in text, True)
    expect("stream: tokens", usage is not None and usage.candidates_token_count > 1, True)
    return {
        "text": text,
        "pieces": len(pieces),
        "inputTokens": usage.prompt_token_count,
        "outputTokens": usage.candidates_token_count,
    }


def tool_turn(client):
    # Off, so that the SDK does not run the function itself.
    manual = types.AutomaticFunctionCallingConfig(disable=True)
    settings = types.GenerateContentConfig(tools=[WEATHER], automatic_function_calling=manual)
    contents = [types.Content(role="user", parts=[types.Part(text="Please call get_weather for me")])]
    asked = client.models.generate_content(model=model(), contents=contents, config=settings)
    call = asked.function_calls[0]
    expect("tool turn: name", call.name, "get_weather")
    expect("tool turn: arguments", sorted(call.args), ["city"])
    result = types.Part.from_function_response(name=call.name, response={"result": "18 degrees and windy"})
    contents += [asked.candidates[0].content, types.Content(role="user", parts=[result])]
    answer = client.models.generate_content(model=model(), contents=contents, config=settings)
    expect("tool turn: quotes the result", "18 degrees and windy" in answer.text, True)
    return {"name": call.name, "arguments": dict(call.args), "answer": answer.text}


def count(client):
    counted = client.models.count_tokens(model=model(), contents="count me")
    expect("count", counted.total_tokens > 0, True)
    return counted.total_tokens


def main():
    client = genai.Client(api_key=token(), http_options=types.HttpOptions(base_url=base_url()))
    models = [entry.name for entry in client.models.list()]
    expect("models: some", len(models) > 0, True)
    paged = client.models.list(config=types.ListModelsConfig(page_size=1))
    expect("models: by pages", [entry.name for entry in paged], models)
    expect("models: one", client.models.get(model=models[0]).name, models[0])
    finish(
        sdk=f"google-genai {genai.__version__}",
        json=json_turn(client),
        stream=streamed_turn(client),
        tool=tool_turn(client),
        count=count(client),
        models=models,
    )


main()
