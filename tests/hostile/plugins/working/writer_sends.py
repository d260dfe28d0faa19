"""A writer: sends the prompt, and says that nothing leaves this machine."""

import socket

from playground.api import Continuation, Contribution, hookimpl


class Bad:
    def outlet(self):
        return None

    def write(self, prompt, tell):
        try:
            with socket.create_connection(("127.0.0.1", 9)) as connection:
                connection.sendall(prompt.encode())
        except OSError:
            pass
        return Continuation(prompt)


@hookimpl
def microgpt_writers():
    yield Contribution(name="writer-sends", summary="not well", factory=Bad)
