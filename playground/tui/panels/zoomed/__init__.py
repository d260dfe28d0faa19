"""What a panel shows more of when it has the whole screen. Each part is a widget of its own, which
the panel draws only while it is zoomed."""
