# The queue `automation` serves one vendor, so it has that vendor's rate. Its backoff is the only retry.

resource "google_cloud_tasks_queue" "automation" {
  name     = "automation"
  location = var.region

  rate_limits {
    max_concurrent_dispatches = var.workflow.automation_max_concurrent
    max_dispatches_per_second = var.automation_dispatches_per_second
  }

  # 10, 20, 40, 80, 160, 320, then 600 s each: ten deliveries take more than 40 minutes.
  retry_config {
    max_attempts       = var.queue_max_attempts
    min_backoff        = "10s"
    max_backoff        = "600s"
    max_doublings      = 6
    max_retry_duration = "0s" # no time limit: only attempts count, and the code counts them too
  }

  stackdriver_logging_config {
    sampling_ratio = 1 # to find one record, every delivery must be in the log
  }

  lifecycle {
    precondition {
      condition = (
        local.functions["automate"].max * local.functions["automate"].concurrency >= var.workflow.automation_max_concurrent
      )
      error_message = "automate cannot take as many requests at once as the queue sends: raise its instances or concurrency."
    }
  }

  depends_on = [google_project_service.api]
}

# A dead letter is never given up, so that no failed record is forgotten. The sweep finds a lost one.
resource "google_cloud_tasks_queue" "dead_letter" {
  name     = "dead-letter"
  location = var.region

  # Less than `fallback` takes at once, so that the sweep and people have room.
  rate_limits {
    max_concurrent_dispatches = 8
    max_dispatches_per_second = 10
  }

  retry_config {
    max_attempts       = -1
    min_backoff        = "5s"
    max_backoff        = "600s"
    max_doublings      = 7
    max_retry_duration = "0s"
  }

  stackdriver_logging_config {
    sampling_ratio = 1
  }

  depends_on = [google_project_service.api]
}
