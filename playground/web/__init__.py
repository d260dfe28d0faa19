"""The playground in a browser: the server, and the sessions that it keeps for its visitors.

Each visitor drives the real command in a pseudo-terminal. The page draws with the terminal of
textual-serve; nothing else of textual-serve's server is used, which would run a shell, list its
folder and take any Origin. Needs the extra `web`, and Unix.
"""
