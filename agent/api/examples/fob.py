"""fob.py PROFILE: a code, a session and the touch that it takes, by Python's standard library."""

import http.client
import json
import os
import socket
import sys
import threading


class Agent(http.client.HTTPConnection):
    """A connection to the agent's socket."""

    def __init__(self):
        super().__init__("fob")

    def connect(self):
        path = os.environ.get("FOB_SOCKET") or os.environ["XDG_RUNTIME_DIR"] + "/fob/agent.sock"
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(path)


def ask(path, request):
    agent = Agent()
    agent.request("POST", path, json.dumps(request), {"Content-Type": "application/json"})
    response = agent.getresponse()
    answer = json.load(response)
    if response.status != 200:
        error = answer["error"]  # error["code"] is for programs
        sys.exit(f"{error['code']}: {error['message']}\nhint: {error['hint']}")
    return answer


def follow(ready):
    """Yields events; ready is set once nothing from then on is missed."""
    agent = Agent()
    agent.request("GET", "/v1/events")
    for line in agent.getresponse():
        ready.set()
        if line.startswith(b"data:"):
            yield json.loads(line[5:])


def tell_touches(ready, told):
    for event in follow(ready):
        if event["type"] == "touch-wanted":
            print(event["message"], "until", event["until"], flush=True)
            told.set()


profile = sys.argv[1]
ready, told = threading.Event(), threading.Event()
threading.Thread(target=tell_touches, args=(ready, told), daemon=True).start()
ready.wait()
code = ask("/v1/codes", {"name": profile})
print("code", code["code"], "of token", code["token"], "until", code["valid_until"])
session = ask("/v1/sessions", {"profile": profile, "renew": True})
print("session", session["access_key_id"], "until", session["expiration"])
told.wait()
