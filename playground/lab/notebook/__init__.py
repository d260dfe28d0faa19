"""`import playground` in notebooks and scripts: runs as Python objects, in the process of whoever
asks.

opening.py opens a run, run.py is the run, models.py what a run and a saved model have in common,
dissection.py one text inside the model, settings.py the names of settings, drawing.py what Jupyter
shows. `playground/__init__.py` offers the names; docs/api.md is the reference.

A run here is a Session, as it is for the command `train`: it knows no worker process and is not
recorded. Plugins run in the same process, without a watchdog.
"""

from playground.lab.notebook.dissection import Dissection as Dissection
from playground.lab.notebook.models import Model as Model
from playground.lab.notebook.opening import load as load
from playground.lab.notebook.opening import model as model
from playground.lab.notebook.opening import open as open
from playground.lab.notebook.opening import recorded as recorded
from playground.lab.notebook.run import Run as Run
from playground.lab.protocol.failures import LabError as LabError
