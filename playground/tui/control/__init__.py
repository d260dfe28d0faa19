"""What a key does: from an action of a screen to a request to the lab, one subject a file.

controller.py makes the parts and hears what the lab reports. The parts change the model, and report
by three callbacks: draw again, tell the person, a defect. They know no widget.
"""
