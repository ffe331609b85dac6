from infra.local.functions import function_environment
from infra.local.queues import queue_definitions
from infra.local.settings import read_local_settings


def test_the_automation_queue_takes_its_counts_from_the_settings_that_the_functions_see() -> None:
    user = {"WORKFLOW_AUTOMATION_MAX_CONCURRENT": "3", "QUEUE_MAX_ATTEMPTS": "4"}
    automation, dead_letter = queue_definitions(
        function_environment(read_local_settings({}).ports, "s" * 32, user, {})
    )

    assert automation.name == "projects/switchyard-local/locations/us-central1/queues/automation"
    assert automation.rate_limits.max_concurrent_dispatches == 3
    assert automation.retry_config.max_attempts == 4
    assert dead_letter.name.endswith("/queues/dead-letter")
    assert dead_letter.retry_config.max_attempts == -1
    assert dead_letter.retry_config.max_backoff == automation.retry_config.max_backoff
