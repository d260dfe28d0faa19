"""PageUp and PageDown in a list of options."""

from __future__ import annotations

from textual.widgets import OptionList


def turn_page(options: OptionList, by: int) -> None:
    """Move the highlight by `by` pages of what is in sight, and by one option at least.

    Textual's own actions look the highlight up among the lines as they were drawn last. A list that
    is not drawn, for want of room or of time, has none, and they raise.
    """
    if not options.option_count:
        return
    count, way = options.option_count, 1 if by > 0 else -1
    lines = max(count, options.virtual_size.height)  # an option may take several
    step = max(1, options.scrollable_content_region.height * count // max(1, lines))
    here = options.highlighted
    start = (-1 if by > 0 else count) if here is None else here
    to = min(max(start + by * step, 0), count - 1)
    onward = range(to, count) if by > 0 else range(to, -1, -1)
    for place in (*onward, *range(to - way, start, -way)):
        if not options.get_option_at_index(place).disabled:
            options.highlighted = place
            return
