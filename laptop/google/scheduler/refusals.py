"""The errors of the real service, as its callers report them; texts of which there is no such report are ours."""

import grpc

from laptop.google.common.refusals import Refused, invalid

PRODUCT = "Cloud Scheduler"


def job_name_malformed() -> Refused:
    return invalid(
        'Job name must be formatted: "projects/<PROJECT_ID>/locations/<LOCATION_ID>/jobs/<JOB_ID>".'
    )


def schedule_invalid() -> Refused:
    return invalid("Schedule or time zone is invalid.")


def mask_invalid(field: str) -> Refused:
    return invalid(f"Invalid mask for Job: {field}")


def job_exists(name: str) -> Refused:
    """The words are ours."""
    return Refused(grpc.StatusCode.ALREADY_EXISTS, f"Job {name} already exists.")


def no_such_job() -> Refused:
    """The words are ours."""
    return Refused(grpc.StatusCode.NOT_FOUND, "Job not found.")


def wrong_state(name: str, needed: str) -> Refused:
    """The words are ours; that the state is asked for: docstrings of PauseJob and ResumeJob."""
    return Refused(grpc.StatusCode.FAILED_PRECONDITION, f"Job {name} is not in state {needed}.")
