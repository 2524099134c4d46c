"""As much of a server as a gateway needs: it says the time, and that what it is given is kept.

In: lines of mosquitto_sub (topic, payload). Out: the same lines, kept; an acknowledgement for each
status of a gateway that is online and for each batch.
"""

import json
import subprocess
import sys
import time

port, kept = sys.argv[1], open(sys.argv[2], "a", buffering=1)
for line in sys.stdin:
    kept.write(line)
    topic, _, payload = line.partition(" ")
    gateway, _, kind = topic.rpartition("/")
    if kind not in ("status", "sightings") or not payload.strip():
        continue
    message = json.loads(payload)
    if message.get("state") == "offline":
        continue
    ack = {"v": 1, "server_ms": time.time_ns() // 1_000_000, "boot": message["boot"], "applied": []}
    if kind == "status":
        ack["echo_mono_ms"] = message["sent_mono_ms"]
    else:
        ack["applied"] = [[message["seq"], message["seq"]]]
    publish = ["mosquitto_pub", "-p", port, "-q", "1", "-t", gateway + "/ack", "-m", json.dumps(ack)]
    subprocess.run(publish, check=True)
