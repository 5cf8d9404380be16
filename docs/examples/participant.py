# participant.py NAME DIRECTORY: writes pairs of lines to DIRECTORY/log. No backup has half a pair.
import json, os, socket, sys, threading

name, directory = sys.argv[1:]
log = open(os.path.join(directory, "log"), "a")
writing = threading.Lock()
written = 0

def call(guard, method, parameters={}, descriptors=()):
    message = json.dumps({"method": "dev.lull.Guard." + method, "parameters": parameters})
    socket.send_fds(guard, [message.encode() + b"\0"], descriptors)
    answer = b""
    while not answer.endswith(b"\0"):
        answer += guard.recv(65536) or sys.exit("the guard is gone")
    reply = json.loads(answer[:-1])
    return reply["parameters"] if "error" not in reply else sys.exit(reply["parameters"]["message"])

def take_part(guard):
    guard.connect("/run/lull/guard.sock")
    paths = {"protocol": 1, "name": name, "limitMillis": 5000, "paths": [directory]}
    call(guard, "Register", paths, [os.open(directory, os.O_RDONLY)])
    while True:
        guard.settimeout(None)
        longest = call(guard, "Await")["longestMillis"]  # "order" is "rest"
        with writing:  # released also when the guard is gone, or says nothing in time
            call(guard, "Answer", {"outcome": "done", "evidence": {"lines": str(written)}})
            guard.settimeout(longest / 1000)
            call(guard, "Await")  # "order" is "resume"
        call(guard, "Answer", {"outcome": "done"})

threading.Thread(target=take_part, args=[socket.socket(socket.AF_UNIX)], daemon=True).start()
while True:
    with writing:
        for half in "ab":
            written += 1
            log.write(f"{written} {half}\n")
            log.flush()
            os.fsync(log.fileno())
