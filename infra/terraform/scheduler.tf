# Jobs that fire the stages in sequence, the intake of records, and the sweep.

locals {
  stage_cron = {
    for name, stage in local.stages : name => format(
      "%s * * * *", join(",", range(stage.offset_minutes, 60, local.pipeline.interval_minutes))
    )
  }

  # A stage answers 503 while the stage before it runs. Scheduler tries again after 30, 60, 120, 120, 120 s, which is longer than any
  # stage may run past the next one's time. A stage that still refuses then runs in the next cycle.
  stage_retry = { count = 5, min = 30, max = 120, doublings = 2 }
  stage_patience = sum([
    for attempt in range(local.stage_retry.count) :
    min(local.stage_retry.max, local.stage_retry.min * pow(2, min(attempt, local.stage_retry.doublings)))
  ])

  jobs = merge(
    {
      for name, stage in local.stages : name => {
        function = name
        about    = "Fulfillment, minute ${stage.offset_minutes} of each ${local.pipeline.interval_minutes}"
        schedule = local.stage_cron[name]
        body     = {}
        retry    = local.stage_retry
      }
    },
    {
      # Repeating is harmless: the batch is named after the schedule time, so it begins only once.
      orchestrate = {
        function = "orchestrate"
        about    = "Takes part records in"
        schedule = var.orchestrate.schedule
        body     = { limit = var.orchestrate.limit }
        retry    = { count = 3, min = 30, max = 300, doublings = 3 }
      }
      # One retry, because it is fired again five minutes later.
      sweep = {
        function = "fallback"
        about    = "Finds tasks that the queues lost, and logs the figures of everything"
        schedule = "*/5 * * * *"
        body     = { sweep = true }
        retry    = { count = 1, min = 20, max = 20, doublings = 0 }
      }
    },
  )
}

resource "google_cloud_scheduler_job" "job" {
  for_each = local.jobs

  name             = each.key
  description      = each.value.about
  region           = var.region
  schedule         = each.value.schedule
  time_zone        = local.pipeline.time_zone
  attempt_deadline = "${local.functions[each.value.function].timeout}s"
  paused           = var.scheduler_paused

  retry_config {
    retry_count          = each.value.retry.count
    min_backoff_duration = "${each.value.retry.min}s"
    max_backoff_duration = "${each.value.retry.max}s"
    max_doublings        = each.value.retry.doublings
    max_retry_duration   = "0s"
  }

  http_target {
    http_method = "POST"
    uri         = local.urls[each.value.function]
    headers     = { "Content-Type" = "application/json" } # else the service sends application/octet-stream: a 415
    body        = base64encode(jsonencode(each.value.body))

    oidc_token {
      service_account_email = google_service_account.caller["scheduler"].email
      audience              = local.urls[each.value.function]
    }
  }

  lifecycle {
    precondition {
      condition = alltrue([
        for place in range(1, length(local.pipeline.stages)) : local.stage_patience >= (
          local.pipeline.stages[place - 1].timeout_seconds + 60 * (
            local.pipeline.stages[place - 1].offset_minutes - local.pipeline.stages[place].offset_minutes
          )
        )
      ])
      error_message = "A stage could run longer than the retries of the next stage last: raise stage_retry or the offsets."
    }
  }

  # Firing begins when the function exists and Scheduler may call it.
  depends_on = [
    google_cloudfunctions2_function.function,
    google_cloud_run_v2_service_iam_member.invoker,
  ]
}
