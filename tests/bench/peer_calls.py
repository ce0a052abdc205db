"""Run by a peer's own interpreter (peers.py): ``peer_calls.py NAME FILE`` prints the seconds that all calls took.

Each answer is parsed to the four fields. Imports, the client and one call to connect are not counted.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

FIELDS = {"title", "user_story", "analysis", "verification"}


async def langchain_openai(work: dict[str, Any]) -> float:
    from langchain_openai import ChatOpenAI

    requests = work["requests"]
    model = ChatOpenAI(
        model=requests[0]["model"], base_url=work["base_url"], api_key="none", max_retries=0, timeout=120
    )
    runnable = model.with_structured_output(work["schema"], method="json_schema", strict=True)
    await runnable.ainvoke(requests[0]["messages"])
    started = time.perf_counter()
    limit = {"max_concurrency": work["concurrency"]}
    answers = await runnable.abatch([request["messages"] for request in requests], config=limit)
    seconds = time.perf_counter() - started
    assert all(set(answer) == FIELDS for answer in answers)
    return seconds


async def litellm(work: dict[str, Any]) -> float:
    import litellm

    turns = asyncio.Semaphore(work["concurrency"])
    form = {"type": "json_schema", "json_schema": {"name": "ticket", "strict": True, "schema": work["schema"]}}

    async def ask(request: dict[str, Any]) -> dict[str, str]:
        async with turns:
            answer = await litellm.acompletion(
                model=f"openai/{request['model']}",
                messages=request["messages"],
                response_format=form,
                api_base=work["base_url"],
                api_key="none",
                max_retries=0,
                timeout=120,
            )
        fields: dict[str, str] = json.loads(answer.choices[0].message.content)
        return fields

    await ask(work["requests"][0])
    started = time.perf_counter()
    answers = await asyncio.gather(*(ask(request) for request in work["requests"]))
    seconds = time.perf_counter() - started
    assert all(set(answer) == FIELDS for answer in answers)
    return seconds


if __name__ == "__main__":
    measure = {"langchain-openai": langchain_openai, "litellm": litellm}[sys.argv[1]]
    print(asyncio.run(measure(json.loads(Path(sys.argv[2]).read_text()))))
