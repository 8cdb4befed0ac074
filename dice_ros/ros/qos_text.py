"""QoS events in words, with what to change."""

from __future__ import annotations

from rclpy.qos import QoSPolicyKind

_OURS = {
    QoSPolicyKind.RELIABILITY: "it is best effort and this node asks for reliable: set the "
    "parameter image_reliability to best_effort, which matches every publisher",
    QoSPolicyKind.DURABILITY: "this node asks for volatile, which every publisher can offer",
}
_THEIRS = {
    QoSPolicyKind.RELIABILITY: "let it subscribe with best effort or reliable: both are offered",
    QoSPolicyKind.DURABILITY: "let it subscribe with durability volatile",
}
_FALLBACK = "take the policy out of its QoS profile"


def publisher_mismatch(topic: str, policy: int) -> str:
    """A publisher that this node cannot hear.

    Args:
        topic: what it publishes.
        policy: ``last_policy_kind`` of the event.
    """
    name, remedy = _words(policy, _OURS)
    return f"a publisher of {topic} does not match in {name}, nothing of it arrives: {remedy}"


def subscriber_mismatch(topic: str, policy: int) -> str:
    """A subscriber that cannot hear this node; arguments as for :func:`publisher_mismatch`."""
    name, remedy = _words(policy, _THEIRS)
    return f"a subscriber of {topic} does not match in {name}, it receives nothing: {remedy}"


def _words(policy: int, remedies: dict[QoSPolicyKind, str]) -> tuple[str, str]:
    try:
        kind = QoSPolicyKind(policy)
    except ValueError:
        return f"policy {policy}", _FALLBACK
    return kind.name.lower().replace("_", " "), remedies.get(kind, _FALLBACK)
