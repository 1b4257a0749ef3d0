"""The gRPC service configs that the package carries: how calls are balanced, retried and hedged.

gRPC itself follows a `retryPolicy`. In Python it reads over a `hedgingPolicy` without following it, so
`hedging.py` does, by the same numbers.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import grpc


@dataclass(frozen=True, slots=True)
class HedgingPolicy:
    """Send again to another server after `delay_s`, or at once after a status that isn't fatal."""

    max_attempts: int
    delay_s: float
    non_fatal: frozenset[grpc.StatusCode]


@dataclass(frozen=True, slots=True)
class ServiceConfig:
    """A config as gRPC takes it, and its hedging policies by the service's full name."""

    text: str
    hedging: Mapping[str, HedgingPolicy]
    max_tokens: float
    token_ratio: float


def service_config(hedge_after_s: float | None) -> ServiceConfig:
    """The config with retries; with a delay, the one that hedges reads after it instead."""
    if hedge_after_s is None:
        return _parsed(_packaged("service_config.json"))
    if not 0 < hedge_after_s < float("inf"):
        raise ValueError(f"hedge_after_s is {hedge_after_s}; give a number of seconds above 0")
    config = _packaged("service_config_hedging.json")
    for policy in _hedging(config).values():
        policy["hedgingDelay"] = f"{hedge_after_s:.9f}s"
    return _parsed(config)


def _packaged(name: str) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(files(__package__).joinpath(name).read_text("utf-8"))
    return config


def _parsed(config: dict[str, Any]) -> ServiceConfig:
    throttling = config["retryThrottling"]
    hedging = {
        service: HedgingPolicy(
            policy["maxAttempts"],
            float(policy["hedgingDelay"].removesuffix("s")),
            frozenset(grpc.StatusCode[name] for name in policy["nonFatalStatusCodes"]),
        )
        for service, policy in _hedging(config).items()
    }
    return ServiceConfig(
        json.dumps(config), hedging, throttling["maxTokens"], throttling["tokenRatio"]
    )


def _hedging(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        name["service"]: method["hedgingPolicy"]
        for method in config["methodConfig"]
        if "hedgingPolicy" in method
        for name in method["name"]
    }
