"""All that a plugin author imports.

A plugin is a module with one or more hook functions. A hook *declares* what there is, as
`Contribution`s; the objects that the contributions make *do* the work:

    from playground.api import Contribution, Knob, Knobs, hookimpl

    class ColdKnobs(Knobs):
        power: float = Knob(2.0, ge=1, le=10, step=0.5, neutral=1.0, help="logits times this")

    class Cold:
        def __init__(self, knobs: ColdKnobs) -> None:
            self.power = knobs.power

        def transform(self, logits, context):
            return [value * self.power for value in logits]

    @hookimpl
    def microgpt_sampling_strategies():
        yield Contribution(name="cold", summary="sharpen", factory=Cold, knobs=ColdKnobs)

Everything here is stable within one API_VERSION. Plugins are Python code, run with the rights
of the person who starts the playground.
"""

from __future__ import annotations

from microgpt.anatomy import Anatomy, LayerAnatomy
from microgpt.engine import (
    BulkEngine,
    Decoder,
    Engine,
    EngineFactory,
    PreparedEngine,
    Progress,
    Steps,
)
from microgpt.tokenizer import UnknownTextError
from playground.api.contribution import API_VERSION, PROJECT_NAME, Contribution, hookimpl, hookspec
from playground.api.knobs import Knob, Knobs, controls
from playground.api.lessons import (
    Cell,
    Choose,
    Curve,
    Do,
    Lesson,
    LessonFacts,
    LessonStep,
    LookFact,
    Number,
    Question,
    Tell,
    TrialFact,
)
from playground.api.run import (
    Exporter,
    ExportError,
    Metric,
    Panel,
    PanelFacts,
    RunData,
    RunExport,
    SampleFacts,
    SampleMetric,
    Schedule,
    SourceText,
    StepFacts,
    StepMetric,
    TextAnatomy,
)
from playground.api.text import (
    Dataset,
    DatasetError,
    PickStrategy,
    Provenance,
    SampleContext,
    Strategy,
    Tokenizer,
    TransformStrategy,
)
from playground.api.writing import Continuation, Outlet, Writer, WriterError
from playground.catalog import Control, KnobValue

__all__ = [
    "API_VERSION",
    "PROJECT_NAME",
    "Anatomy",
    "BulkEngine",
    "Cell",
    "Choose",
    "Continuation",
    "Contribution",
    "Control",
    "Curve",
    "Dataset",
    "DatasetError",
    "Decoder",
    "Do",
    "Engine",
    "EngineFactory",
    "ExportError",
    "Exporter",
    "Knob",
    "KnobValue",
    "Knobs",
    "LayerAnatomy",
    "Lesson",
    "LessonFacts",
    "LessonStep",
    "LookFact",
    "Metric",
    "Number",
    "Outlet",
    "Panel",
    "PanelFacts",
    "PickStrategy",
    "PreparedEngine",
    "Progress",
    "Provenance",
    "Question",
    "RunData",
    "RunExport",
    "SampleContext",
    "SampleFacts",
    "SampleMetric",
    "Schedule",
    "SourceText",
    "StepFacts",
    "StepMetric",
    "Steps",
    "Strategy",
    "Tell",
    "TextAnatomy",
    "Tokenizer",
    "TransformStrategy",
    "TrialFact",
    "UnknownTextError",
    "Writer",
    "WriterError",
    "controls",
    "hookimpl",
    "hookspec",
]
