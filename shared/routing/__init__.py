"""What should happen to a record: read it, look at what is known of it, decide, and say why. Pure.

row -> read_record -> PartRecord -> decide(record, history, policy, config) -> Decision
"""

from shared.routing.decision import Decision, decide
from shared.routing.evaluation import Comparison
from shared.routing.features import Features, History
from shared.routing.identity import manufacturer_key, record_key
from shared.routing.policy import Policy
from shared.routing.policy_file import DEFAULT_POLICY, available_policies, load_policy, read_policy
from shared.routing.record import PartRecord, Rejected, read_record
from shared.routing.route import Route, TaskPriority

__all__ = [
    "DEFAULT_POLICY",
    "Comparison",
    "Decision",
    "Features",
    "History",
    "PartRecord",
    "Policy",
    "Rejected",
    "Route",
    "TaskPriority",
    "available_policies",
    "decide",
    "load_policy",
    "manufacturer_key",
    "read_policy",
    "read_record",
    "record_key",
]
