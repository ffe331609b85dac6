# What the log lines tell, as metrics. The fields are those of docs/operations.md; shared/web writes them.

locals {
  from_functions = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=(${join(" OR ", formatlist("\"%s\"", keys(local.functions)))})"
  from_stages    = "jsonPayload.function=(${join(" OR ", formatlist("\"%s\"", keys(local.stages)))})"

  # Lines counted. A label is a field of the line.
  counters = {
    outcomes = {
      about  = "Deliveries of records to the worker, by how they ended"
      filter = "jsonPayload.function=\"automate\" AND jsonPayload.outcome:*"
      label  = "outcome"
    }
    lost_records = {
      about  = "Sweeps that found records which the queue had lost after work on them"
      filter = "jsonPayload.function=\"fallback\" AND jsonPayload.dead_lettered>0"
      label  = null
    }
    stage_runs = {
      about  = "Runs of a stage that worked, whatever became of single orders"
      filter = "${local.from_stages} AND jsonPayload.cycle:* AND jsonPayload.status=200"
      label  = "function"
    }
    # Not that it waits for the stage before it (retry_later) or runs already (409).
    stage_failures = {
      about  = "Runs of a stage that failed"
      filter = "${local.from_stages} AND jsonPayload.status>=500 AND NOT jsonPayload.code=\"retry_later\""
      label  = "function"
    }
    sweeps = {
      about  = "Sweeps that worked"
      filter = "jsonPayload.function=\"fallback\" AND jsonPayload.looked_at:* AND jsonPayload.status=200"
      label  = null
    }
  }

  # Numbers that every sweep writes into its line (health_figures in the migrations). A mean over some minutes of lines is the figure
  # itself, since a sweep comes every five.
  figures = {
    in_flight                    = { unit = "1", about = "Records that automation works on or will" }
    oldest_in_flight_seconds     = { unit = "s", about = "Age of the oldest of them that could be worked on" }
    manual_open                  = { unit = "1", about = "Manual tasks that are not ended" }
    manual_overdue               = { unit = "1", about = "Manual tasks past their due time" }
    labels_unknown               = { unit = "1", about = "Labels of which nobody knows whether they were bought" }
    oldest_label_unknown_seconds = { unit = "s", about = "Age of the oldest of them" }
    orders_for_person            = { unit = "1", about = "Orders that a person must look at" }
    daily_share                  = { unit = "1", about = "Share of the day's task quota that is used" }
  }

  # As alerts and dashboard name them.
  metric = merge(
    { for name, metric in google_logging_metric.counter : name => "logging.googleapis.com/user/${metric.name}" },
    { for name, metric in google_logging_metric.figure : name => "logging.googleapis.com/user/${metric.name}" },
  )
}

resource "google_logging_metric" "counter" {
  for_each = local.counters

  name             = "switchyard/${each.key}"
  description      = each.value.about
  filter           = "${local.from_functions} AND ${each.value.filter}"
  label_extractors = each.value.label == null ? null : { (each.value.label) = "EXTRACT(jsonPayload.${each.value.label})" }

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"

    dynamic "labels" {
      for_each = each.value.label == null ? [] : [each.value.label]

      content {
        key        = labels.value
        value_type = "STRING"
      }
    }
  }

  depends_on = [google_project_service.api]
}

resource "google_logging_metric" "figure" {
  for_each = local.figures

  name            = "switchyard/${each.key}"
  description     = each.value.about
  filter          = "${local.from_functions} AND jsonPayload.function=\"fallback\" AND jsonPayload.${each.key}>=0"
  value_extractor = "EXTRACT(jsonPayload.${each.key})"

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "DISTRIBUTION"
    unit        = each.value.unit
  }

  # Only the mean is used, which does not depend on the buckets.
  bucket_options {
    exponential_buckets {
      growth_factor      = 2
      num_finite_buckets = 32
      scale              = 0.01
    }
  }

  depends_on = [google_project_service.api]
}
