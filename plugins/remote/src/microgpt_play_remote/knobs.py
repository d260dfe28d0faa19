"""What a person may choose. No knob holds a key: knobs are kept on disk."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict

from microgpt_play_remote import addresses, keys
from playground.api import Knob, Knobs

AddressText = Annotated[str, AfterValidator(addresses.checked)]
KeyName = Annotated[str, AfterValidator(keys.checked_name)]
ModelName = Annotated[str, AfterValidator(keys.checked_model)]
Way = Literal["chat", "completions"]
Reasoning = Literal["none", "low", "medium", "unsaid"]


def _key_from() -> Any:
    return Knob("environment", help="where the key is read when the writer is asked")


def _key_name(default: str) -> Any:
    return Knob(default, help="name of the environment variable, or of the keyring's service")


def _max_tokens() -> Any:
    return Knob(32, ge=1, le=4096, log=True, unit=" tokens", help="the most that is written")


def _temperature() -> Any:
    return Knob(
        1.0, ge=0, le=2, step=0.1, neutral=1.0, help="1 is not sent: the server's own is used"
    )


def _patience() -> Any:
    return Knob(30.0, ge=1, le=600, log=True, unit=" s", help="for the whole of the answer")


def _price(what: str) -> Any:
    return Knob(
        0.0, ge=0, le=1000, step=0.05, unit=" $",
        help=f"US dollars for a million tokens {what}; 0 if that is not known",
    )  # fmt: skip


class OpenAIKnobs(Knobs):
    """What an OpenAI-compatible address is asked for, and how."""

    model_config = ConfigDict(hide_input_in_errors=True)

    address: AddressText = Knob("https://api.openai.com/v1", help="up to its version, as /v1")
    model: ModelName = Knob("gpt-6-luna", help="as the server names it")
    key_from: keys.Source = _key_from()
    key_name: KeyName = _key_name("OPENAI_API_KEY")
    way: Way = Knob("chat", help="completions is for models that continue a text by nature")
    max_tokens: int = _max_tokens()
    reasoning: Reasoning = Knob(
        "none", help="chat alone: thought uses up the tokens; unsaid leaves it to the server"
    )
    temperature: float = _temperature()
    patience: float = _patience()
    price_read: float = _price("read")
    price_written: float = _price("written")


class ModelsLabKnobs(Knobs):
    """What ModelsLab is asked for, and how."""

    model_config = ConfigDict(hide_input_in_errors=True)

    model: ModelName = Knob("Qwen/Qwen2.5-VL-72B-Instruct-together", help="as ModelsLab names it")
    key_from: keys.Source = _key_from()
    key_name: KeyName = _key_name("MODELSLAB_API_KEY")
    max_tokens: int = _max_tokens()
    temperature: float = _temperature()
    patience: float = _patience()
    price_read: float = _price("read")
    price_written: float = _price("written")
