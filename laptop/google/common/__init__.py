"""The parts that the stand-ins for Cloud Tasks and Cloud Scheduler share."""
