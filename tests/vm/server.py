"""As much of a server as a gateway needs before it sends sightings: an answer with the time.

In: lines of mosquitto_sub (topic, payload). Out: the same lines, kept; an acknowledgement, of
nothing, to each status of a gateway that is online.
"""

import json
import subprocess
import sys
import time

port, kept = sys.argv[1], open(sys.argv[2], "a", buffering=1)
for line in sys.stdin:
    kept.write(line)
    topic, _, payload = line.partition(" ")
    if not topic.endswith("/status") or not payload.strip():
        continue
    status = json.loads(payload)
    if status["state"] != "online":
        continue
    ack = {
        "v": 1,
        "server_ms": time.time_ns() // 1_000_000,
        "echo_mono_ms": status["sent_mono_ms"],
        "boot": status["boot"],
        "applied": [],
    }
    ack_topic = topic.removesuffix("status") + "ack"
    subprocess.run(["mosquitto_pub", "-p", port, "-q", "1", "-t", ack_topic, "-m", json.dumps(ack)], check=True)
