"""A picture of what is on the screen: cells.py takes the cells, svg.py writes them as an SVG, and
shapes.py draws the signs between which a font would leave gaps.

These modules know no run and write no file.
"""
