"""The server that `handrail bench` measures: a house with its doors and a bare route beside them."""

import socket
import sys
from pathlib import Path
from typing import Any

import orjson
import uvicorn

from handrail.bench.house import open_house, policy
from handrail.core.model import SignedIn
from handrail.ledger.memory import replace_durably
from handrail.serving import application

_ECHO = """
rows:
  - type: echo.echo
    tier: 1
    says: "Say {args.text}"
    said: "Said {args.text}"
    category: documentation
    effect: read
    target_kind: other
    data_classes: []
    rationale: to measure
    owner: bench
    scorecard:
      reversibility: {level: immediate, why: known}
      blast_radius: {level: single, why: known}
      compliance: {level: none, why: known}
      frequency: {level: daily, why: known}
"""


def main() -> None:
    folder, ready = Path(sys.argv[1]), Path(sys.argv[2])
    # The protocol is named, since the event loop sends small answers at once only over such.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen(256)
    port = listening.getsockname()[1]
    with open_house(folder, port=port) as (house, _):
        people = house.services.read.people()
        who = SignedIn(
            person=people[0]["id"], name="Bench", signed_in_at=house.clock.now(), via="console"
        )
        files = policy(20, 1)
        signatures = files["matrix/bench.yaml"].split("rows:")[0]
        files["matrix/echo.yaml"] = signatures + _ECHO
        second = house.services.directory.add_person(
            None, "Second", "second@example.com", [("service-desk-manager", None)]
        )
        other = SignedIn(
            person=second["id"], name="Second", signed_in_at=house.clock.now(), via="console"
        )
        house.services.policies.publish(who, files, second=other)
        house.services.catalogue.connect(
            who, "echo", "mcp-stdio", command=sys.executable, args=["-m", "handrail.bench.echo"]
        )
        agent = house.services.directory.add_agent(
            who, "doors", purpose="to measure", version="1", connections=["bench", "echo"]
        )
        key = house.services.directory.issue_key(who, agent["id"])["key"]
        app = application(house)

        @app.post("/bare")
        def bare(body: dict[str, Any]) -> dict[str, Any]:
            return {"state": "done", "n": len(body)}

        replace_durably(ready, orjson.dumps({"port": port, "key": key}))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        server.run(sockets=[listening])


if __name__ == "__main__":
    main()
