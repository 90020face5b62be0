"""What an agent has consumed, in words."""

from pawl.client import Usage


def consumed(usage: Usage) -> str:
    """What was consumed, as far as it is known."""
    told = []
    if usage.HasField("input_tokens"):
        cached = usage.cached_input_tokens
        told.append(f"{usage.input_tokens:,} in" + (f" ({cached:,} cached)" if cached else ""))
    if usage.HasField("output_tokens"):
        told.append(f"{usage.output_tokens:,} out")
    if usage.HasField("cost_usd"):
        told.append(f"${usage.cost_usd:,.4f}")
    return " · ".join(told)
